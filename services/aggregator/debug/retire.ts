import { Hono } from "hono";
import type { Config } from "../../../shared/config/mod.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import { operatorsOnly } from "../../../shared/runtime/operator.ts";
import { previewRetire, refusalOf, retire } from "../sources/retire.ts";
import type { RetireOptions } from "../sources/retire.ts";
import { whoAsks } from "./who-asks.ts";

/**
 * Retires a source that has left the configuration: `GET /sources/<registry>/<source>/retire` shows what would be
 * deleted, `POST` deletes it.
 */
export function retireRoutes(options: RetireOptions & { readonly config: Config }): Hono {
  const routes = new Hono();
  routes.onError((error, c) => {
    if (!isMeshError(error, "entry-log-unavailable")) throw error;
    return c.json({ error: errorText(error) }, 503);
  });
  routes.get("/sources/:registry/:source/retire", async (c) => {
    return c.json(await previewRetire(c.req.param(), options));
  });
  routes.post("/sources/:registry/:source/retire", operatorsOnly(options.config.http), async (c) => {
    const { registry, source } = c.req.param();
    const refusal = refusalOf({ registry, source }, options);
    if (refusal !== undefined) return c.json({ error: refusal }, 409);
    const retired = await retire({ registry, source }, whoAsks(c), options);
    return c.json(retired, Object.keys(retired.failed).length === 0 ? 200 : 502);
  });
  return routes;
}
