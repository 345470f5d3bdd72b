import { MeshError } from "../../runtime/errors.ts";
import type { ServiceContext } from "../../runtime/run-service.ts";

/** The registries that can be shown without having one. */
export const demoNames = ["eureka", "nacos", "zookeeper", "kubernetes"] as const;
export type DemoName = (typeof demoNames)[number];

/** A registry of the demo, as people call it, and the port on which it usually listens. */
export interface DemoKind {
  readonly title: string;
  readonly port: number;
}

export const demoKinds: Readonly<Record<DemoName, DemoKind>> = {
  eureka: { title: "Eureka", port: 8761 },
  nacos: { title: "Nacos", port: 8848 },
  zookeeper: { title: "ZooKeeper", port: 2181 },
  kubernetes: { title: "Kubernetes", port: 8001 },
};

/** A registry that was started, with a shop's services in it. */
export interface StartedDemo {
  /** Where it listens: a URL, or `host:port`. */
  readonly address: string;
  /** The sections of a configuration that reads it, by key. */
  readonly sources: Readonly<Record<string, unknown>>;
}

/** How often the demo changes something. */
const pauseMs = 2_000;

/** The demo of that name, which `option` asked for. @throws MeshError `configuration` if there is none. */
export function demoNamed(name: string, option = "--demo"): DemoName {
  const found = demoNames.find((known) => known === name);
  if (found === undefined) {
    throw new MeshError(
      "configuration",
      `There is no demo "${name}": ${option} takes ${demoNames.join(" or ")}`,
    );
  }
  return found;
}

/**
 * Starts a registry in this process, with a shop's services in it that come, scale and go. It ends with the service.
 * @param listen `host:port`; port 0 for any @throws MeshError `address-in-use`
 */
export async function startDemo(
  name: DemoName,
  context: ServiceContext,
  listen = "127.0.0.1:0",
): Promise<StartedDemo> {
  return await starters[name](context, listen);
}

type Starter = (context: ServiceContext, listen: string) => Promise<StartedDemo>;

const starters: Readonly<Record<DemoName, Starter>> = {
  eureka: async (context, listen) => {
    const { EurekaServer } = await import("../eureka/server.ts");
    const { runDemoServices } = await import("./demo-services.ts");
    const eureka = context.use(new EurekaServer());
    const address = await eureka.listen(listen);
    void runDemoServices(eureka.registry, pauseMs, context.signal);
    return {
      address,
      sources: { eurekaSource: { enabled: true, address: [address], deltaPeriod: "500ms" } },
    };
  },
  nacos: async (context, listen) => {
    const { startNacosDemo } = await import("./nacos-demo.ts");
    const { address } = context.use(await startNacosDemo(pauseMs, context.signal, listen));
    return { address, sources: { nacosSource: { enabled: true, address: [address] } } };
  },
  zookeeper: async (context, listen) => {
    const { startZooKeeperDemo } = await import("./zookeeper-demo.ts");
    const { address } = context.use(await startZooKeeperDemo(pauseMs, context.signal, listen));
    return { address, sources: { zookeeperSource: { enabled: true, address: [address] } } };
  },
  kubernetes: async (context, listen) => {
    const { startKubernetesDemo } = await import("./kubernetes-demo.ts");
    const { address, kubeConfig } = context.use(
      await startKubernetesDemo(pauseMs, context.signal, listen),
    );
    return { address, sources: { k8sSource: { clusters: [{ id: "demo", kubeConfig }] } } };
  },
};
