import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { createLogger } from "./log.ts";
import { operationsApp } from "./operations-app.ts";

function app(token = "", operatorToken = "") {
  const log = createLogger("test");
  log.level = "silent";
  const operations = operationsApp({
    notReady: () => undefined,
    metrics: new Registry(),
    log,
    descriptions: new Map([["/things", "all things"]]),
    tokens: { token, operatorToken },
  });
  operations.all("/meshregistry/things", (c) => c.text("things"));
  operations.post("/meshregistry/things/release", (c) => c.text("released"));
  operations.all("/meshregistry/collectors/eureka/north", (c) => c.text("a collector"));
  operations.all("/meshregistry/collectors/eureka/north/held", (c) => c.text("held"));
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await operations.request(path, init);
    return { status: response.status, text: await response.text() };
  };
  return { log, ask };
}

describe("the pages that every service has", () => {
  test.each(["/", "/meshregistry", "/meshregistry/"])(
    "%s lists all pages, as text and as HTML",
    async (path) => {
      const { ask } = app();
      const { text } = await ask(path);
      expect(text).toMatch(/^GET \/metrics +metrics for Prometheus$/m);
      expect(text).toMatch(/^GET \/meshregistry\/things +all things$/m);
      expect(text).toMatch(/^GET \/meshregistry\/collectors\/eureka\/north +a collector: /m);
      expect(text).toMatch(
        /^GET \/meshregistry\/collectors\/eureka\/north\/held +what the .* guard holds back$/m,
      );
      expect(text).toMatch(/^POST \/meshregistry\/things\/release$/m);
      const html = await ask(path, { headers: { Accept: "text/html,application/xhtml+xml" } });
      expect(html.text).toContain(
        '<a href="/meshregistry/things">/meshregistry/things</a></td><td>all things',
      );
    },
  );

  test("every page of the list is there, by any method, as in slime", async () => {
    const { ask } = app();
    const pages = [...(await ask("/")).text.matchAll(/^GET (\S+)/gm)].map(([, path = ""]) => path);
    expect(pages).toEqual(
      expect.arrayContaining(["/healthz", "/modules/livez", "/modules/readyz", "/log/slime"]),
    );
    for (const page of pages) {
      for (const method of ["GET", "POST", "PUT", "HEAD"]) {
        expect.soft((await ask(page, { method })).status, `${method} ${page}`).toBe(200);
      }
    }
  });

  test("a path without a page leads to where the pages are listed", async () => {
    const { ask } = app();
    expect(await ask("/nothing")).toEqual({
      status: 404,
      text: "no page /nothing here; / lists all pages\n",
    });
    expect((await ask("/meshregistry/collectors/nacos")).text).toMatch(
      /^no page .*collectors\/nacos here; \/meshregistry\/sources of the aggregator shows all collectors; /,
    );
  });

  test("only probes need no token", async () => {
    const { ask } = app("secret");
    const open = ["/healthz", "/modules/livez", "/modules/readyz", "/meshregistry/ready"];
    for (const path of open) expect.soft((await ask(path)).status, path).toBe(200);
    for (
      const path of [
        "/",
        "/meshregistry",
        "/metrics",
        "/log/slime",
        "/log/slime?level=debug",
        "/meshregistry/things",
      ]
    ) {
      expect.soft((await ask(path)).status, path).toBe(401);
      expect.soft((await ask(path, { headers: { Authorization: "Bearer secret" } })).status, path).toBe(200);
    }
  });
});

describe("/log/slime", () => {
  test("tells the level and sets it, by slime's names too, for loggers that are there already", async () => {
    const { log, ask } = app();
    const child = log.child({ registry: "eureka" });
    const grandchild = child.child({});
    expect(await ask("/log/slime")).toEqual({ status: 200, text: "silent\n" });
    expect(await ask("/log/slime?level=warning", { method: "PUT" })).toEqual({ status: 200, text: "warn\n" });
    expect([log.level, child.level, grandchild.level]).toEqual(["warn", "warn", "warn"]);
    expect(log.child({}).level).toBe("warn");
    expect(await ask("/log/slime?level=loud")).toEqual({
      status: 400,
      text: "unknown level; expected one of trace, debug, info, warn, error\n",
    });
    expect(log.level).toBe("warn");
  });

  test("with an operator's token, setting the level needs it, and reading it doesn't", async () => {
    const { log, ask } = app("", "secret");
    for (const method of ["GET", "POST", "PUT"]) {
      expect((await ask("/log/slime?level=warn", { method })).status).toBe(401);
    }
    expect(log.level).toBe("silent");
    expect(await ask("/log/slime")).toEqual({ status: 200, text: "silent\n" });
    const headers = { Authorization: "Bearer secret" };
    expect(await ask("/log/slime?level=warn", { headers })).toEqual({ status: 200, text: "warn\n" });
    expect(log.level).toBe("warn");
  });

  test("a page of another site can't set the level", async () => {
    const { log, ask } = app();
    const headers = { "Sec-Fetch-Site": "cross-site" };
    expect((await ask("/log/slime?level=warn", { headers })).status).toBe(403);
    expect(log.level).toBe("silent");
  });
});
