import { expect, test } from "vitest";
import { bytes, patient, refusalOf, startProxy } from "./zookeeper-suite-client.ts";
import type { SuiteContext } from "./zookeeper-suite-client.ts";

/** The shortest that servers grant by default. */
const shortSessionMs = 4_000;

/** What becomes of a session, and of what was asked, when connections end. */
export function sessionTests(suite: SuiteContext): void {
  test("keeps its session over a reconnect; what was asked fails", async () => {
    const { proxy, address } = await startProxy(suite.address);
    await using _proxy = proxy;
    await using cut = await suite.connect({ servers: [address] });
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

  test("goes on at another server with the same session", async () => {
    const first = await startProxy(suite.address);
    await using _first = first.proxy;
    const second = await startProxy(suite.address);
    await using _second = second.proxy;
    await using moving = await suite.connect({ servers: [first.address, second.address] });
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

  // These wait for the server's clock: together they take as long as one.
  test.concurrent("begins another session when the old one expired", async ({ expect }) => {
    const { proxy, address } = await startProxy(suite.address);
    await using _proxy = proxy;
    await using expiring = await suite.connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
    await expiring.zooKeeper.create("/expiring", bytes(""), { ephemeral: true });
    await suite.other.zooKeeper.exists("/expiring", true);
    proxy.closed = true;
    proxy.cut();
    await expect.poll(() => suite.other.fired("/expiring"), patient).toEqual(["deleted /expiring"]);
    proxy.closed = false;
    await expiring.saw("connected", 2);
    expect(expiring.sessionEvents).toEqual(["connected", "disconnected", "expired", "connected"]);
    await expiring.zooKeeper.create("/expiring", bytes(""), { ephemeral: true });
  });

  test.concurrent("notices a server that is silent", async ({ expect }) => {
    const { proxy, address } = await startProxy(suite.address);
    await using _proxy = proxy;
    await using deaf = await suite.connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
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

  test.concurrent("idles without losing its session", async ({ expect }) => {
    await using idle = await suite.connect({ sessionTimeoutMs: shortSessionMs });
    await idle.zooKeeper.create("/idle", bytes(""), { ephemeral: true });
    await using _longer = await suite.connect({ sessionTimeoutMs: shortSessionMs });
    const { proxy, address } = await startProxy(suite.address);
    await using _proxy = proxy;
    await using expiring = await suite.connect({ servers: [address], sessionTimeoutMs: shortSessionMs });
    await expiring.zooKeeper.create("/idle-clock", bytes(""), { ephemeral: true });
    await suite.other.zooKeeper.exists("/idle-clock", true);
    proxy.closed = true;
    proxy.cut();
    // By the server's clock a session's length is over now.
    await expect.poll(() => suite.other.fired("/idle-clock"), patient).toEqual(["deleted /idle-clock"]);
    expect(idle.sessionEvents).toEqual(["connected"]);
    expect(await suite.other.zooKeeper.exists("/idle")).toBeDefined();
  });

  test("fails requests once it is closed", async () => {
    const closed = await suite.connect();
    const pending = refusalOf(closed.zooKeeper.getChildren("/"));
    await closed[Symbol.asyncDispose]();
    expect([undefined, "registry-unavailable"]).toContain(await pending);
    expect(closed.zooKeeper.state).toBe("closed");
    expect(await refusalOf(closed.zooKeeper.getChildren("/"))).toBe("registry-unavailable");
    expect(await refusalOf(closed.zooKeeper.connected(AbortSignal.timeout(60_000)))).toBe(
      "registry-unavailable",
    );
  });
}
