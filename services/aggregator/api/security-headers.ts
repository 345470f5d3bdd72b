import type { MiddlewareHandler } from "hono";

/** What a page of the console may do: load its own files and ask its own origin; nothing in line, nothing framed. */
export const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** An answer with data may do nothing, should a browser take it for a page. */
export const dataPolicy = "default-src 'none'; frame-ancestors 'none'";

/**
 * Headers that keep other sites out of an answer and an answer out of other sites, and a refusal of requests that a
 * browser says another site has made: nothing here is meant to be read from there.
 */
export function securityHeaders(policy: string): MiddlewareHandler {
  return async (c, next) => {
    const site = c.req.header("sec-fetch-site");
    if (site === "cross-site" && c.req.header("sec-fetch-mode") !== "navigate") {
      return c.json({ error: "requests of other sites aren't answered" }, 403);
    }
    await next();
    c.res.headers.set("Content-Security-Policy", policy);
    c.res.headers.set("X-Content-Type-Options", "nosniff");
    c.res.headers.set("Referrer-Policy", "no-referrer");
    c.res.headers.set("Cross-Origin-Resource-Policy", "same-origin");
    c.res.headers.set("Cross-Origin-Opener-Policy", "same-origin");
    if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-cache");
    return undefined;
  };
}
