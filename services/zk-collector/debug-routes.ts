import { Hono } from "hono";
import { compareCodePoints } from "../../shared/istio/mod.ts";
import type { RegisteredInstance } from "../../shared/dubbo/conversion/convert-interface.ts";

/** The instances of one interface by service key (`interface:group:version`), those that selectors leave out too. */
export type RegisteredInterface = readonly [
  name: string,
  services: Iterable<readonly [key: string, instances: readonly RegisteredInstance[]]>,
];

/**
 * The only part of slime's `/zk` that isn't on the stream: `/zk?registry_services=true`, the instances before
 * selection. `registered` returns the instances of one interface, or of all. The aggregator's `/zk` passes such a request on
 * to this one if it is in the same process; any other goes on to the next handler.
 */
export function registeredInstancesRoutes(
  registered: (interfaceName: string | undefined) => Iterable<RegisteredInterface>,
): Hono {
  const routes = new Hono();
  routes.get("/zk", async (c, next) => {
    if (!isTrueToGo(c.req.query("registry_services"))) return await next();
    const name = c.req.query("interfaceName") || undefined;
    const found = [...registered(name)].map(([interfaceName, services]) => (
      [interfaceName, Object.fromEntries([...services].sort(byKey))] as const
    ));
    const cache = name === undefined
      ? Object.fromEntries(found.sort(byKey))
      : found.find(([interfaceName]) => interfaceName === name)?.[1] ?? null;
    return c.body(JSON.stringify({ cache }, undefined, 2), 200, { "Content-Type": "application/json" });
  });
  return routes;
}

/** Texts that Go's `strconv.ParseBool` takes for true. */
function isTrueToGo(text: string | undefined): boolean {
  return text !== undefined && ["1", "t", "T", "true", "True", "TRUE"].includes(text);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareCodePoints(a, b);
}
