import { describe, expect, test } from "vitest";
import { bytes, patient, startProxy } from "./zookeeper-suite-client.ts";
import type { SuiteContext } from "./zookeeper-suite-client.ts";

/** What fires, when, and in which order. */
export function watchTests(suite: SuiteContext, hasTreeWatches: boolean): void {
  test("one-shot watches fire once", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/once");
    expect(await zk.exists("/once/a", true)).toBeUndefined();
    await zk.getChildren("/once", true);
    await suite.other.zooKeeper.create("/once/a");
    await expect.poll(() => suite.client.fired("/once").sort(), patient).toEqual([
      "children-changed /once",
      "created /once/a",
    ]);
    await suite.other.zooKeeper.setData("/once/a", bytes("unseen"));
    await zk.getData("/once/a", true);
    await suite.other.zooKeeper.setData("/once/a", bytes("seen"));
    await suite.other.zooKeeper.create("/once/unseen");
    await zk.exists("/once/a", true);
    await suite.other.zooKeeper.delete("/once/a");
    await expect.poll(() => suite.client.fired("/once").slice(2), patient).toEqual([
      "data-changed /once/a",
      "deleted /once/a",
    ]);
  });

  test("tells of a change before any answer that shows it", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/order");
    for (let count = 1; count <= 20; count++) {
      await zk.getChildren("/order", true);
      const created = suite.other.zooKeeper.create("/order/n", bytes(""), { sequential: true });
      for (;;) {
        const seen = (await zk.getChildren("/order"))?.names.length;
        // In the turn of the answer itself: the event has been handled.
        if (seen === count) break;
      }
      expect(suite.client.fired("/order")).toHaveLength(count);
      await created;
    }
  });

  test("goes on after an answer before it tells of the next event", async () => {
    const zk = suite.client.zooKeeper;
    await zk.create("/turns");
    const log: string[] = [];
    const end = zk.onWatch(({ path }) => path.startsWith("/turns") && log.push("event"));
    for (let round = 0; round < 20; round++) {
      await zk.create(`/turns/${round}`);
      log.length = 0;
      const read = async () => {
        await zk.exists(`/turns/${round}`, true);
        for (let step = 0; step < 5; step++) await Promise.resolve();
        log.push("answer handled");
      };
      await Promise.all([read(), zk.delete(`/turns/${round}`)]);
      await expect.poll(() => log, patient).toEqual(["answer handled", "event"]);
    }
    end();
  });

  test("has no tree watches, or has them", async () => {
    await using watcher = await suite.connect();
    const ask = async () => {
      await watcher.zooKeeper.connected(AbortSignal.timeout(60_000));
      return await watcher.zooKeeper.watchTree("/");
    };
    // A server that doesn't know them hangs up, once.
    const has = await ask().catch(ask);
    expect(has).toBe(hasTreeWatches);
    expect(watcher.count("connected")).toBeLessThanOrEqual(hasTreeWatches ? 1 : 2);
    expect(watcher.count("expired")).toBe(0);
  });

  describe.skipIf(!hasTreeWatches)("tree watches", () => {
    test("tell of everything below a node, and of nothing else", async () => {
      await using watcher = await suite.connect();
      expect(await watcher.zooKeeper.watchTree("/tree")).toBe(true);
      const zk = suite.other.zooKeeper;
      for (const path of ["/tree", "/treeless", "/tree/a", "/tree/a/b", "/treeless/x"]) {
        await zk.create(path);
      }
      await zk.setData("/tree/a/b", bytes("1"));
      await zk.setData("/tree", bytes("2"));
      for (const path of ["/tree/a/b", "/tree/a", "/tree"]) await zk.delete(path);
      await zk.create("/tree");
      await expect.poll(() => watcher.fired("/"), patient).toEqual([
        "created /tree",
        "created /tree/a",
        "created /tree/a/b",
        "data-changed /tree/a/b",
        "data-changed /tree",
        "deleted /tree/a/b",
        "deleted /tree/a",
        "deleted /tree",
        "created /tree",
      ]);
    });

    test("aren't ended by a one-shot watch on their node", async () => {
      await using watcher = await suite.connect();
      const zk = watcher.zooKeeper;
      await zk.create("/kept");
      await zk.watchTree("/kept");
      await expect(zk.getData("/kept", true)).rejects.toThrow(TypeError);
      await zk.getChildren("/kept");
      for (const name of ["1", "2"]) await suite.other.zooKeeper.create(`/kept/${name}`);
      await expect.poll(() => watcher.fired("/"), patient).toEqual(["created /kept/1", "created /kept/2"]);
    });

    test("are told with paths below the chroot", async () => {
      await suite.client.zooKeeper.create("/rooted");
      await using watcher = await suite.connect({ servers: [`${suite.address}/rooted`] });
      await watcher.zooKeeper.watchTree("/");
      await suite.other.zooKeeper.create("/rooted/a");
      await suite.other.zooKeeper.setData("/rooted", bytes("x"));
      await expect.poll(() => watcher.fired("/"), patient).toEqual(["created /a", "data-changed /"]);
    });

    test("end with their connection", async () => {
      const { proxy, address } = await startProxy(suite.address);
      await using _proxy = proxy;
      await using watcher = await suite.connect({ servers: [address] });
      await watcher.zooKeeper.watchTree("/ending");
      proxy.cut();
      await watcher.saw("connected", 2);
      await suite.other.zooKeeper.create("/ending");
      await watcher.zooKeeper.exists("/ending");
      expect(watcher.fired("/")).toEqual([]);
      expect(await watcher.zooKeeper.watchTree("/ending")).toBe(true);
      await suite.other.zooKeeper.delete("/ending");
      await expect.poll(() => watcher.fired("/"), patient).toEqual(["deleted /ending"]);
    });
  });
}
