import { describe, expect, test } from "vitest";
import { startDubboProvider } from "../../../test/servers/dubbo.ts";
import type { DubboProviderOptions } from "../../../test/servers/dubbo.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { startZooKeeper } from "../../../test/servers/zookeeper.ts";
import { ZooKeeperClient } from "../../zookeeper/client.ts";
import type { DubboInstance } from "./application-node.ts";
import { decodeApplicationNode } from "./application-node.ts";
import { applicationProviders } from "./application-providers.ts";
import { askingInstances } from "./metadata-ask.ts";
import { MetadataResolver } from "./metadata-resolver.ts";
import { ZookeeperMetadata } from "./zookeeper-metadata.ts";

const order = {
  interface: "shop.api.OrderService",
  group: "blue",
  serviceVersion: "1.0.0",
  weight: 200,
  tag: "gray",
};

/** Registers a real provider by application only, and finds out what it offers. */
async function resolveReal(provider: Pick<DubboProviderOptions, "protocols" | "metadataType">) {
  await using zookeeper = await startZooKeeper();
  await using _provider = await startDubboProvider({
    ...provider,
    zookeeper: zookeeper.address,
    application: "order-app",
    host: "10.9.1.1",
    registerMode: "instance",
    services: [{ ...order, interface: "shop.api.OrderService" }, {
      interface: "shop.api.OrderService$Audit",
    }],
  });
  await using client = new ZooKeeperClient({
    servers: [zookeeper.address],
    sessionTimeoutMs: 30_000,
    maxFrameBytes: 2 ** 20,
  });
  await client.connected(AbortSignal.timeout(30_000));
  const reported: string[] = [];
  const report = ({ reason }: { reason: string }) => void reported.push(reason);
  const ask = askingInstances(30_000);
  const access = {
    readNode: async (path: string) => (await client.getData(path))?.data,
    listChildren: async (path: string) => (await client.getChildren(path))?.names,
  };
  const [name = ""] = await access.listChildren("/services/order-app") ?? [];
  const path = `/services/order-app/${name}`;
  const instance = decodeApplicationNode({ path, data: await access.readNode(path) ?? Buffer.of() }, report);
  if (instance?.kind !== "dubbo") throw new RangeError(`${path} is no instance of Dubbo`);
  const store = new ZookeeperMetadata("/dubbo", access, report);
  // What is registered is nobody's address.
  const askInstance = (registered: DubboInstance, signal: AbortSignal) =>
    ask({ ...registered, host: "127.0.0.1" }, signal);
  const resolver = new MetadataResolver({ store, askInstance }, { report }, AbortSignal.any([]));
  const { source, services } = await resolver.resolve("order-app", instance.revision, [instance]);
  const urls = [...applicationProviders([instance], () => services).values()].flat();
  expect(reported).toEqual([]);
  for (const { port, parameters } of urls) {
    expect(port).toBe(instance.port);
    expect(parameters["methods"]).toMatch(/./);
  }
  const words = urls.map(({ protocol, path: service, parameters: { group, version, weight } }) =>
    [protocol, service, group, version, weight].join(" ").trim()
  );
  return { source, urls: words.toSorted() };
}

function offered(protocol: string): string[] {
  return [`${protocol} shop.api.OrderService blue 1.0.0 200`, `${protocol} shop.api.OrderService$Audit`];
}

describe.skipIf(requireReal("zookeeper-3.9", "dubbo-3.3").skip)("an application of Dubbo 3.3", () => {
  test("tells what it offers over the dubbo protocol", async () => {
    expect(await resolveReal({})).toEqual({ source: "instance", urls: offered("dubbo") });
  });

  test("tells what it offers over Triple", async () => {
    const found = await resolveReal({ protocols: [{ name: "tri" }] });
    expect(found).toEqual({ source: "instance", urls: offered("tri") });
  });

  test("offers a port with two protocols once", async () => {
    const found = await resolveReal({ protocols: [{ name: "dubbo", ext: "tri" }] });
    expect(found).toEqual({ source: "instance", urls: offered("dubbo") });
  });

  test("has its metadata in ZooKeeper, if it is told to", async () => {
    const found = await resolveReal({ metadataType: "remote" });
    expect(found).toEqual({ source: "registry", urls: offered("dubbo") });
  });
});
