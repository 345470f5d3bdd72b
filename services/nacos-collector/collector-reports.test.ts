import { expect, test } from "vitest";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import { SimulatedRegistry } from "../../shared/simulators/nacos/registry.ts";
import type { NewInstance } from "../../shared/simulators/nacos/registry.ts";
import { CollectorRig } from "./collector-rig.ts";

const orders = { name: "orders" };
const at = (number: number, more: Partial<NewInstance> = {}): NewInstance => ({
  ip: `10.0.0.${number}`,
  port: 8080,
  ...more,
});

for (const mode of ["watching", "polling"]) {
  test(`${mode}: the protection threshold, at which all look healthy, is no recovery (nacos#5083, #2031, #11123)`, async () => {
    const server = await startServer({ version: "2.3.2" });
    server.registry.setInstances(orders, [at(1), at(2, { healthy: false })]);
    const rig = await CollectorRig.start([server], { source: { mode } });
    await rig.publishes({ orders: "1" });
    const seen = rig.follow("orders");
    // All are ill: the server calls them healthy.
    server.registry.setProtectThreshold(orders, 0);
    server.registry.setInstances(orders, [at(1, { healthy: false }), at(2, { healthy: false }), at(3)]);
    server.registry.setInstances(orders, [1, 2, 3].map((number) => at(number, { healthy: false })));
    await rig.publishes({ orders: "1 3" });
    server.dropConnections();
    server.registry.setProtectThreshold(orders, -1);
    server.registry.setInstances(orders, [at(1), at(2), at(3)]);
    await rig.publishes({ orders: "1 2 3" });
    expect(seen.filter((state) => state.includes("2"))).toEqual(["1 2 3"]);
  });
}

test("an instance that an operator disabled stays so while the connection moves (nacos#10975)", async () => {
  const registry = new SimulatedRegistry();
  const servers = [await startServer({ registry }), await startServer({ registry })];
  registry.setInstances(orders, [at(1), at(2, { enabled: false })]);
  const rig = await CollectorRig.start(servers);
  await rig.publishes({ orders: "1" });
  const seen = rig.follow("orders");
  for (let number = 3; number < 6; number++) {
    for (const server of servers) server.dropConnections();
    await rig.until(() => servers.some(({ connections }) => connections.length > 0));
    registry.setInstances(orders, [at(1), at(2, { enabled: false }), at(number)]);
    await rig.publishes({ orders: `1 ${number}` });
  }
  registry.setInstances(orders, [at(1), at(2)]);
  await rig.publishes({ orders: "1 2" });
  expect(seen.slice(0, -1).some((state) => state.includes("2"))).toBe(false);
});

test("a service whose instances change their kind stays one service (nacos#10920, #7773)", async () => {
  const server = await startServer();
  server.registry.setInstances(orders, [at(1), at(2)]);
  const rig = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1 2" });
  const seen = rig.follow("orders");
  server.registry.setInstances(orders, [at(1, { ephemeral: false }), at(2, { ephemeral: false })]);
  server.registry.setInstances(orders, [at(1, { ephemeral: false }), at(3)]);
  await rig.publishes({ orders: "1 3" });
  expect(seen.every((state) => state.startsWith("1"))).toBe(true);
});

test("a new service is seen by the next list but one at the latest (higress#787)", async () => {
  const server = await startServer({ version: "2.3.2" });
  server.registry.setInstances(orders, [at(1)]);
  const rig = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1" });
  const lists = () => server.requests.get("ServiceListRequest") ?? 0;
  const subscribed = () => server.connections[0]?.subscriptions ?? 0;
  for (let round = 1; round <= 3; round++) {
    // One list may be under way.
    const before = lists();
    server.registry.setInstances({ name: `new${round}` }, [at(1)]);
    await rig.until(() => lists() >= before + 3);
    expect(subscribed()).toBe(1 + round);
  }
});

test("services that the configuration leaves out are never subscribed to", async () => {
  const server = await startServer();
  server.registry.addNamespace("4f2c", "dev");
  const [dev, hidden] = [{ ...orders, namespace: "4f2c" }, { name: "hidden" }];
  server.registry.setInstances(dev, [at(1)]);
  for (const service of [orders, hidden, { ...hidden, namespace: "4f2c" }]) {
    server.registry.setInstances(service, [at(2)]);
  }
  server.registry.setInstances({ name: "orders-old", group: "legacy" }, [at(3)]);
  const rig = await CollectorRig.start([server], {
    source: {
      allNamespaces: true,
      includeServices: [{ service: "orders*" }],
      excludeServices: [{ namespace: "public", group: "DEFAULT_GROUP" }, { service: "*-ancient" }],
    },
  });
  await rig.publishes({ orders: "1", "orders-old": "3" });
  // What comes later is left out, too.
  server.registry.setInstances({ name: "orders-ancient" }, [at(4)]);
  server.registry.setInstances({ name: "orders-new", group: "legacy" }, [at(5)]);
  await rig.publishes({ orders: "1", "orders-old": "3", "orders-new": "5" });
  const subscribed = server.connections.map(({ subscriptions }) => subscriptions);
  expect(subscribed.toSorted((a, b) => a - b)).toEqual([1, 2]);
});

test("a service keeps its last instance with enableEmptyProtection, and has the next one", async () => {
  const server = await startServer();
  server.registry.setInstances(orders, [at(1), at(2)]);
  server.registry.setInstances({ name: "users" }, [at(3)]);
  const rig = await CollectorRig.start([server], { source: { enableEmptyProtection: true } });
  const unprotected = await CollectorRig.start([server]);
  await rig.publishes({ orders: "1 2", users: "3" });
  server.registry.setInstances(orders, [at(2)]);
  await rig.publishes({ orders: "2", users: "3" });
  server.registry.setInstances(orders, []);
  server.registry.setInstances({ name: "users" }, [at(4)]);
  await rig.publishes({ orders: "2", users: "4" });
  // One without the protection has lost it by then.
  await unprotected.publishes({ orders: "", users: "4" });
  server.registry.setInstances({ name: "users" }, [at(5)]);
  await rig.publishes({ orders: "2", users: "5" });
  server.registry.setInstances(orders, [at(6)]);
  await rig.publishes({ orders: "6", users: "5" });
});

test("names in Chinese are read from old servers, and named where a newer one refuses them", async () => {
  const server = await startServer({ version: "1.4.6" });
  server.registry.setInstances({ name: "订单服务", group: "电商" }, [at(1)]);
  server.registry.setInstances(orders, [at(2)]);
  const rig = await CollectorRig.start([server], {
    source: { mode: "polling", namespaceGroups: ["public:DEFAULT_GROUP,电商"] },
  });
  await rig.until(async () => Object.values(await rig.endpoints()).toSorted().join() === "1,2");
  for (const [name, { spec }] of await rig.manifests()) {
    expect(name).toMatch(/^[a-z0-9.-]+$/);
    expect(spec.hosts[0]).toMatch(/^[a-z0-9.-]+$/);
  }
});

test("two namespaces of one name: the first by id is read, and the log names both", async () => {
  const server = await startServer();
  server.registry.addNamespace("b", "shop");
  server.registry.addNamespace("a", "shop");
  server.registry.setInstances({ ...orders, namespace: "a" }, [at(1)]);
  server.registry.setInstances({ ...orders, namespace: "b" }, [at(2)]);
  const rig = await CollectorRig.start([server], { source: { namespaceGroups: ["shop"] } });
  await rig.publishes({ orders: "1" });
  expect(rig.collector.view.status().connections.map(({ name }) => name)).toEqual(["a"]);
});

test("an instance with odd values keeps no other one from being published", async () => {
  const server = await startServer();
  const odd: readonly Partial<NewInstance>[] = [
    { port: 0 },
    { port: 70_000 },
    { weight: Number.NaN },
    { ip: "host.example.com" },
    { metadata: { text: "x".repeat(1_000_000) } },
    { metadata: { "": "", "a b": "c\u0000d", "__proto__": "e" } },
  ];
  server.registry.setInstances(orders, [at(1), ...odd.map((more, index) => at(index + 2, more))]);
  const rig = await CollectorRig.start([server]);
  await rig.until(async () => (await rig.endpoints())["orders"] !== undefined);
  const { orders: published } = Object.fromEntries(await rig.manifests());
  const addresses = published?.spec.endpoints?.map(({ address }) => address);
  expect(addresses).toEqual(["10.0.0.1", "10.0.0.4", "10.0.0.6", "10.0.0.7", "host.example.com"]);
  expect(Object.keys(rig.problems)).toHaveLength(2);
});
