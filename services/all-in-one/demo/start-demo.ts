import { loadConfig } from "../../../shared/config/mod.ts";
import type { LoadedConfig } from "../../../shared/config/mod.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type { ServiceContext } from "../../../shared/runtime/run-service.ts";

/** The registries that can be shown without having one. */
export const demoNames = ["eureka", "zookeeper"] as const;
export type DemoName = (typeof demoNames)[number];

/** How often the demo changes something. */
const pauseMs = 2_000;

/** The demo of that name. @throws MeshError `configuration` if there is none. */
export function demoNamed(name: string): DemoName {
  const found = demoNames.find((known) => known === name);
  if (found === undefined) {
    throw new MeshError(
      "configuration",
      `There is no demo "${name}": --demo takes ${demoNames.join(" or ")}`,
    );
  }
  return found;
}

/** Starts a registry in this process, with a shop's services in it, and answers the configuration that reads it. */
export async function startDemo(name: DemoName, context: ServiceContext): Promise<LoadedConfig> {
  const text = JSON.stringify(await sources[name](context));
  return loadConfig(text, { env: process.env, fileName: "of the demo" });
}

const sources: Readonly<Record<DemoName, (context: ServiceContext) => Promise<unknown>>> = {
  eureka: async (context) => {
    const { EurekaServer } = await import("./eureka-server.ts");
    const { runDemoServices } = await import("./demo-services.ts");
    const eureka = context.use(new EurekaServer());
    const url = await eureka.listen("127.0.0.1:0");
    void runDemoServices(eureka.registry, pauseMs, context.signal);
    return { eurekaSource: { enabled: true, address: [url], deltaPeriod: "500ms" } };
  },
  zookeeper: async (context) => {
    const { startZooKeeperDemo } = await import("./zookeeper-demo.ts");
    const { address } = context.use(await startZooKeeperDemo(pauseMs, context.signal));
    return { zookeeperSource: { enabled: true, address: [address] } };
  },
};
