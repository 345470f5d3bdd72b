import { readdirSync, readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { fileURLToPath } from "node:url";
import { basename, join } from "node:path";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";

/** A file of the console as browsers get it. */
interface ServedFile {
  readonly type: string;
  readonly body: string;
}

const folder = fileURLToPath(new URL("./page/", import.meta.url));

const shared = fileURLToPath(new URL("../../shared/", import.meta.url));

/** Modules of `shared` that the page runs, not only takes types from; served beside its own. */
const sharedModules = ["api/event-parser.ts", "model/cursor.ts"];

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/javascript; charset=utf-8",
};

/**
 * The console's files, which name each other and the API by relative URLs only: a proxy may put a path in front.
 * `index.html` is at `/`, all others below `/console/`.
 *
 * There is no build: browsers load the modules as they are, without their types, which the runtime strips when the first
 * browser comes (100 ms, once). All of it is less than 60 KB compressed.
 */
export function consoleRoutes(): Hono {
  let files: ReadonlyMap<string, ServedFile> | undefined;
  const app = new Hono();
  app.use("/", compress({ threshold: 512 }), etag());
  app.use("/console/*", compress({ threshold: 512 }), etag());
  app.get("/", (c, next) => {
    // Programs get the list of pages, which is text.
    if (!(c.req.header("accept") ?? "").includes("text/html")) return next();
    files ??= consoleFiles();
    return answer(files.get("index.html"));
  });
  app.get("/console/:file", (c, next) => {
    files ??= consoleFiles();
    const file = files.get(c.req.param("file"));
    return file === undefined ? next() : answer(file);
  });
  return app;
}

function answer(file: ServedFile | undefined): Response {
  if (file === undefined) {
    return new Response("the console is missing in this installation\n", { status: 404 });
  }
  return new Response(file.body, { headers: { "Content-Type": file.type } });
}

/** All files by name, as browsers get them. */
export function consoleFiles(): ReadonlyMap<string, ServedFile> {
  const files = new Map<string, ServedFile>();
  for (const name of readdirSync(folder)) {
    const ending = /\.\w+$/.exec(name)?.[0] ?? "";
    const type = types[ending];
    if (type === undefined) continue;
    const text = readFileSync(join(folder, name), "utf8");
    files.set(name, { type, body: ending === ".ts" ? asJavaScript(text) : text });
  }
  for (const name of sharedModules) {
    files.set(basename(name), {
      type: types[".ts"] ?? "",
      body: asJavaScript(readFileSync(join(shared, name), "utf8")),
    });
  }
  const preact = readFileSync(createRequire(import.meta.url).resolve("preact"), "utf8");
  files.set("preact.js", {
    type: types[".ts"] ?? "",
    body: preact.replace(/^\/\/# sourceMappingURL=.*$/m, ""),
  });
  return files;
}

/** A module without types; its one package, and modules of `shared`, are files beside it. */
function asJavaScript(source: string): string {
  const { emitWarning } = process;
  // Node calls the function experimental each time a process uses it first; the log is for operators.
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source).replaceAll('from "preact"', 'from "./preact.js"')
      .replaceAll(/from "(?:\.\.\/){3}shared\/\w+\//g, 'from "./');
  } finally {
    process.emitWarning = emitWarning;
  }
}
