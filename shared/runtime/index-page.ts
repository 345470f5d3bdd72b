import type { Context, Hono } from "hono";

/**
 * What pages are for, by their path without the prefix `/meshregistry`, or by the end of it behind a `*`, or by the
 * beginning of it before one. The first that fits counts.
 */
export type PageDescriptions = ReadonlyMap<string, string>;

/** A page of the list: where, and how. */
interface Page {
  readonly path: string;
  /** `GET` for what only reads. */
  readonly method: string;
  readonly about: string;
}

/** The pages of an app in the order in which they were added: all that it answers, whoever added it. */
function pagesOf(app: Hono, descriptions: PageDescriptions): Page[] {
  const pages = new Map<string, Page>();
  for (const { path, method } of app.routes) {
    if (path.includes("*") || path.endsWith("/") || path === "/meshregistry") continue;
    const shown = method === "ALL" ? "GET" : method;
    const about = descriptionOf(path, descriptions);
    if (!pages.has(`${shown} ${path}`)) pages.set(`${shown} ${path}`, { path, method: shown, about });
  }
  return [...pages.values()];
}

function descriptionOf(path: string, descriptions: PageDescriptions): string {
  const plain = path.replace(/^\/meshregistry(?=\/)/, "");
  const exact = descriptions.get(path) ?? descriptions.get(plain);
  if (exact !== undefined) return exact;
  const found = [...descriptions].find(([key]) =>
    key.startsWith("*")
      ? path.endsWith(key.slice(1))
      : key.endsWith("*") && plain.startsWith(key.slice(0, -1))
  );
  return found?.[1] ?? "";
}

/** A handler that lists the pages of an app: as HTML for browsers, as text for everybody else. */
export function indexPage(app: Hono, descriptions: PageDescriptions): (c: Context) => Response {
  return (c) => {
    const pages = pagesOf(app, descriptions);
    if (!(c.req.header("accept") ?? "").includes("text/html")) {
      const width = Math.max(...pages.map(({ method, path }) => method.length + path.length)) + 3;
      return c.text(
        pages.map(({ method, path, about }) =>
          `${`${method} ${path}`.padEnd(width)}${about}`.trimEnd() + "\n"
        ).join(""),
      );
    }
    const rows = pages.map(({ method, path, about }) => {
      const name = method === "GET" && !path.includes(":")
        ? `<a href="${path}">${path}</a>`
        : `${method} ${path}`;
      return `<tr><td>${name}</td><td>${about}</td></tr>`;
    });
    return c.html(
      `<!doctype html><title>meshregistry</title><h1>meshregistry</h1><table>${rows.join("\n")}</table>`,
    );
  };
}
