import { describe, test } from "vitest";
import { errorCodes } from "../../../shared/zookeeper/wire/codes.ts";
import { CollectorRig, soon } from "../collector-rig.ts";

const orders = "com.acme.OrderService";
const stock = "com.acme.StockService";
const [ordersHost, stockHost] = ["com.acme.order-service", "com.acme.stock-service"];

const springNode = (address: string) =>
  Buffer.from(JSON.stringify({
    name: "catalog",
    id: address,
    address,
    port: 8080,
    sslPort: null,
    payload: { metadata: { instance_status: "UP" } },
    registrationTimeUTC: 1,
    serviceType: "DYNAMIC",
  }));

describe.concurrent.each(
  [
    ["one recursive watch", {}, true],
    ["one-shot watches", {}, false],
    ["polling", { mode: "polling", refreshPeriod: "20ms" }, true],
  ] as const,
)("Following a tree by %s", (means, source, knowsPersistentWatches) => {
  const start = (withRoot = true) =>
    CollectorRig.start({
      source,
      fill: (registry, server) => {
        server.knowsPersistentWatches = knowsPersistentWatches;
        if (withRoot) registry.provide(orders, 1);
      },
    });

  test("sees all that comes and goes", async ({ expect }) => {
    await using rig = await start();
    const { registry } = rig;
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(rig.view.follower.means).toBe(means);
    registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
    registry.withdraw(orders, 1);
    registry.provide(orders, 3);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3" });
    registry.tree.ensure(`/dubbo/${stock}`);
    // Consumers come before providers, often: the directory of these is created later.
    registry.consume(stock, "web");
    registry.provide(stock, 4);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3", [stockHost]: "4" });
    registry.tree.deleteAll(`/dubbo/${stock}`);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3", [stockHost]: "" });
    registry.provide(stock, 5);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3", [stockHost]: "5" });
  });

  test(
    "sees a root that is created later, deleted, and created again",
    { timeout: 20_000 },
    async ({ expect }) => {
      await using rig = await start(false);
      await expect.poll(() => rig.ready, soon).toBe(true);
      rig.registry.provide(orders, 1);
      await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1" });
      rig.registry.provide(stock, 1);
      await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1", [stockHost]: "1" });
      rig.registry.tree.deleteAll("/dubbo");
      rig.registry.provide(orders, 2);
      await expect.poll(async () => (await rig.endpoints())[ordersHost], soon).toBe("2");
    },
  );

  test("refreshes while changes never end", { timeout: 60_000 }, async ({ expect }) => {
    await using rig = await start();
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.provide(stock, 1);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1", [stockHost]: "1" });
    // Each request for one of two services changes the other one before it is answered.
    let reads = 0;
    rig.server.fault = (request) => {
      const path = "path" in request ? request.path : "";
      const other = path.includes(orders) ? stock : path.includes(stock) ? orders : undefined;
      if (other === undefined || reads++ > 3000) return undefined;
      if (reads % 4 < 2) rig.registry.provide(other, 2);
      else rig.registry.withdraw(other, 2);
      return undefined;
    };
    rig.registry.provide(orders, 3);
    await rig.view.refresh(AbortSignal.timeout(40_000));
    rig.server.fault = undefined;
    expect(reads).toBeLessThan(3000);
  });

  test("sees instances of applications", async ({ expect }) => {
    await using rig = await start();
    const { tree } = rig.registry;
    await expect.poll(() => rig.ready, soon).toBe(true);
    const catalog = async () =>
      Object.entries(await rig.endpoints()).find(([host]) => host.includes("catalog"))?.[1];
    tree.ensure("/services/catalog/1", springNode("10.3.0.1"));
    await expect.poll(catalog, soon).toBe("1");
    tree.ensure("/services/catalog/2", springNode("10.3.0.2"));
    await expect.poll(catalog, soon).toBe("1 2");
    tree.setData("/services/catalog/2", springNode("10.3.0.3"));
    await expect.poll(catalog, soon).toBe("1 3");
    tree.delete("/services/catalog/1");
    await expect.poll(catalog, soon).toBe("3");
  });

  test("reads all again after a connection, or a session, ended", { timeout: 30_000 }, async ({ expect }) => {
    await using rig = await start();
    const { registry, server } = rig;
    await expect.poll(() => rig.ready, soon).toBe(true);
    registry.provide(stock, 1);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1", [stockHost]: "1" });
    server.refusesConnections = true;
    server.dropConnections();
    registry.provide(orders, 2);
    registry.withdraw(orders, 1);
    server.refusesConnections = false;
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2", [stockHost]: "1" });
    server.refusesConnections = true;
    server.expireSessions();
    registry.provide(orders, 3);
    registry.withdraw(stock, 1);
    server.refusesConnections = false;
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3", [stockHost]: "" });
    registry.provide(stock, 4);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2 3", [stockHost]: "4" });
  });

  test("takes a node that it may not read for no loss, and reads its neighbours", async ({ expect }) => {
    await using rig = await start();
    await expect.poll(() => rig.ready, soon).toBe(true);
    const before = rig.view.follower.lastSuccessMs ?? 0;
    rig.server.fault = (request) =>
      "path" in request && request.path.startsWith(`/dubbo/${orders}`) ? errorCodes.noAuth : undefined;
    rig.server.dropConnections();
    rig.registry.provide(stock, 7);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1", [stockHost]: "7" });
    await expect.poll(() => rig.view.follower.lastSuccessMs ?? 0, soon).toBeGreaterThan(before);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1", [stockHost]: "7" });
    expect([...rig.collector.records.shown.keys()]).toContain(`/dubbo/${orders}/providers`);
  });
});

describe.concurrent("A follower of a tree", () => {
  test("finds at a resync what no watch told", { timeout: 20_000 }, async ({ expect }) => {
    await using rig = await CollectorRig.start({
      source: { watchingResyncCron: "@every 50ms" },
      fill: (registry) => registry.provide(orders, 1),
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.tree.onEvent = () => {};
    rig.registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
  });

  test.for(
    [
      ["a tree watch", true],
      ["one-shot watches", false],
    ] as const,
  )("keeps interfaces apart by the names of their nodes in the slime profile, with %s", async (
    [, knowsPersistentWatches],
    { expect },
  ) => {
    const [raw, encoded] = ["com.acme.Order$Item", "com.acme.Order%24Item"] as const;
    await using rig = await CollectorRig.start({
      config: { profile: "slime" },
      fill: (registry, server) => {
        server.knowsPersistentWatches = knowsPersistentWatches;
        registry.provide(raw, 1);
        registry.provide(encoded, 2);
      },
    });
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [raw]: "1", [encoded]: "2" });
    rig.registry.provide(encoded, 3);
    rig.registry.provide("com.acme.%E6%9C%8D", 4);
    await expect.poll(() => rig.endpoints(), soon).toEqual(
      { [raw]: "1", [encoded]: "2 3", "com.acme.%E6%9C%8D": "4" },
    );
  });

  test("goes on with one-shot watches when a server is replaced by an older one, and back", {
    timeout: 20_000,
  }, async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.server.knowsPersistentWatches = false;
    rig.server.dropConnections();
    await expect.poll(() => rig.view.follower.means, soon).toBe("one-shot watches");
    rig.registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
  });

  test("says why it can't read", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.server.fault = (request) =>
      request.op === "getChildren2" || request.op === "getChildren" ? "close" : undefined;
    rig.server.dropConnections();
    await expect.poll(() => rig.view.follower.lastError, soon).toBeDefined();
    rig.server.fault = undefined;
    await expect.poll(() => rig.view.follower.lastError, soon).toBeUndefined();
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1" });
  });
});
