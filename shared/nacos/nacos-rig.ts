import { expect, onTestFinished } from "vitest";
import { SuiteNaming } from "../../test/simulators/nacos-suite-client.ts";
import { SimulatedNacos } from "../simulators/nacos/server.ts";
import type { SimulatedNacosOptions } from "../simulators/nacos/server.ts";
import { NacosClient } from "./client.ts";
import type { HealthTimes } from "./grpc/health.ts";
import type { NacosOptions, NamingOptions, ServiceName } from "./nacos.ts";

/** `expect.poll` with the patience for a busy machine: the time limit is the test's own. */
export function eventually<Value>(read: () => Value) {
  return expect.poll(read, { interval: 10, timeout: 60_000 });
}

/** A service of the group that most tests use. */
export function service(name: string, group = "g"): ServiceName {
  return { group, name };
}

/** Starts an empty simulated server, which ends with the test. */
export async function startServer(options: SimulatedNacosOptions = {}): Promise<SimulatedNacos> {
  const server = new SimulatedNacos({ pushDelayMs: 10, ...options });
  onTestFinished(() => server[Symbol.asyncDispose]());
  await server.listen();
  return server;
}

/** A client that ends with the test. */
export function clientOf(
  servers: readonly (SimulatedNacos | string)[],
  options: Partial<NacosOptions> = {},
  health?: HealthTimes,
): NacosClient {
  const client = new NacosClient({
    servers: servers.map((server) => typeof server === "string" ? server : server.address),
    mode: "watching",
    refreshPeriodMs: 50,
    requestTimeoutMs: 5_000,
    ...options,
  }, health);
  onTestFinished(() => client[Symbol.asyncDispose]());
  return client;
}

/** Discovery in the public namespace with all that it tells; it ends with its client. */
export function namingOf(client: NacosClient, namespace = "", options?: NamingOptions): SuiteNaming {
  return new SuiteNaming(client, namespace, options);
}

/** The events so far, each in a word or two. */
export function told(naming: SuiteNaming): readonly string[] {
  return naming.events.map((event) => {
    switch (event.type) {
      case "connected":
        return `connected ${event.connection.number}`;
      case "lost":
        return `lost ${event.connection.number}`;
      case "snapshot":
        return `${event.snapshot.service.name}: ${event.snapshot.instances.length} by ${event.snapshot.connection}`;
      case "refused":
        return `refused ${event.service.name}: ${event.error.kind}`;
      case "services":
        return `services ${event.services.length}`;
      case "service-added":
      case "service-gone":
        return `${event.type} ${event.service.name}`;
      case "failed":
      case "services-failed":
        return `${event.type} ${event.error.kind}`;
      case "caught-up":
        return event.type;
    }
  });
}

/** The last error that was told. */
export function lastErrorOf(naming: SuiteNaming): string {
  return naming.events.flatMap((event) => "error" in event ? [event.error.message] : []).at(-1) ?? "none";
}
