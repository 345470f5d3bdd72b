import { expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { startServer } from "../../shared/nacos/nacos-rig.ts";
import { newBucket } from "../../shared/collector/source-rig.ts";
import type { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { CollectorRig } from "./collector-rig.ts";

const services = 30;

test(
  "replicas subscribe to a share each, and together to every service once",
  { timeout: 180_000 },
  async () => {
    const server = await startServer();
    const names = Array.from({ length: services }, (_, index) => `s${index}`);
    const provide = (name: string, numbers: readonly number[]) =>
      server.registry.setInstances(
        { name },
        numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
      );
    for (const name of names) provide(name, [1, 2]);
    const all = (text: string) => Object.fromEntries(names.map((name) => [name, text]));
    const subscriptions = () => server.connections.map(({ subscriptions }) => subscriptions);
    const total = () => subscriptions().reduce((sum, count) => sum + count, 0);
    const shared = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };

    const first = await CollectorRig.start([server], shared);
    await first.publishes(all("1 2"));
    expect(total()).toBe(services);
    const seen = first.follow("s0");

    const second = await CollectorRig.start([server], shared);
    const third = await CollectorRig.start([server], shared);
    await first.until(() =>
      [first, second, third].every((rig) => rig.collector.share.portion === "1 of 3 shares")
    );
    await first.until(() =>
      server.connections.length === 3 && total() === services && Math.max(...subscriptions()) < services
    );
    for (const name of names) provide(name, [1, 2, 3]);
    await first.publishes(all("1 2 3"));

    await second.stop();
    await third.stop();
    await first.until(() => first.collector.share.portion === "1 of 1 shares");
    await first.until(() => total() === services);
    for (const name of names) provide(name, [1, 2, 4]);
    await first.publishes(all("1 2 4"));
    expect(seen).not.toContain("");
  },
);

test("with Sidecars every replica reads everything", async () => {
  const server = await startServer();
  server.registry.register({ name: "orders" }, { ip: "10.0.0.1", port: 8080 });
  const rig = await CollectorRig.start([server], { source: { dubbo: { enableDubboSidecar: true } } });
  await rig.publishes({ orders: "1" });
  expect(rig.collector.view.shareReader).toBeUndefined();
  expect(rig.collector.view.sidecars).toBeDefined();
});

/** Two replicas; the node of the second one forgets everything, and the first one ends at that moment. */
async function takeOverFromYoungNode(settleMs: number, numbersLeft: readonly number[]) {
  const [old, young] = [await startServer(), await startServer()];
  const names = Array.from({ length: services }, (_, index) => `s${index}`);
  const provide = (server: SimulatedNacos, some: readonly string[], numbers: readonly number[]) => {
    for (const name of some) {
      server.registry.setInstances(
        { name },
        numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
      );
    }
  };
  for (const server of [old, young]) provide(server, names, [1, 2, 3]);
  const shared = {
    entryLog: new EmbeddedEntryLog(),
    bucket: newBucket(),
    // In a large source, what a replica takes over is less than what the guard holds.
    config: { guard: { maxShrinkPercent: 99, minEndpoints: 10, holdTime: "60s" } },
    times: { settleMs },
  };
  const first = await CollectorRig.start([old], shared);
  const second = await CollectorRig.start([young], shared);
  await first.until(() =>
    [first, second].every(({ collector }) =>
      collector.share.portion === "1 of 2 shares" && collector.isSettled
    )
  );
  await first.publishes(Object.fromEntries(names.map((name) => [name, "1 2 3"])));
  const seen = names.map((name) => second.follow(name));
  return {
    names,
    second,
    seen,
    provide: (some: readonly string[], numbers: readonly number[]) => provide(young, some, numbers),
    takeOver: async () => {
      await young.stop();
      young.registry.loseMemory();
      await second.until(() => second.collector.view.error !== undefined);
      provide(young, names.slice(0, 10), numbersLeft);
      await young.start();
      await first.stop();
      await second.until(() =>
        second.collector.share.portion === "1 of 1 shares" && second.collector.isSettled
      );
    },
  };
}

test(
  "a replica that takes over from a young node keeps endpoints that have yet to register there",
  { timeout: 180_000 },
  async () => {
    const { names, second, seen, provide, takeOver } = await takeOverFromYoungNode(3_600_000, [1]);
    await takeOver();
    provide(names.slice(10, 20), [1]);
    provide(names.slice(0, 5), []);
    const last = names.slice(20);
    provide(last, [1, 2, 3, 4]);
    await second.until(async () => {
      const endpoints = await second.endpoints();
      return last.every((name) => endpoints[name] === "1 2 3 4");
    });
    // The first one may be gone: this node told of it, and took it back.
    expect(seen.flat().filter((state) => !/2 3/.test(state))).toEqual([]);
    expect(second.collector.publisher.held().size).toBe(0);
  },
);

test("and gives them up when the others have had their time", { timeout: 180_000 }, async () => {
  const { names, second, provide, takeOver } = await takeOverFromYoungNode(5_000, [1, 2]);
  await second.until(() => !second.collector.view.isUnsure);
  await takeOver();
  provide(names.slice(10), [1, 3]);
  await second.publishes(
    Object.fromEntries(names.map((name, index) => [name, index < 10 ? "1 2" : "1 3"])),
  );
});

test("a fresh replica at a node that was just started as well keeps what has yet to register there", async () => {
  const server = await startServer();
  const provide = (name: string, numbers: readonly number[]) =>
    server.registry.setInstances(
      { name },
      numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
    );
  const all = { orders: "1 2 3 4", users: "1 2 3 4", carts: "1", stock: "1 2 3 4" };
  for (const [name, numbers] of Object.entries(all)) provide(name, numbers.split(" ").map(Number));
  const shared = {
    entryLog: new EmbeddedEntryLog(),
    bucket: newBucket(),
    // A part of a large source: the guard isn't what keeps it.
    config: { guard: { maxShrinkPercent: 99, minEndpoints: 1_000, holdTime: "60s" } },
  };
  const first = await CollectorRig.start([server], shared);
  await first.publishes(all);
  await first.stop();
  await server.stop();
  server.registry.loseMemory();
  provide("orders", [1]);
  provide("users", []);
  // A little less is what it looks like: an instance that went.
  provide("stock", [1, 2, 3]);
  await server.start();

  const second = await CollectorRig.start([server], { ...shared, times: { settleMs: 3_600_000 } });
  const seen = ["orders", "users", "carts"].map((name) => second.follow(name));
  await second.publishes({ ...all, stock: "1 2 3" });
  await second.settled();
  provide("orders", [1, 2, 5]);
  provide("users", [6]);
  await second.publishes({ ...all, orders: "1 2 5 3 4", users: "6 1 2 3 4", stock: "1 2 3" });
  await second.stop();
  // Those that never came are gone once the node has had its time.
  const third = await CollectorRig.start([server], shared);
  await third.publishes({ orders: "1 2 5", users: "6", carts: "", stock: "1 2 3" });
  expect(seen[2]).toEqual(["1", ""]);
  expect(seen.flat().slice(0, -1)).not.toContain("");
});

test("what went while no collector ran is gone, also the last endpoints of a service", async () => {
  const server = await startServer();
  const provide = (name: string, numbers: readonly number[]) =>
    server.registry.setInstances(
      { name },
      numbers.map((number) => ({ ip: `10.0.0.${number}`, port: 8080 })),
    );
  for (const name of ["orders", "users"]) provide(name, [1, 2, 3]);
  const shared = { entryLog: new EmbeddedEntryLog(), bucket: newBucket() };
  const first = await CollectorRig.start([server], shared);
  await first.publishes({ orders: "1 2 3", users: "1 2 3" });
  await first.stop();
  provide("orders", [1]);
  provide("users", []);
  const second = await CollectorRig.start([server], shared);
  await second.publishes({ orders: "1", users: "" });
});
