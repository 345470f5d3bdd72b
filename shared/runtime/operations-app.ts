import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import type { Registry } from "prom-client";

export interface OperationsOptions {
  /** What is still missing before the service is ready, as `/ready` says it; undefined when it is ready. */
  readonly notReady: () => string | undefined;
  /** What a person should know though the service is ready; `/meshregistry/ready` says it with its 200. */
  readonly remark?: () => string | undefined;
  readonly metrics: Registry;
  /** Bearer token that everything but the probes asks for; empty for none. */
  readonly token: string;
}

/**
 * What every service's HTTP server has: `/healthz`, `/metrics`, the readiness probe `/meshregistry/ready`, and slime's
 * names for the probes. Routes added later are behind the token, too.
 */
export function operationsApp({ notReady, remark, metrics, token }: OperationsOptions): Hono {
  const app = new Hono();
  app.get("/healthz", (c) => c.text("ok"));
  app.get("/modules/livez", (c) => c.text("ok"));
  app.get(
    "/modules/readyz",
    (c) => notReady() === undefined ? c.text("ok") : c.text("meshregistry is not ready", 500),
  );
  app.get("/meshregistry/ready", (c) => {
    const missing = notReady();
    if (missing !== undefined) return c.text(missing, 503);
    const text = remark?.();
    return text === undefined ? c.body(null, 200) : c.text(text, 200);
  });
  if (token !== "") app.use(bearerAuth({ token }));
  app.get(
    "/metrics",
    async (c) => c.text(await metrics.metrics(), 200, { "Content-Type": metrics.contentType }),
  );
  return app;
}
