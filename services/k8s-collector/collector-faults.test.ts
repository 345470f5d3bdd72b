import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { readJson } from "../../shared/model/read-json.ts";
import { certificateFrom } from "../../test/servers/certificate.ts";
import { CollectorRig, patient, SimulatedCluster } from "./collector-rig.ts";

/** Collects the addresses of each version of an entry that is published. */
async function record(rig: CollectorRig, name: string, act: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const stop = new AbortController();
  const following = (async () => {
    for await (const event of rig.running.entryLog.follow("mesh.entries.ServiceEntry.>", stop.signal)) {
      if (event.type !== "put") continue;
      const { metadata, spec } = ServiceEntryManifest.parse(readJson(event.data));
      if (metadata.name !== name) continue;
      seen.push(
        (spec.endpoints ?? []).map(({ address, ports }) => `${address} ${JSON.stringify(ports)}`).join(),
      );
    }
  })();
  await act();
  stop.abort();
  await following;
  return seen;
}

describe("a Kubernetes collector, whatever happens", () => {
  test("a port that gets another name leaves no moment without endpoints, whichever comes first", async () => {
    const cluster = await SimulatedCluster.start();
    const service = (name: string) =>
      void cluster.server.set("services", {
        metadata: { namespace: "shop", name: "orders" },
        spec: { type: "ClusterIP", ports: [{ name, port: 80, targetPort: 8080 }] },
      });
    const slice = (port: string, address: string) =>
      void cluster.server.set("endpointSlices", {
        metadata: { namespace: "shop", name: "orders-1", labels: { "kubernetes.io/service-name": "orders" } },
        addressType: "IPv4",
        ports: [{ name: port, port: 8080 }],
        endpoints: [{ addresses: [address] }],
      });
    service("http");
    slice("http", "10.0.0.1");
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    const ports = async () =>
      (await rig.manifests()).get("orders")?.spec.ports?.map(({ name }) => name).join();
    const seen = await record(rig, "orders", async () => {
      service("web");
      // Long enough for the collector to publish what it makes of that.
      cluster.service("other", ["10.0.0.9"]);
      await expect.poll(() => rig.endpoints(), patient).toMatchObject({ other: "10.0.0.9" });
      slice("web", "10.0.0.1");
      await expect.poll(ports, patient).toBe("web");
      await expect.poll(() => rig.endpoints(), patient).toMatchObject({ orders: "10.0.0.1" });
    });
    expect(seen.filter((endpoints) => endpoints === "")).toEqual([]);
  });

  test("a namespace whose Services are deleted one after the other is held as one that goes at once", async () => {
    const cluster = await SimulatedCluster.start();
    for (let index = 0; index < 100; index++) cluster.service(`s${index}`, [`10.0.0.${index}`]);
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    const left = async () =>
      Object.values(await rig.endpoints()).filter((addresses) => addresses !== "").length;
    for (let index = 0; index < 100; index += 5) {
      for (let each = index; each < index + 5; each++) {
        cluster.server.delete("endpointSlices", { namespace: "shop", name: `s${each}-1` });
        cluster.server.delete("services", { namespace: "shop", name: `s${each}` });
      }
      // Each few are taken for gone, or held, before the next ones go.
      const isSettled = async () => rig.collector.publisher.isHolding || await left() <= 95 - index;
      await expect.poll(isSettled, patient).toBe(true);
    }
    const kept = await left();
    expect(kept).toBeGreaterThanOrEqual(60);
    await expect.poll(() => rig.collector.publisher.held().size, patient).toBe(kept);
    await rig.collector.share.requestRelease("the test", new AbortController().signal);
    await expect.poll(left, patient).toBe(0);
  });

  test("a watch that is deaf without an error is noticed by its silence (kubernetes-client/javascript#958, #364)", async () => {
    const cluster = await SimulatedCluster.start({ bookmarkMs: 50 });
    cluster.service("orders", ["10.0.0.1"]);
    const rig = await CollectorRig.start({ east: cluster }, { silenceMs: 1_000 });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    cluster.server.deafenWatches();
    cluster.service("orders", ["10.0.0.2"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.2" });
  });

  test("a storm of versions that are gone, and of watches that break, loses nothing (kubernetes-client/javascript#1933)", async () => {
    const cluster = await SimulatedCluster.start({ bookmarkMs: 50 });
    cluster.service("orders", ["10.0.0.1"]);
    cluster.service("quiet", ["10.0.1.1"]);
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    const seen = await record(rig, "quiet", async () => {
      for (let round = 2; round < 20; round++) {
        if (round % 3 === 0) cluster.server.compact();
        else if (round % 3 === 1) cluster.server.breakWatches();
        else cluster.server.finishWatches();
        cluster.service("orders", [`10.0.0.${round}`]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.19", quiet: "10.0.1.1" });
    });
    expect(new Set(seen).size).toBeLessThanOrEqual(1);
  });

  test("a token that is revoked is noticed at the next request, and nothing goes; a running watch goes on", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.server.tokens.set("good", "reader");
    cluster.service("orders", ["10.0.0.1"]);
    const rig = await CollectorRig.startWith({ east: cluster.kubeconfig("good") });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    cluster.server.tokens.delete("good");
    cluster.server.tokens.set("other", "reader");
    cluster.service("orders", ["10.0.0.2"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.2" });
    expect(rig.collector.view.error).toBeUndefined();
    cluster.server.finishWatches();
    await expect.poll(() => rig.collector.view.error, patient).toMatch(
      /cluster east: .*renew the credentials/,
    );
    expect(await rig.endpoints()).toEqual({ orders: "10.0.0.2" });
  });

  test("a small one of several clusters that has nothing any more loses nothing before its time", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`));
    west.service("only-west", ["10.1.0.1"]);
    const rig = await CollectorRig.start({ east, west });
    await expect.poll(async () => (await rig.endpoints())["only-west"], patient).toBe("10.1.0.1");
    await west.server.stop();
    for (const kind of ["services", "endpointSlices"] as const) {
      west.server.delete(kind, {
        namespace: "shop",
        name: kind === "services" ? "only-west" : "only-west-1",
      });
    }
    west.server.compact();
    await west.resume();
    await expect.poll(() => rig.collector.remark, patient).toMatch(/cluster west: it had .* none at all/);
    await expect.poll(() => rig.collector.view.error, patient).toBeUndefined();
    const seen = await record(rig, "only-west", async () => {
      east.service("orders", ["10.0.0.1"]);
      await expect.poll(() => rig.collector.publisher.isHolding, patient).toBe(true);
    });
    expect(seen.filter((endpoints) => endpoints === "")).toEqual([]);
    // It was restored from a backup: what it still doesn't have is gone.
    west.service("other", ["10.1.0.2"]);
    west.server.compact();
    await expect.poll(async () => (await rig.endpoints())["other"], patient).toBe("10.1.0.2");
    await expect.poll(() => rig.collector.remark ?? "", patient).not.toMatch(/none at all/);
  });

  test("or until its time is over", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    east.service("orders", Array.from({ length: 20 }, (_, index) => `10.0.0.${index + 1}`));
    west.service("only-west", ["10.1.0.1"]);
    const rig = await CollectorRig.start({ east, west }, { config: { guard: { holdTime: "100ms" } } });
    await expect.poll(async () => (await rig.endpoints())["only-west"], patient).toBe("10.1.0.1");
    await west.server.stop();
    west.server.delete("services", { namespace: "shop", name: "only-west" });
    west.server.delete("endpointSlices", { namespace: "shop", name: "only-west-1" });
    west.server.compact();
    await west.resume();
    await expect.poll(async () => (await rig.endpoints())["only-west"], patient).toBe("");
  });
});

describe("clock skew", () => {
  test("which Service is the older one is what the clusters say, and both have their endpoints", async () => {
    const [east, west] = [await SimulatedCluster.start(), await SimulatedCluster.start()];
    const service = (cluster: SimulatedCluster, creationTimestamp: string, port: number) =>
      void cluster.server.set("services", {
        metadata: { namespace: "shop", name: "orders", creationTimestamp },
        spec: { type: "ClusterIP", ports: [{ name: "http", port }] },
      });
    // The clock of one is years ahead, that of the other one behind.
    service(east, "2099-01-01T00:00:00Z", 81);
    east.slice("orders", "orders-1", ["10.0.0.1"]);
    service(west, "1999-01-01T00:00:00Z", 80);
    west.slice("orders", "orders-1", ["10.1.0.1"]);
    const rig = await CollectorRig.start({ east, west });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1 10.1.0.1" });
    expect((await rig.manifests()).get("orders")?.spec.ports?.map(({ number }) => number)).toEqual([80]);
  });

  test("our clock may be set while we run: no connection seems older, and nothing goes", async () => {
    const cluster = await SimulatedCluster.start();
    cluster.service("orders", ["10.0.0.1"]);
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.1" });
    onTestFinished(() => void vi.useRealTimers());
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 86_400_000 });
    const [connection] = rig.collector.view.status().connections;
    expect(connection?.lastSuccessAgeMs).toBeLessThan(60_000);
    cluster.service("orders", ["10.0.0.2"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.2" });
    vi.setSystemTime(Date.now() - 2 * 86_400_000);
    cluster.service("orders", ["10.0.0.3"]);
    await expect.poll(() => rig.endpoints(), patient).toEqual({ orders: "10.0.0.3" });
  });

  test("an API server whose certificate isn't valid yet can't be read: the clocks are named", async () => {
    const cluster = await SimulatedCluster.start({ tls: certificateFrom("20980101") });
    const rig = await CollectorRig.start({ east: cluster });
    await expect.poll(() => rig.collector.notReady, patient).toMatch(
      /cluster east: .*can't be reached: .*compare our clock with that of the API server/,
    );
  });
});
