import { describe, expect, test } from "vitest";
import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import { startDubboConsumer, startDubboProvider } from "./dubbo.ts";
import { requireReal } from "./find.ts";
import { startSpringZooKeeper } from "./spring-zookeeper.ts";
import { startZooKeeper } from "./zookeeper.ts";

/** Reads a registry: every path below `path`, decoded, with its content. */
function openRegistry(address: string) {
  const client = new ZooKeeperClient({
    servers: [address],
    sessionTimeoutMs: 30_000,
    maxFrameBytes: 2 ** 20,
  });
  const names = async (path: string): Promise<readonly string[]> =>
    ((await client.getChildren(path))?.names ?? []).map(decodeURIComponent).toSorted();
  const text = async (path: string) => new TextDecoder().decode((await client.getData(path))?.data);
  return { names, text, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

// Together, for they wait for the ends of applications more than they compute.
describe.skipIf(requireReal("zookeeper-3.9", "dubbo-2.7").skip).concurrent("Dubbo 2.7", () => {
  test("registers the interfaces of a provider and a consumer, until they end", async () => {
    await using zookeeper = await startZooKeeper();
    await using registry = openRegistry(zookeeper.address);
    const order = { interface: "shop.api.OrderService", group: "blue", serviceVersion: "1.0.0" } as const;
    await using provider = await startDubboProvider({
      version: "2.7",
      zookeeper: zookeeper.address,
      application: "order-app",
      host: "10.9.1.1",
      services: [{ ...order, weight: 200, tag: "gray", parameters: { zone: "a" } }, {
        interface: "shop.api.OrderService$Audit",
      }],
    });
    const port = provider.ports.get("dubbo");
    const providers = "/dubbo/shop.api.OrderService/providers";
    expect(await registry.names(providers)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^dubbo://10\\.9\\.1\\.1:${port}/shop\\.api\\.OrderService\\?.*dubbo\\.tag=gray.*weight=200`,
        ),
      ),
    ]);
    const [url = ""] = await registry.names(providers);
    expect(Object.fromEntries(new URLSearchParams(url.split("?")[1]))).toMatchObject({
      application: "order-app",
      group: "blue",
      version: "1.0.0",
      methods: expect.stringContaining("cancel"),
      zone: "a",
    });
    expect(await registry.names("/dubbo/shop.api.OrderService%24Audit/providers")).toHaveLength(1);

    await using consumer = await startDubboConsumer({
      version: "2.7",
      zookeeper: zookeeper.address,
      application: "web-app",
      host: "10.9.2.1",
      references: [order, { interface: "shop.api.StockService" }],
    });
    expect(await registry.names("/dubbo/shop.api.OrderService/consumers")).toEqual([
      expect.stringMatching(
        /^consumer:\/\/10\.9\.2\.1\/shop\.api\.OrderService\?application=web-app&.*group=blue/,
      ),
    ]);
    expect(await registry.names("/dubbo/shop.api.StockService/consumers")).toHaveLength(1);

    await provider.stop();
    expect(await registry.names(providers)).toEqual([]);
    await consumer.stop();
    expect(await registry.names("/dubbo/shop.api.OrderService/consumers")).toEqual([]);
    await provider.restart();
    expect(await registry.names(providers)).toHaveLength(1);
  });
});

describe.skipIf(requireReal("zookeeper-3.9", "dubbo-3.3").skip).concurrent("Dubbo 3.3", () => {
  test.each(["interface", "instance", "all"] as const)("registers on the level: %s", async (registerMode) => {
    await using zookeeper = await startZooKeeper();
    await using registry = openRegistry(zookeeper.address);
    await using provider = await startDubboProvider({
      zookeeper: zookeeper.address,
      application: "user-app",
      host: "10.9.1.1",
      registerMode,
      protocols: [{ name: "tri" }],
      metadataType: "remote",
      services: [{ interface: "shop.api.UserService", serviceVersion: "2.0.0" }],
    });
    const port = provider.ports.get("tri");
    const [onInterface, onInstance] = [registerMode !== "instance", registerMode !== "interface"];
    expect(await registry.names("/dubbo/shop.api.UserService/providers")).toEqual(
      onInterface ? [expect.stringContaining(`tri://10.9.1.1:${port}/shop.api.UserService?`)] : [],
    );
    expect(await registry.names("/services/user-app")).toEqual(onInstance ? [`10.9.1.1:${port}`] : []);
    expect(await registry.text("/dubbo/mapping/shop.api.UserService")).toBe(onInstance ? "user-app" : "");
    const revisions = await registry.names("/dubbo/metadata/user-app");
    expect(revisions).toHaveLength(onInstance ? 1 : 0);
    if (onInstance) {
      expect(await registry.text(`/dubbo/metadata/user-app/${revisions[0]}`)).toContain(
        '"shop.api.UserService:2.0.0:tri"',
      );
    }

    await provider.stop();
    expect(await registry.names("/dubbo/shop.api.UserService/providers")).toEqual([]);
    expect(await registry.names("/services/user-app")).toEqual([]);
  });

  test("says who consumes, and keeps what it creates to itself if it has credentials", async () => {
    await using zookeeper = await startZooKeeper();
    await using registry = openRegistry(zookeeper.address);
    const references = [{ interface: "shop.api.StockService" }] as const;
    const common = { zookeeper: zookeeper.address, application: "web-app", host: "10.9.2.1", references };
    await using _open = await startDubboConsumer({ ...common, registryGroup: "dev" });
    expect(await registry.names("/dev/shop.api.StockService/consumers")).toEqual([
      expect.stringMatching(/^consumer:\/\/10\.9\.2\.1\/shop\.api\.StockService\?application=web-app&/),
    ]);
    const auth = { username: "mesh", password: "s3cret" };
    await using _closed = await startDubboConsumer({ ...common, registryGroup: "prod", auth });
    await expect(registry.names("/prod/shop.api.StockService/consumers")).rejects.toThrow("noAuth");
  });
});

describe.skipIf(requireReal("zookeeper-3.9", "spring-zookeeper").skip)("startSpringZooKeeper()", () => {
  test("registers until it ends", async () => {
    await using zookeeper = await startZooKeeper();
    await using registry = openRegistry(zookeeper.address);
    await using spring = await startSpringZooKeeper({
      zookeeper: zookeeper.address,
      application: "catalog",
      root: "/apps",
      host: "catalog.test",
      sslPort: 8443,
      metadata: { zone: "b" },
    });
    const [id] = await registry.names("/apps/catalog");
    expect(JSON.parse(await registry.text(`/apps/catalog/${id}`))).toMatchObject({
      name: "catalog",
      address: "catalog.test",
      port: spring.port,
      sslPort: 8443,
      payload: { metadata: { zone: "b", instance_status: "UP" } },
    });
    await spring.stop();
    expect(await registry.names("/apps/catalog")).toEqual([]);
  });
});
