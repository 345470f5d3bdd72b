import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patient, refusalOf, startProxy, SuiteClient } from "./zookeeper-suite-client.ts";
import type { OpenClient } from "./zookeeper-suite-client.ts";

/** A running ZooKeeper that nobody else uses, or what passes for one. */
export interface ZooKeeperSuiteServer extends AsyncDisposable {
  /** `host:port` on loopback. */
  readonly address: string;
}

/** What is tested. */
export interface ZooKeeperSuiteOptions {
  /** Starts a server that grants sessions of 4 to 30 s, as they all do with the usual `tickTime` of 2000 ms. */
  readonly start: () => Promise<ZooKeeperSuiteServer>;
  readonly open: OpenClient;
  /** Whether server and driver have tree watches. */
  readonly hasTreeWatches: boolean;
}

const text = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();
const bytes = (text: string) => new TextEncoder().encode(text);

/** The shortest that servers grant by default. */
const shortSessionMs = 4_000;

/**
 * What we rely on in a ZooKeeper client and a ZooKeeper server. Our client and the native one pass it with real
 * servers, and our client passes it with the simulator: what is tested against that one holds for a real server.
 */
export function zooKeeperSuite(name: string, { start, open, hasTreeWatches }: ZooKeeperSuiteOptions): void {
  describe(name, { timeout: 150_000 }, () => {
    let server: ZooKeeperSuiteServer;
    let client: SuiteClient;
    let other: SuiteClient;

    const connect = (options: Parameters<typeof SuiteClient.open>[1] = {}) =>
      SuiteClient.open(open, { servers: [server.address], ...options });

    beforeAll(async () => {
      server = await start();
      client = await connect();
      other = await connect();
    }, 150_000);
    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    test("creates, reads, changes and deletes nodes", async () => {
      const zk = client.zooKeeper;
      expect(await zk.create("/crud", bytes("one"))).toBe("/crud");
      expect(text((await zk.getData("/crud"))?.data)).toBe("one");
      await zk.setData("/crud", bytes("two"));
      await zk.create("/crud/child");
      const node = await zk.getData("/crud");
      expect(text(node?.data)).toBe("two");
      expect(node?.stat).toMatchObject({ version: 1, cversion: 1, childCount: 1, ephemeralOwner: 0n });
      expect(node?.stat.mzxid).toBeGreaterThan(node?.stat.czxid ?? 0n);
      expect(node?.stat.pzxid).toBeGreaterThan(node?.stat.mzxid ?? 0n);
      expect(await zk.exists("/crud")).toEqual(node?.stat);
      expect(await zk.getChildren("/crud")).toEqual({ names: ["child"], stat: node?.stat });
      expect((await zk.getChildren("/"))?.names).toContain("crud");
      expect((await zk.getData("/crud/child"))?.data).toHaveLength(0);
      await zk.delete("/crud/child");
      await zk.delete("/crud");
      expect(await zk.exists("/crud")).toBeUndefined();
    });

    test("tells of nodes that aren't there", async () => {
      const zk = client.zooKeeper;
      expect(await zk.getChildren("/absent")).toBeUndefined();
      expect(await zk.getData("/absent")).toBeUndefined();
      expect(await zk.exists("/absent")).toBeUndefined();
    });

    test("says why a request is refused", async () => {
      const zk = client.zooKeeper;
      await zk.create("/refused");
      await zk.create("/refused/ephemeral", bytes(""), { ephemeral: true });
      expect(await refusalOf(zk.create("/refused"))).toBe("nodeExists invalid-record");
      expect(await refusalOf(zk.create("/absent/child"))).toBe("noNode invalid-record");
      expect(await refusalOf(zk.setData("/absent", bytes("")))).toBe("noNode invalid-record");
      expect(await refusalOf(zk.delete("/absent"))).toBe("noNode invalid-record");
      expect(await refusalOf(zk.delete("/refused"))).toBe("notEmpty invalid-record");
      expect(await refusalOf(zk.create("/refused/ephemeral/child"))).toBe(
        "noChildrenForEphemerals invalid-record",
      );
    });

    test.each([[""], ["a"], ["/a/"], ["/a//b"]])("%j is no path", async (path) => {
      await expect(client.zooKeeper.getChildren(path)).rejects.toThrow(TypeError);
    });

    test("numbers sequential nodes", async () => {
      const zk = client.zooKeeper;
      await zk.create("/sequential");
      const created = [];
      for (const _ of [1, 2, 3]) {
        created.push(await zk.create("/sequential/n-", bytes(""), { sequential: true }));
      }
      expect(created).toEqual([0, 1, 2].map((number) => `/sequential/n-000000000${number}`));
    });

    test("ephemeral nodes go with their session", async () => {
      await client.zooKeeper.create("/ephemerals");
      {
        await using owner = await connect();
        await owner.zooKeeper.create("/ephemerals/e", bytes(""), { ephemeral: true });
        const stat = await client.zooKeeper.exists("/ephemerals/e");
        expect(stat?.ephemeralOwner).not.toBe(0n);
        await client.zooKeeper.exists("/ephemerals/e", true);
      }
      await expect.poll(() => client.fired("/ephemerals"), patient).toEqual(["deleted /ephemerals/e"]);
    });

    test("only the creator may use what it kept for itself", async () => {
      const digest = { username: "bob", password: "se:cret" };
      const { proxy, address } = await startProxy(server.address);
      await using _proxy = proxy;
      await using owner = await connect({ digest, servers: [address] });
      await using same = await connect({ digest });
      await using wrong = await connect({ digest: { ...digest, password: "other" } });
      await owner.zooKeeper.create("/private", bytes("x"), { creatorOnly: true });
      expect(await refusalOf(client.zooKeeper.getData("/private"))).toBe("noAuth invalid-record");
      expect(await refusalOf(wrong.zooKeeper.getChildren("/private"))).toBe("noAuth invalid-record");
      expect(text((await same.zooKeeper.getData("/private"))?.data)).toBe("x");
      // Servers don't remember it over a reconnect.
      proxy.cut();
      await owner.saw("connected", 2);
      expect(text((await owner.zooKeeper.getData("/private"))?.data)).toBe("x");
    });

    test("lives below its chroot", async () => {
      await client.zooKeeper.create("/chroot");
      await client.zooKeeper.create("/chroot/below");
      await using inner = await connect({ servers: [`${server.address}/chroot/below`] });
      const zk = inner.zooKeeper;
      expect((await zk.getChildren("/", true))?.names).toEqual([]);
      expect(await zk.create("/a", bytes("1"))).toBe("/a");
      expect(await zk.create("/s", bytes(""), { sequential: true })).toBe("/s0000000001");
      expect(text((await client.zooKeeper.getData("/chroot/below/a"))?.data)).toBe("1");
      await zk.getData("/a", true);
      await client.zooKeeper.setData("/chroot/below/a", bytes("2"));
      await expect.poll(() => inner.fired("/"), patient).toEqual(["children-changed /", "data-changed /a"]);
    });

    test("one-shot watches fire once", async () => {
      const zk = client.zooKeeper;
      await zk.create("/once");
      expect(await zk.exists("/once/a", true)).toBeUndefined();
      await zk.getChildren("/once", true);
      await other.zooKeeper.create("/once/a");
      await expect.poll(() => client.fired("/once").sort(), patient).toEqual([
        "children-changed /once",
        "created /once/a",
      ]);
      await other.zooKeeper.setData("/once/a", bytes("unseen"));
      await zk.getData("/once/a", true);
      await other.zooKeeper.setData("/once/a", bytes("seen"));
      await other.zooKeeper.create("/once/unseen");
      await zk.exists("/once/a", true);
      await other.zooKeeper.delete("/once/a");
      await expect.poll(() => client.fired("/once").slice(2), patient).toEqual([
        "data-changed /once/a",
        "deleted /once/a",
      ]);
    });

    test("tells of a change before any answer that shows it", async () => {
      const zk = client.zooKeeper;
      await zk.create("/order");
      for (let count = 1; count <= 20; count++) {
        await zk.getChildren("/order", true);
        const created = other.zooKeeper.create("/order/n", bytes(""), { sequential: true });
        for (;;) {
          const seen = (await zk.getChildren("/order"))?.names.length;
          // In the turn of the answer itself: the event has been handled.
          if (seen === count) break;
        }
        expect(client.fired("/order")).toHaveLength(count);
        await created;
      }
    });

    test("goes on after an answer before it tells of the next event", async () => {
      const zk = client.zooKeeper;
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

    test("answers many requests at once", async () => {
      const zk = client.zooKeeper;
      await zk.create("/many");
      const names = Array.from({ length: 5_000 }, (_, index) => `n${index}`);
      await Promise.all(names.map((name) => zk.create(`/many/${name}`, bytes(name))));
      const read = await Promise.all(names.map((name) => zk.getData(`/many/${name}`)));
      expect(read.map((node) => text(node?.data))).toEqual(names);
      expect(zk.requests.get("getData")).toBeGreaterThanOrEqual(names.length);
    });

    test("names hold every printable character", async () => {
      const zk = client.zooKeeper;
      await zk.create("/names");
      const printable = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
      const names = [
        // "." and ".." are no names, and "/" is between them.
        ...printable.filter((name) => name !== "/" && name !== "."),
        "...",
        printable.join("").replace("/", ""),
        "dubbo%3A%2F%2F10.0.0.1%3A20880%2Fcom.acme.A%3Fa%3D%25",
        "Zürich 東京 ß é\u0301 ¡",
      ];
      for (const name of names) await zk.create(`/names/${name}`, bytes(name));
      expect((await other.zooKeeper.getChildren("/names"))?.names.toSorted()).toEqual(names.toSorted());
      for (const name of names) {
        expect(text((await other.zooKeeper.getData(`/names/${name}`))?.data)).toBe(name);
      }
    });

    test("nodes and names may be almost a megabyte", async () => {
      const zk = client.zooKeeper;
      await zk.create("/large");
      const name = "n".repeat(500_000);
      await zk.getChildren("/large", true);
      await zk.create(`/large/${name}`, new Uint8Array(500_000).fill(7));
      expect((await zk.getChildren("/large"))?.names).toEqual([name]);
      const node = await zk.getData(`/large/${name}`);
      expect(node?.data).toHaveLength(500_000);
      expect(node?.data.every((byte) => byte === 7)).toBe(true);
    });

    test("a node may have 100,000 children", async () => {
      const zk = client.zooKeeper;
      await zk.create("/crowd");
      const names = Array.from(
        { length: 100_000 },
        (_, index) => `dubbo%3A%2F%2F10.0.0.1%3A${index}%2Fcom.acme.A`,
      );
      for (let start = 0; start < names.length; start += 10_000) {
        await Promise.all(names.slice(start, start + 10_000).map((name) => zk.create(`/crowd/${name}`)));
      }
      const children = await other.zooKeeper.getChildren("/crowd");
      expect(children?.stat.childCount).toBe(100_000);
      expect(new Set(children?.names)).toEqual(new Set(names));
    });

    test("has no tree watches, or has them", async () => {
      await using watcher = await connect();
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
        await using watcher = await connect();
        expect(await watcher.zooKeeper.watchTree("/tree")).toBe(true);
        const zk = other.zooKeeper;
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
        await using watcher = await connect();
        const zk = watcher.zooKeeper;
        await zk.create("/kept");
        await zk.watchTree("/kept");
        await expect(zk.getData("/kept", true)).rejects.toThrow(TypeError);
        await zk.getChildren("/kept");
        for (const name of ["1", "2"]) await other.zooKeeper.create(`/kept/${name}`);
        await expect.poll(() => watcher.fired("/"), patient).toEqual(["created /kept/1", "created /kept/2"]);
      });

      test("are told with paths below the chroot", async () => {
        await client.zooKeeper.create("/rooted");
        await using watcher = await connect({ servers: [`${server.address}/rooted`] });
        await watcher.zooKeeper.watchTree("/");
        await other.zooKeeper.create("/rooted/a");
        await other.zooKeeper.setData("/rooted", bytes("x"));
        await expect.poll(() => watcher.fired("/"), patient).toEqual(["created /a", "data-changed /"]);
      });

      test("end with their connection", async () => {
        const { proxy, address } = await startProxy(server.address);
        await using _proxy = proxy;
        await using watcher = await connect({ servers: [address] });
        await watcher.zooKeeper.watchTree("/ending");
        proxy.cut();
        await watcher.saw("connected", 2);
        await other.zooKeeper.create("/ending");
        await watcher.zooKeeper.exists("/ending");
        expect(watcher.fired("/")).toEqual([]);
        expect(await watcher.zooKeeper.watchTree("/ending")).toBe(true);
        await other.zooKeeper.delete("/ending");
        await expect.poll(() => watcher.fired("/"), patient).toEqual(["deleted /ending"]);
      });
    });

    test("keeps its session over a reconnect; what was asked fails", async () => {
      const { proxy, address } = await startProxy(server.address);
      await using _proxy = proxy;
      await using cut = await connect({ servers: [address] });
      const zk = cut.zooKeeper;
      await zk.create("/resumed", bytes(""), { ephemeral: true });
      const before = await zk.exists("/resumed");
      proxy.swallowAnswers = true;
      const unanswered = refusalOf(zk.getChildren("/"));
      proxy.cut();
      expect(await unanswered).toBe("registry-unavailable");
      expect(await refusalOf(zk.getChildren("/"))).toBe("registry-unavailable");
      expect(zk.state).toBe("connecting");
      expect(zk.lastError).toContain("ZooKeeper");
      proxy.swallowAnswers = false;
      proxy.cut();
      await cut.saw("connected", 2);
      expect(zk.state).toBe("connected");
      expect(zk.lastError).toBeUndefined();
      expect(await zk.exists("/resumed")).toEqual(before);
      expect(cut.count("expired")).toBe(0);
    });

    test("begins another session when the old one expired", async () => {
      const { proxy, address } = await startProxy(server.address);
      await using _proxy = proxy;
      await using expiring = await connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
      await expiring.zooKeeper.create("/expiring", bytes(""), { ephemeral: true });
      await other.zooKeeper.exists("/expiring", true);
      proxy.closed = true;
      proxy.cut();
      await expect.poll(() => other.fired("/expiring"), patient).toEqual(["deleted /expiring"]);
      proxy.closed = false;
      await expiring.saw("connected", 2);
      expect(expiring.sessionEvents).toEqual(["connected", "disconnected", "expired", "connected"]);
      await expiring.zooKeeper.create("/expiring", bytes(""), { ephemeral: true });
    });

    test("goes on at another server with the same session", async () => {
      const first = await startProxy(server.address);
      await using _first = first.proxy;
      const second = await startProxy(server.address);
      await using _second = second.proxy;
      await using moving = await connect({ servers: [first.address, second.address] });
      await moving.zooKeeper.create("/moving", bytes(""), { ephemeral: true });
      const before = await moving.zooKeeper.exists("/moving");
      const [used, unused] = first.proxy.attempts > 0 ? [first, second] : [second, first];
      expect(unused.proxy.attempts).toBe(0);
      used.proxy.closed = true;
      used.proxy.cut();
      await moving.saw("connected", 2);
      expect(unused.proxy.attempts).toBeGreaterThan(0);
      expect(await moving.zooKeeper.exists("/moving")).toEqual(before);
      expect(moving.count("expired")).toBe(0);
    });

    test("notices a server that is silent", async () => {
      const { proxy, address } = await startProxy(server.address);
      await using _proxy = proxy;
      await using deaf = await connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
      proxy.swallowAnswers = true;
      proxy.swallowRequests = true;
      const startMs = performance.now();
      const unanswered = refusalOf(deaf.zooKeeper.getChildren("/"));
      await deaf.saw("disconnected", 1);
      // Two thirds of the session; the rest of it is for a loaded machine.
      expect(performance.now() - startMs).toBeLessThan(shortSessionMs);
      expect(await unanswered).toBe("registry-unavailable");
      proxy.swallowAnswers = false;
      proxy.swallowRequests = false;
      await deaf.saw("connected", 2);
    });

    test("idles without losing its session", async () => {
      await using idle = await connect({ sessionTimeoutMs: shortSessionMs });
      await idle.zooKeeper.create("/idle", bytes(""), { ephemeral: true });
      await using _longer = await connect({ sessionTimeoutMs: shortSessionMs });
      const { proxy, address } = await startProxy(server.address);
      await using _proxy = proxy;
      await using expiring = await connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
      await expiring.zooKeeper.create("/idle-clock", bytes(""), { ephemeral: true });
      await other.zooKeeper.exists("/idle-clock", true);
      proxy.closed = true;
      proxy.cut();
      // By the server's clock a session's length is over now.
      await expect.poll(() => other.fired("/idle-clock"), patient).toEqual(["deleted /idle-clock"]);
      expect(idle.sessionEvents).toEqual(["connected"]);
      expect(await other.zooKeeper.exists("/idle")).toBeDefined();
    });

    test("fails requests once it is closed", async () => {
      const closed = await connect();
      const pending = refusalOf(closed.zooKeeper.getChildren("/"));
      await closed[Symbol.asyncDispose]();
      expect([undefined, "registry-unavailable"]).toContain(await pending);
      expect(closed.zooKeeper.state).toBe("closed");
      expect(await refusalOf(closed.zooKeeper.getChildren("/"))).toBe("registry-unavailable");
      expect(await refusalOf(closed.zooKeeper.connected(AbortSignal.timeout(60_000)))).toBe(
        "registry-unavailable",
      );
    });
  });
}
