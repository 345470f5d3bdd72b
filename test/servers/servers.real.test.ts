import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { startEureka, startEurekaPeers } from "./eureka.ts";
import { requireReal } from "./find.ts";
import { startIstiod } from "./istiod.ts";
import { startMcpStub } from "./mcp-stub.ts";
import { startNats } from "./nats.ts";
import { connectSidecar } from "./sidecar-client.ts";

describe.skipIf(requireReal("nats-server").skip)("startNats()", () => {
  test("keeps what JetStream has acknowledged when it is killed and restarted", async () => {
    await using nats = await startNats({ config: "max_payload: 2MB" });
    const first = await connect({ servers: nats.url });
    expect(first.info?.max_payload).toBe(2 * 1024 * 1024);
    await (await jetstreamManager(first)).streams.add({
      name: "KEPT",
      subjects: ["kept.>"],
      allow_direct: true,
    });
    await jetstream(first).publish("kept.one", "text");
    await first.close();
    const pid = nats.pid;

    await nats.kill();
    expect(nats.pid).toBeUndefined();
    await nats.restart();

    expect(nats.pid).not.toBe(pid);
    const second = await connect({ servers: nats.url });
    const kept = await (await jetstreamManager(second)).direct.getMessage("KEPT", {
      last_by_subj: "kept.one",
    });
    expect(kept?.string()).toBe("text");
    await second.close();
  });

  test("says what the server said when it does not start", async () => {
    await expect(startNats({ config: "no such option {" })).rejects.toThrow(
      /nats-server ended while starting[^]*nats\.conf/,
    );
  });
});

describe.skipIf(requireReal("eureka").skip)("startEureka()", () => {
  test("registers, overrides and cancels over HTTP, with Basic auth", async () => {
    await using eureka = await startEureka({ auth: { username: "mesh", password: "s3cret" } });
    const read = async () => await (await eureka.writer.request("GET", "/apps/ORDERS")).text();
    expect((await fetch(`${eureka.url}/apps`)).status).toBe(401);

    await eureka.register({
      app: "orders",
      instanceId: "orders-1",
      ipAddr: "10.1.0.1",
      port: 8080,
      metadata: { zone: "a" },
    });
    await eureka.heartbeat("orders", "orders-1");
    expect(await read()).toMatch(/"ipAddr":"10\.1\.0\.1".*"status":"UP".*"zone":"a"/);
    await eureka.setStatus("ORDERS", "orders-1", "OUT_OF_SERVICE");
    expect(await read()).toContain('"status":"OUT_OF_SERVICE"');
    await eureka.cancel("ORDERS", "orders-1");
    expect((await eureka.writer.request("GET", "/apps/ORDERS")).status).toBe(404);
  });

  test("two peers replicate what is registered at one", async () => {
    const [a, b] = await startEurekaPeers();
    await using _a = a;
    await using _b = b;
    await a.register({ app: "orders", instanceId: "orders-1", ipAddr: "10.1.0.1", port: 8080 });
    await expect.poll(async () => (await b.writer.request("GET", "/apps/ORDERS")).status, { timeout: 60_000 })
      .toBe(200);
  });
});

describe.each(["latest", "1.22"] as const)("startIstiod() %s", (version) => {
  const skip = requireReal(`istiod-${version}`).skip;
  const host = "orders.test";

  test.skipIf(skip).each(["delta", "sotw"] as const)(
    "serves a %s sidecar, before and after a restart",
    async (protocol) => {
      await using stub = await startMcpStub([{ host, addresses: ["10.1.0.1", "10.1.0.2"] }]);
      await using istiod = await startIstiod({ version, mcpAddresses: [stub.address] });
      await using sidecar = connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}`, protocol });
      const endpoints = () => sidecar.endpointsOfHost(host, 80)?.join(" ");

      expect(await istiod.configz("ServiceEntry")).toMatchObject([
        { namespace: "default", name: "orders-test", version: "10.1.0.1 10.1.0.2" },
      ]);
      await sidecar.until("both endpoints", () => endpoints() === "10.1.0.1:8080 10.1.0.2:8080");
      await sidecar.until("routes", () => sidecar.counts().RDS > 0);
      await sidecar.quiet();

      sidecar.forget();
      stub.set([{ host, addresses: ["10.1.0.1", "10.1.0.3"] }]);
      await sidecar.until("the new endpoint", () => endpoints() === "10.1.0.1:8080 10.1.0.3:8080");
      await sidecar.quiet();
      expect(sidecar.counts()).toEqual({ CDS: 0, EDS: 1, LDS: 0, RDS: 0 });

      await istiod.restart();
      await sidecar.until(
        "a second stream with clusters",
        () => sidecar.streams > 1 && sidecar.counts().CDS > 0,
      );
      await sidecar.quiet();
      expect(endpoints()).toBe("10.1.0.1:8080 10.1.0.3:8080");

      stub.set([]);
      await sidecar.until("the service gone", () => endpoints() === undefined);
      expect(sidecar.clusters().filter((name) => name.endsWith(host))).toEqual([]);
    },
  );

  test.skipIf(skip)("says what istiod said when no source listens", async () => {
    const start = startIstiod({ version, mcpAddresses: ["127.0.0.1:1"] });
    await expect(start).rejects.toThrow(/ended while starting[^]*127\.0\.0\.1:1/);
  });
});
