import { describe, expect, test } from "vitest";
import { selfSignedCertificate } from "../../test/servers/certificate.ts";
import { requireReal } from "../../test/servers/find.ts";
import { startEnsemble, startZooKeeper } from "../../test/servers/zookeeper.ts";
import { ZooKeeperClient } from "./client.ts";
import type { SessionEvent, ZooKeeperOptions } from "./zookeeper.ts";

const patient = { timeout: 60_000, interval: 20 };

function openClient(options: Partial<ZooKeeperOptions>) {
  const zooKeeper = new ZooKeeperClient({
    servers: [],
    sessionTimeoutMs: 10_000,
    maxFrameBytes: 1_000_000,
    ...options,
  });
  const events: SessionEvent[] = [];
  zooKeeper.onSession((event) => events.push(event));
  return { zooKeeper, events, connected: () => zooKeeper.connected(AbortSignal.timeout(60_000)) };
}

describe.skipIf(requireReal("zookeeper-3.9").skip)("ZooKeeperClient", () => {
  test("connects with TLS, and to nobody whom it can't trust", async () => {
    const certificate = selfSignedCertificate();
    const clientCertificate = selfSignedCertificate("DNS:client");
    await using server = await startZooKeeper({ tls: { ...certificate, clientCa: clientCertificate.cert } });
    const servers = [server.tlsAddress ?? ""];
    const tls = { ca: certificate.cert, cert: clientCertificate.cert, key: clientCertificate.key };
    const trusted = openClient({ servers, tls });
    await using zooKeeper = trusted.zooKeeper;
    await trusted.connected();
    await zooKeeper.create("/a");
    expect((await zooKeeper.getChildren("/"))?.names).toContain("a");
    await using untrusting = openClient({ servers, tls: {} }).zooKeeper;
    await expect.poll(() => untrusting.lastError, patient).toContain("self-signed certificate");
    await using unknown = openClient({ servers, tls: { ca: certificate.cert } }).zooKeeper;
    await expect.poll(() => unknown.lastError, patient).toMatch(
      /certificate required|bad certificate|closed/,
    );
    await using plain = openClient({ servers }).zooKeeper;
    await expect.poll(() => plain.lastError, patient).toContain("closed the connection");
  });

  test("keeps its session while servers of its ensemble are killed one by one", async () => {
    await using ensemble = await startEnsemble();
    const { zooKeeper, events, connected } = openClient({ servers: ensemble.addresses });
    await using _zooKeeper = zooKeeper;
    await connected();
    await zooKeeper.create("/e", new Uint8Array(), { ephemeral: true });
    const owner = (await zooKeeper.exists("/e"))?.ephemeralOwner;
    for (let round = 1; round <= 2; round++) {
      const used = ensemble.servers.find(({ address }) => address === zooKeeper.server);
      await used?.kill();
      await expect.poll(() => events.filter((event) => event === "connected"), patient).toHaveLength(
        round + 1,
      );
      expect(zooKeeper.server).not.toBe(used?.address);
      await expect.poll(
        async () => (await zooKeeper.exists("/e").catch(() => undefined))?.ephemeralOwner,
        patient,
      )
        .toBe(owner);
      await used?.restart();
    }
    expect(events).not.toContain("expired");
  });

  test("does without tree watches where a server has them switched off", async () => {
    const manager = "org.apache.zookeeper.server.watch.WatchManagerOptimized";
    await using server = await startZooKeeper({ properties: { "zookeeper.watchManagerName": manager } });
    const { zooKeeper, events, connected } = openClient({ servers: [server.address] });
    await using _zooKeeper = zooKeeper;
    await connected();
    expect(await zooKeeper.watchTree("/")).toBe(false);
    expect((await zooKeeper.getChildren("/", true))?.names).toEqual(["zookeeper"]);
    expect(events).toEqual(["connected"]);
  });

  test("follows a server whose data was lost", async () => {
    await using server = await startZooKeeper();
    const { zooKeeper, events, connected } = openClient({
      servers: [server.address],
      sessionTimeoutMs: 4_000,
    });
    await using _zooKeeper = zooKeeper;
    await connected();
    for (let index = 0; index < 50; index++) await zooKeeper.create(`/n${index}`);
    await server.kill();
    await using _empty = await startZooKeeper({ port: server.port });
    await expect.poll(() => events, patient).toEqual(["connected", "disconnected", "expired", "connected"]);
    expect((await zooKeeper.getChildren("/"))?.names).toEqual(["zookeeper"]);
  });
});
