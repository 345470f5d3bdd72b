import { setTimeout as delay } from "node:timers/promises";
import type { EurekaRegistry } from "./eureka-registry.ts";

/** A small shop: services and how many instances each begins with. */
const shop: readonly (readonly [name: string, instances: number])[] = [
  ["storefront", 3],
  ["catalog", 3],
  ["search", 2],
  ["cart", 2],
  ["orders", 3],
  ["payment", 2],
  ["shipping", 2],
  ["inventory", 2],
  ["pricing", 1],
  ["reviews", 1],
  ["users", 2],
  ["mailer", 1],
];

const zones = ["a", "b", "c"];

function instance(name: string, service: number, number: number) {
  const address = `10.${20 + service}.0.${number}`;
  return {
    instanceId: `${address}:${name}:8080`,
    hostName: address,
    ipAddr: address,
    status: "UP",
    port: { "$": 8080, "@enabled": "true" },
    securePort: { "$": 443, "@enabled": "false" },
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
    vipAddress: name,
    metadata: { version: number % 3 === 0 ? "v2" : "v1", zone: zones[number % zones.length] },
  };
}

/** Registers the shop, then lets one service after another scale up, scale down, go and come back, until the signal aborts. */
export async function runDemoServices(
  registry: EurekaRegistry,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  const running = shop.map(([name, count], service) => {
    for (let number = 1; number <= count; number++) registry.register(name, instance(name, service, number));
    return { name, service, count, normal: count };
  });
  const idOf = (service: number, name: string, number: number) => instance(name, service, number).instanceId;
  for (let step = 0; !signal.aborted; step++) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const chosen = running[(step * 5) % running.length];
    if (chosen === undefined) return;
    const { name, service } = chosen;
    if (step % 4 === 3 || chosen.count > chosen.normal + 2) {
      for (; chosen.count > 0; chosen.count--) registry.cancel(name, idOf(service, name, chosen.count));
    } else {
      chosen.count = Math.max(chosen.count + 1, chosen.count === 0 ? chosen.normal : 0);
      for (let number = 1; number <= chosen.count; number++) {
        if (!registry.knows(name, idOf(service, name, number))) {
          registry.register(name, instance(name, service, number));
        }
      }
    }
  }
}
