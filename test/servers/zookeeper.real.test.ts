import { once } from "node:events";
import { connect } from "node:tls";
import { describe, expect, test } from "vitest";
import { selfSignedCertificate } from "./certificate.ts";
import { requireReal } from "./find.ts";
import { startEnsemble, startZooKeeper, zooKeeperServerName, zooKeeperVersions } from "./zookeeper.ts";

describe.each(zooKeeperVersions)("startZooKeeper() %s", (version) => {
  test.skipIf(requireReal(zooKeeperServerName(version)).skip)(
    "serves, and serves again when it was killed",
    async () => {
      await using server = await startZooKeeper({ version, tickTimeMs: 200 });
      const pid = server.pid;
      expect(await server.fourLetterWord("srvr")).toContain(`Zookeeper version: ${version}.`);
      expect(await server.mode()).toBe("standalone");
      expect(await server.watchCount()).toBe(0);
      expect(await server.fourLetterWord("conf")).toContain("minSessionTimeout=400");

      await server.kill();
      await expect(server.mode()).rejects.toThrow(/ECONNREFUSED/);
      await server.restart();

      expect(server.pid).not.toBe(pid);
      expect(await server.mode()).toBe("standalone");
    },
  );
});

describe.skipIf(requireReal("zookeeper-3.9").skip)("startZooKeeper()", () => {
  test("listens with TLS as well", async () => {
    const certificate = selfSignedCertificate();
    await using server = await startZooKeeper({ tls: certificate });
    const port = Number(server.tlsAddress?.split(":")[1]);
    const socket = connect({ host: "localhost", port, ca: certificate.cert });
    await once(socket, "secureConnect");
    expect(socket.authorized).toBe(true);
    socket.write("ruok");
    const [answer] = await once(socket.setEncoding("utf8"), "data");
    expect(answer).toBe("imok");
    socket.destroy();
  });

  test("says what the server said when it does not start", async () => {
    await expect(startZooKeeper({ config: ["maxSessionTimeout=soon"] })).rejects.toThrow(
      /zookeeper-3\.9 ended while starting[^]*soon/,
    );
  });
});

describe.skipIf(requireReal("zookeeper-3.9").skip)("startEnsemble()", () => {
  test("has another leader when its leader was killed, and takes the old one back", async () => {
    await using ensemble = await startEnsemble();
    const parts = async () => {
      const modes = await Promise.all(ensemble.servers.map((server) => server.mode().catch(() => "down")));
      return modes.map(String).toSorted();
    };
    expect(await parts()).toEqual(["follower", "follower", "leader"]);
    const first = await ensemble.leader();

    await first.kill();
    await expect.poll(parts, { timeout: 60_000 }).toEqual(["down", "follower", "leader"]);
    expect(await ensemble.leader()).not.toBe(first);

    await first.restart();
    await expect.poll(parts, { timeout: 60_000 }).toEqual(["follower", "follower", "leader"]);
  });
});
