import { describe, test, vi } from "vitest";
import type { ExpectStatic } from "vitest";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { CollectorRig, soon } from "./collector-rig.ts";
import type { DubboTree } from "./collector-rig.ts";
import { LossWindow } from "../../shared/collector/loss-window.ts";

const orders = "com.acme.OrderService";
const ordersHost = "com.acme.order-service";
const names = Array.from({ length: 20 }, (_, index) => `com.acme.Service${index}`);

/** 20 interfaces, each with the instances 1 and 2. */
function fillMany(registry: DubboTree): void {
  for (const name of names) [1, 2].forEach((instance) => registry.provide(name, instance));
}

/** The published services that have lost something of {@link fillMany}. */
async function damaged(rig: CollectorRig): Promise<string[]> {
  return Object.entries(await rig.endpoints()).filter(([, endpoints]) => endpoints !== "1 2").map(([host]) =>
    host
  );
}

/** Waits until the collector has read all once more. */
async function readAgain(rig: CollectorRig, expect: ExpectStatic, act: () => void) {
  const before = rig.view.follower.lastSuccessMs ?? 0;
  act();
  await expect.poll(() => rig.view.follower.lastSuccessMs ?? 0, soon).toBeGreaterThan(before);
}

describe.concurrent("What ZooKeeper lost at once", { timeout: 30_000 }, () => {
  test("is held, if the server that comes back is empty", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: fillMany });
    await expect.poll(() => rig.ready, soon).toBe(true);
    await readAgain(rig, expect, () => {
      rig.registry.tree.onEvent = () => {};
      rig.registry.tree.deleteAll("/dubbo");
      rig.server.dropConnections();
    });
    await expect.poll(() => rig.publisher.held().size, soon).toBe(20);
    expect(await damaged(rig)).toEqual([]);
  });

  test("is held, if the interfaces are there and empty, of which the first are read before the last", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: fillMany, source: { watchingWorkerCount: 1 } });
    await expect.poll(() => rig.ready, soon).toBe(true);
    await readAgain(rig, expect, () => {
      rig.registry.tree.onEvent = () => {};
      for (const name of names) {
        for (const instance of [1, 2]) rig.registry.withdraw(name, instance);
      }
      rig.server.dropConnections();
    });
    await expect.poll(() => rig.publisher.held().size, soon).toBe(20);
    expect(await damaged(rig)).toEqual([]);
  });

  test("is held in a small registry as well, if nothing is left", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => [1, 2, 3].forEach((instance) => registry.provide(orders, instance)),
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    await readAgain(rig, expect, () => {
      rig.registry.tree.onEvent = () => {};
      rig.registry.tree.deleteAll("/dubbo");
      rig.server.dropConnections();
    });
    await expect.poll(() => rig.publisher.held().size, soon).toBe(1);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1 2 3" });
  });

  test("is held, if polling finds it", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: fillMany,
      source: { mode: "polling", refreshPeriod: "20ms" },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.tree.deleteAll("/dubbo");
    await expect.poll(() => rig.publisher.held().size, soon).toBe(20);
    expect(await damaged(rig)).toEqual([]);
  });

  test("is held, if it goes one by one, as ephemeral nodes of sessions that expire", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: fillMany });
    await expect.poll(() => rig.ready, soon).toBe(true);
    for (const name of names) {
      for (const instance of [1, 2]) rig.registry.withdraw(name, instance);
      await new Promise(setImmediate);
    }
    await expect.poll(() => rig.publisher.held().size, soon).toBeGreaterThan(0);
    // What went before it was too much is gone; all else stays.
    expect((await damaged(rig)).length).toBeLessThan(20 * 0.31);
    fillMany(rig.registry);
    await expect.poll(() => rig.publisher.held().size, soon).toBe(0);
    expect(await damaged(rig)).toEqual([]);
  });

  test("is let through after the hold time, and what comes meanwhile at once", async ({ expect }) => {
    const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTime: "4s" };
    await using rig = await CollectorRig.start({ fill: fillMany, config: { guard } });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.tree.deleteAll("/dubbo");
    await expect.poll(() => rig.publisher.held().size, soon).toBeGreaterThan(0);
    rig.registry.provide(orders, 9);
    await expect.poll(async () => (await rig.endpoints())[ordersHost], soon).toBe("9");
    let instance = 10;
    const lost = async () => {
      rig.registry.provide(orders, instance++);
      return (await damaged(rig)).length;
    };
    await expect.poll(lost, { ...soon, interval: 200 }).toBe(21);
  });

  test("isn't held where the registry says so node by node, and little of it", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: fillMany });
    await expect.poll(() => rig.ready, soon).toBe(true);
    for (const instance of [1, 2]) rig.registry.withdraw(names[0] ?? "", instance);
    await expect.poll(async () => Object.values(await rig.endpoints()).filter((each) => each === ""), soon)
      .toEqual([""]);
    expect(rig.publisher.held().size).toBe(0);
  });
});

describe.concurrent("Empty protection", () => {
  test("keeps the endpoints of a service that has none any more", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      source: { enableEmptyProtection: true },
      fill: (registry) => [1, 2].forEach((instance) => registry.provide(orders, instance)),
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.withdraw(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1" });
    rig.registry.withdraw(orders, 1);
    rig.registry.provide("com.acme.StockService", 3);
    await expect.poll(() => rig.endpoints(), soon).toEqual({
      [ordersHost]: "1",
      "com.acme.stock-service": "3",
    });
    rig.server.dropConnections();
    rig.registry.provide("com.acme.StockService", 4);
    await expect.poll(() => rig.endpoints(), soon).toEqual({
      [ordersHost]: "1",
      "com.acme.stock-service": "3 4",
    });
  });
});

test("A collector is unsure as long as it isn't known what an application offers", {
  timeout: 30_000,
}, async ({ expect }) => {
  await using rig = await CollectorRig.start({
    source: { metadataServiceTimeout: "0" },
    fill: (registry) => {
      fillMany(registry);
      const metadata = {
        "dubbo.metadata.storage-type": "remote",
        "dubbo.metadata.revision": "abc",
        "meta-v": "2.0.0",
      };
      const endpoints = { "dubbo.endpoints": '[{"port":20880,"protocol":"dubbo"}]' };
      const instance = {
        name: "pay",
        id: "10.9.3.1:20880",
        address: "10.9.3.1",
        port: 20880,
        payload: { id: "10.9.3.1:20880", name: "pay", metadata: { ...metadata, ...endpoints } },
      };
      registry.tree.ensure("/services/pay/10.9.3.1:20880", Buffer.from(JSON.stringify(instance)));
    },
  });
  await expect.poll(() => rig.ready, soon).toBe(true);
  expect(rig.view.isUnsure).toBe(true);
  rig.registry.tree.deleteAll("/services/pay/10.9.3.1:20880");
  await expect.poll(() => rig.view.isUnsure, soon).toBe(false);
});

describe.concurrent("A collector that starts", () => {
  test("publishes the difference to what another one left", async ({ expect }) => {
    const entryLog = new EmbeddedEntryLog();
    await using first = await CollectorRig.start({ fill: fillMany, entryLog });
    await expect.poll(() => first.ready, soon).toBe(true);
    const before = await first.lastSequence();
    await first.stop();
    await using second = await CollectorRig.start({
      entryLog,
      fill: (registry) => {
        fillMany(registry);
        registry.withdraw(names[0] ?? "", 1);
      },
    });
    await expect.poll(() => second.ready, soon).toBe(true);
    expect(await second.lastSequence(), "a term, one service, and a marker").toBe(before + 3);
    expect(await damaged(second)).toHaveLength(1);
  });

  test("holds what is published if the registry is empty", async ({ expect }) => {
    const entryLog = new EmbeddedEntryLog();
    await using first = await CollectorRig.start({ fill: fillMany, entryLog });
    await expect.poll(() => first.ready, soon).toBe(true);
    await first.stop();
    await using second = await CollectorRig.start({ entryLog });
    await expect.poll(() => second.ready, soon).toBe(true);
    expect(second.publisher.held().size).toBe(20);
    expect(await damaged(second)).toEqual([]);
  });
});

test("A collector that holds losses sleeps meanwhile", { timeout: 30_000 }, async ({ expect }) => {
  const asked = vi.spyOn(LossWindow.prototype, "exceeds");
  await using rig = await CollectorRig.start({ fill: fillMany });
  await expect.poll(() => rig.ready, soon).toBe(true);
  rig.registry.tree.deleteAll("/dubbo");
  await expect.poll(() => rig.publisher.held().size, soon).toBeGreaterThan(0);
  expect(asked.mock.calls.length).toBeLessThan(200);
  asked.mockRestore();
});
