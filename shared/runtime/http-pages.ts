import type { Context } from "hono";

/** Answers with indented JSON: these pages are read by people. */
export function pageOf(c: Context, value: unknown): Response {
  return c.body(JSON.stringify(value, undefined, 2), 200, { "Content-Type": "application/json" });
}

/** Answers for a path that no page has, and says where to look. */
export function noPage(c: Context): Response {
  const hint = /\/collectors(\/|$)/.test(c.req.path)
    ? "/meshregistry/sources of the aggregator shows all collectors; a collector that runs alone has its page at its own port"
    : "/ lists all pages";
  return c.text(`no page ${c.req.path} here; ${hint}\n`, 404);
}
