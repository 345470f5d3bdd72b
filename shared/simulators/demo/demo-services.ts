import { setTimeout as delay } from "node:timers/promises";
import type { EurekaRegistry } from "../eureka/registry.ts";

/** A service of the demo: the instances with the numbers 1 to `instances` run in the beginning. */
export interface DemoService {
  readonly name: string;
  /** Its place in the shop, which its addresses show: 10.(20 + place).0.number. */
  readonly place: number;
  readonly instances: number;
}

/** A small shop: services and how many instances each begins with. */
export const shop: readonly DemoService[] = ([
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
] as const).map(([name, instances], place) => ({ name, instances, place }));

/** Where the demo's instances register. Both functions are called for an instance in turns. */
export interface DemoRegistry {
  register(service: DemoService, number: number): void;
  deregister(service: DemoService, number: number): void;
}

/** Address of an instance. */
export function demoAddress({ place }: DemoService, number: number): string {
  return `10.${20 + place}.0.${number}`;
}

/** Registers the shop, then lets one service after another scale up, go and come back, until the signal aborts. */
export async function runShop(registry: DemoRegistry, pauseMs: number, signal: AbortSignal): Promise<void> {
  const running = shop.map((service) => ({ service, count: 0 }));
  for (const one of running) scale(registry, one, one.service.instances);
  for (let step = 0; !signal.aborted; step++) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    const chosen = running[(step * 5) % running.length];
    if (signal.aborted || chosen === undefined) return;
    const { service, count } = chosen;
    if (count === 0) scale(registry, chosen, service.instances);
    else if (step % 4 === 3 || count > service.instances + 2) scale(registry, chosen, 0);
    else scale(registry, chosen, count + 1);
  }
}

function scale(
  registry: DemoRegistry,
  running: { service: DemoService; count: number },
  wanted: number,
): void {
  while (running.count > wanted) registry.deregister(running.service, running.count--);
  while (running.count < wanted) registry.register(running.service, ++running.count);
}

/** Runs the shop in Eureka; see {@link runShop}. */
export async function runDemoServices(
  registry: EurekaRegistry,
  pauseMs: number,
  signal: AbortSignal,
): Promise<void> {
  const instances: DemoRegistry = {
    register: (service, number) => registry.register(service.name, instance(service, number)),
    deregister: (service, number) => registry.cancel(service.name, instance(service, number).instanceId),
  };
  await runShop(instances, pauseMs, signal);
}

const zones = ["a", "b", "c"];

function instance(service: DemoService, number: number) {
  const address = demoAddress(service, number);
  return {
    instanceId: `${address}:${service.name}:8080`,
    hostName: address,
    ipAddr: address,
    status: "UP",
    port: { "$": 8080, "@enabled": "true" },
    securePort: { "$": 443, "@enabled": "false" },
    dataCenterInfo: { "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", name: "MyOwn" },
    vipAddress: service.name,
    metadata: { version: number % 3 === 0 ? "v2" : "v1", zone: zones[number % zones.length] },
  };
}
