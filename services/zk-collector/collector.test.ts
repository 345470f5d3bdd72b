import { describe, test } from "vitest";
import { syncMarkerSubject } from "../../shared/model/subject.ts";
import { CollectorRig, soon } from "./collector-rig.ts";
import { recordedTree } from "../../shared/dubbo/applications/recorded-tree-rig.ts";

const orders = "com.acme.OrderService";
const stock = "com.acme.StockService";
const [ordersHost, stockHost] = ["com.acme.order-service", "com.acme.stock-service"];

describe.concurrent("The collector of ZooKeeper", () => {
  test("publishes all there is and then a sync marker", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1);
        registry.provide(orders, 2);
        registry.provide(stock, 3);
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(await rig.endpoints()).toEqual({ [ordersHost]: "1 2", [stockHost]: "3" });
    const subjects: string[] = [];
    for await (const { subject } of rig.entryLog.readBack(">", AbortSignal.timeout(5_000))) {
      subjects.push(subject);
    }
    expect(subjects.at(-1)).toBe(syncMarkerSubject("zookeeper", "default"));
    expect(rig.view.follower.means).toBe("one recursive watch");
  });

  test("publishes a marker for a registry that has nothing, not even the root", async ({ expect }) => {
    await using rig = await CollectorRig.start();
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.provide(orders, 1);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1" });
  });

  test("asks nothing when providers come and go: the event says it all", async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    const { requests } = rig;
    rig.registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
    rig.registry.withdraw(orders, 1);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2" });
    rig.registry.provide(stock, 3);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2", [stockHost]: "3" });
    rig.registry.withdraw(stock, 3);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "2", [stockHost]: "" });
    expect(rig.requests).toBe(requests);
    expect(rig.server.watches.count, "watches on the server").toBe(2);
  });

  test("takes a node that is deleted and created again for no change", async ({ expect }) => {
    // The last provider: its loss waits for 50 ms, which a busy machine keeps more easily than 2 ms.
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    const before = await rig.lastSequence();
    rig.registry.withdraw(orders, 1);
    rig.registry.provide(orders, 1);
    // What comes after it is published: had the first been a change, it would be there by now.
    rig.registry.provide(stock, 3);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1", [stockHost]: "3" });
    expect(await rig.lastSequence()).toBe(before + 1);
  });

  test("names what another version or group of an interface leaves", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1, { version: "1.0.0" });
        registry.provide(orders, 2, { version: "2.0.0" });
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    rig.registry.withdraw(orders, 1, { version: "1.0.0" });
    await expect.poll(() => rig.endpoints(), soon).toEqual({
      [`${ordersHost}.1-0-0.v`]: "",
      [`${ordersHost}.2-0-0.v`]: "2",
    });
  });

  test("publishes Sidecars after the ServiceEntries that they name", async ({ expect }) => {
    await using rig = await CollectorRig.start({
      fill: (registry) => {
        registry.provide(orders, 1);
        registry.consume(orders, "web");
      },
    });
    await expect.poll(() => rig.ready, soon).toBe(true);
    const kinds = async () =>
      Array.from((await rig.manifests()).values(), ({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(await kinds()).toEqual([
      `ServiceEntry ${ordersHost}`,
      "Sidecar shop.dubbo.generated",
      "Sidecar web.dubbo.generated",
    ]);
    rig.registry.provide(stock, 2);
    rig.registry.consume(stock, "web");
    await expect.poll(async () => JSON.stringify((await rig.manifests()).get("web.dubbo.generated")), soon)
      .toContain(stockHost);
    expect((await kinds()).indexOf(`ServiceEntry ${stockHost}`))
      .toBeLessThan((await kinds()).indexOf("Sidecar web.dubbo.generated"));
  });

  test("publishes again what another writer overwrote", { timeout: 20_000 }, async ({ expect }) => {
    await using rig = await CollectorRig.start({ fill: (registry) => registry.provide(orders, 1) });
    await expect.poll(() => rig.ready, soon).toBe(true);
    let written = "";
    for await (const { subject } of rig.entryLog.readBack(">", AbortSignal.timeout(5_000))) {
      if (subject.includes("ServiceEntry")) written = subject;
    }
    await rig.entryLog.publish([{ subject: written, data: null }], AbortSignal.timeout(5_000));
    expect(await rig.endpoints()).toEqual({});
    rig.registry.provide(orders, 2);
    await expect.poll(() => rig.endpoints(), soon).toEqual({ [ordersHost]: "1 2" });
  });
});

describe.concurrent("Of applications that registered themselves, the collector", () => {
  /** Starts a collector of a tree that real applications left. */
  const startRecorded = (name: string, source = {}) =>
    CollectorRig.start({
      source: { metadataServiceTimeout: "0", ...source },
      fill: ({ tree }) => {
        for (const { path, data } of recordedTree(name)) {
          if (path !== "/") tree.ensure(path, data === null ? undefined : Buffer.from(data));
        }
      },
    });
  const services = async (rig: CollectorRig) =>
    Array.from((await rig.manifests()).values()).filter(({ kind }) => kind === "ServiceEntry");

  test.for(["dubbo3-instance", "dubbo3-all", "dubbo3-both-levels", "dubbo3-ipv6"])(
    "publishes %s",
    async (name, { expect }) => {
      await using rig = await startRecorded(name);
      await expect.poll(() => rig.ready, soon).toBe(true);
      const published = await services(rig);
      expect(published.length).toBeGreaterThan(0);
      for (const { metadata, spec } of published) {
        const addresses = ("endpoints" in spec ? spec.endpoints ?? [] : []).map(({ address, ports }) =>
          `${address} ${JSON.stringify(ports)}`
        );
        expect(addresses.length, metadata.name).toBeGreaterThan(0);
        expect(new Set(addresses).size, `endpoints of ${metadata.name}, each once`).toBe(addresses.length);
      }
    },
  );

  test("follows an instance that goes and comes back", async ({ expect }) => {
    await using rig = await startRecorded("dubbo3-instance");
    await expect.poll(() => rig.ready, soon).toBe(true);
    const before = await rig.endpoints();
    const node = recordedTree("dubbo3-instance").findLast(({ path }) =>
      /^\/services\/[^/]+\/[^/]+$/.test(path)
    );
    if (node === undefined) throw new Error("the tree has no instance");
    rig.server.tree.delete(node.path);
    await expect.poll(() => rig.endpoints(), soon).not.toEqual(before);
    rig.server.tree.create(node.path, Buffer.from(node.data ?? ""));
    await expect.poll(() => rig.endpoints(), soon).toEqual(before);
  });

  test("publishes a Spring Cloud service", async ({ expect }) => {
    await using rig = await startRecorded("spring-cloud-zookeeper");
    await expect.poll(() => rig.ready, soon).toBe(true);
    expect(await services(rig)).toEqual([
      expect.objectContaining({
        metadata: expect.objectContaining({ name: expect.stringContaining("catalog") }),
      }),
    ]);
  });
});
