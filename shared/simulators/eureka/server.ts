import { Hono } from "hono";
import { z } from "zod";
import type { HttpServer } from "../../runtime/http-server.ts";
import { serveHttp } from "../../runtime/http-server.ts";
import { EurekaRegistry } from "./registry.ts";

const Registration = z.looseObject({
  instance: z.looseObject({ instanceId: z.string(), status: z.string().default("UP") }),
});

/** What takes an answer's place: any other answer, or none at all. */
export type Fault = Response | "hang";

/**
 * A Eureka server in this process, over the real protocol: for the demo, and for tests of faults and scale. It answers
 * like a Spring Cloud Eureka server without response caches, see the suite that both pass.
 */
export class EurekaServer implements AsyncDisposable {
  readonly registry: EurekaRegistry;
  /** Chooses the fault for a request path (`/apps`, `/apps/delta`); undefined answers as it should. */
  fault: ((path: string, headers: Headers) => Fault | undefined) | undefined;
  /** Requests answered so far, by path. */
  readonly requests = new Map<string, number>();
  #http: HttpServer | undefined;

  constructor(registry: EurekaRegistry = new EurekaRegistry()) {
    this.registry = registry;
  }

  /** Starts to listen on `address` (`host:port`). Answers the base URL, to which clients append `/apps`. */
  async listen(address: string): Promise<string> {
    this.#http = await serveHttp(this.#app(), address, "the demo's address");
    return `${this.#http.url}/eureka`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http?.[Symbol.asyncDispose]();
    this.#http = undefined;
  }

  #app(): Hono {
    const { registry } = this;
    const app = new Hono().basePath("/eureka");
    app.use(async (c, next) => {
      const path = c.req.path.slice("/eureka".length);
      this.requests.set(path, (this.requests.get(path) ?? 0) + 1);
      const fault = this.fault?.(path, c.req.raw.headers);
      if (fault === "hang") return await new Promise<never>(() => {});
      return fault ?? await next();
    });
    // Like the original: XML for whoever doesn't ask for JSON, though here without the content.
    app.get("/apps", async (c, next) => {
      if (c.req.header("accept")?.includes("json") === true) return await next();
      return c.body("<applications/>", 200, { "Content-Type": "application/xml" });
    });
    app.get("/apps", (c) => c.json(registry.all() ?? {}));
    app.get("/apps/delta", (c) => c.json(registry.delta() ?? {}));
    app.get("/apps/:name", (c) => {
      const found = registry.application(c.req.param("name"));
      return found === undefined ? c.body(null, 404) : c.json(found);
    });
    app.post("/apps/:name", async (c) => {
      const parsed = Registration.safeParse(await c.req.json().catch(() => undefined));
      if (!parsed.success) return c.text('The body must be {"instance": {"instanceId": …}}', 400);
      registry.register(c.req.param("name"), parsed.data.instance);
      return c.body(null, 204);
    });
    app.put(
      "/apps/:name/:id",
      (c) => c.body(null, registry.knows(c.req.param("name"), c.req.param("id")) ? 200 : 404),
    );
    app.delete(
      "/apps/:name/:id",
      (c) => c.body(null, registry.cancel(c.req.param("name"), c.req.param("id")) ? 200 : 404),
    );
    app.put("/apps/:name/:id/status", (c) => {
      const { name, id } = c.req.param();
      return c.body(null, registry.override(name, id, c.req.query("value") ?? "UNKNOWN") ? 200 : 404);
    });
    app.delete("/apps/:name/:id/status", (c) => {
      const { name, id } = c.req.param();
      return c.body(null, registry.removeOverride(name, id, c.req.query("value") ?? "UNKNOWN") ? 200 : 404);
    });
    app.put("/apps/:name/:id/metadata", (c) => {
      const { name, id } = c.req.param();
      return c.body(null, registry.setMetadata(name, id, c.req.query()) ? 200 : 404);
    });
    return app;
  }
}
