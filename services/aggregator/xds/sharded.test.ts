import { Registry } from "prom-client";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { silentLog, testTransport } from "../grpc/grpc-rig.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { SyncGate } from "../ingest/sync-gate.ts";
import { openStream } from "./grpc-client-rig.ts";
import { SimulatedIstiod } from "./simulated-istiod-rig.ts";
import { XdsServer } from "./xds-server.ts";

const patience = { timeout: 10_000 };
const services = 300;
const nameOf = (index: number) => `service-${index}`;

function put(cache: ResourceCache, index: number, host = `${nameOf(index)}.example`): void {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: nameOf(index), namespace: "shop", creationTimestamp: "2026-01-02T03:04:05.678Z" },
    spec: { hosts: [host] },
  };
  cache.put("ServiceEntry", {
    ...encodeResource(manifest, "c"),
    subject: nameOf(index),
    registry: "eureka",
    source: "default",
    revision: undefined,
    endpoints: 0,
    name: `shop/${nameOf(index)}`,
    cursor: "c",
  });
}

function filledCache(): ResourceCache {
  const cache = new ResourceCache();
  for (let index = 0; index < services; index++) put(cache, index);
  return cache;
}

async function serve(
  cache: ResourceCache,
  shards: number,
  { trustsShards = false, former = shards, metrics = new Registry() } = {},
): Promise<XdsServer> {
  const gate = new SyncGate([]);
  gate.markCaughtUp();
  const server = await XdsServer.listen({
    listeners: Array.from({ length: former }, (_, index) => ({
      address: "127.0.0.1:0",
      shard: former === 1 ? undefined : { index, of: shards },
      trustsShards,
    })),
    transport: await testTransport({ drainTime: 0 }),
    cache,
    gate,
    controlPlane: "test",
    minPushIntervalMs: 0,
    log: silentLog(),
    metrics: new AggregatorMetrics(metrics),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

describe("shards", { timeout: 30_000 }, () => {
  test("an istiod gets everything, spread over its sources, once more when all is there, and a change on one of them only", async () => {
    const cache = filledCache();
    const server = await serve(cache, 8);
    const istiod = new SimulatedIstiod();
    istiod.connect(server.addresses);
    await expect.poll(() => sum(istiod.sizes), patience).toBe(services);
    expect(istiod.names.size).toBe(services);
    await expect.poll(() => istiod.responses, patience).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
    expect(Math.max(...istiod.sizes)).toBeLessThan(services / 4);

    put(cache, 7, "elsewhere.example");
    await expect.poll(() => sum(istiod.responses), patience).toBe(17);
  });

  test("where all of them are known to be there, replicas that each see half of the streams show each thing once", async () => {
    const cache = filledCache();
    const replicas = [
      await serve(cache, 8, { trustsShards: true }),
      await serve(cache, 8, { trustsShards: true }),
    ];
    const istiod = new SimulatedIstiod();
    istiod.connect(
      Array.from({ length: 8 }, (_, index) => replicas[index % 2]?.addresses[index] ?? ""),
    );
    await expect.poll(() => istiod.names.size, patience).toBe(services);
    expect(sum(istiod.sizes)).toBe(services);

    put(cache, 7, "elsewhere.example");
    await expect.poll(() => sum(istiod.responses), patience).toBe(9);
  });

  test.each([[2, 5], [1, 3]])(
    "an istiod of %i sources lacks nothing when there are %i shards after a restart, nor when it knows of them",
    async (before, after) => {
      const cache = filledCache();
      const old = await serve(cache, before);
      const istiod = new SimulatedIstiod();
      istiod.connect(old.addresses);
      await expect.poll(() => istiod.names.size, patience).toBe(services);
      const { sizes, responses } = istiod;
      await old[Symbol.asyncDispose]();

      const server = await serve(cache, after);
      istiod.connect(server.addresses.slice(0, before));
      const isServed = () => istiod.responses.every((count, index) => count > (responses[index] ?? 0) + 1);
      await expect.poll(isServed, patience).toBe(true);
      expect(istiod.sizes).toEqual(sizes);

      istiod.connect(server.addresses.slice(before), before);
      const isSpread = () => istiod.sizes.every((size) => size > 0) && sum(istiod.sizes) === services;
      await expect.poll(isSpread, patience).toBe(true);
      expect([...istiod.lost]).toEqual([]);
    },
  );

  test.each([[5, 2], [3, 1]])(
    "an istiod of %i sources lacks nothing when there are %i shards after a restart",
    async (before, after) => {
      const cache = filledCache();
      const old = await serve(cache, before);
      const istiod = new SimulatedIstiod();
      istiod.connect(old.addresses);
      await expect.poll(() => sum(istiod.sizes), patience).toBe(services);
      await old[Symbol.asyncDispose]();
      const server = await serve(cache, after);
      istiod.connect(server.addresses);
      await expect.poll(() => sum(istiod.sizes.slice(0, after)), patience).toBe(services);
      expect([...istiod.lost]).toEqual([]);
    },
  );

  test.each([[5, 2], [3, 1]])(
    "an istiod of %i sources is rid of what was deleted when there are %i shards and the other ports stay",
    async (before, after) => {
      const cache = filledCache();
      const old = await serve(cache, before);
      const istiod = new SimulatedIstiod();
      istiod.connect(old.addresses);
      await expect.poll(() => sum(istiod.sizes), patience).toBe(services);
      await old[Symbol.asyncDispose]();
      const deleted = Array.from({ length: services / 10 }, (_, index) => nameOf(index));
      for (const subject of deleted) cache.delete("ServiceEntry", subject, "c");

      const metrics = new Registry();
      const server = await serve(cache, after, { former: before, metrics });
      istiod.connect(server.addresses);
      await expect.poll(() => sum(istiod.sizes), patience).toBe(services - deleted.length);
      expect(istiod.sizes.slice(after)).toEqual(Array.from({ length: before - after }, () => 0));
      expect(istiod.names.size).toBe(services - deleted.length);
      expect([...istiod.lost].toSorted()).toEqual(deleted.map((name) => `shop/${name}`).toSorted());
      expect([...server.surplusSources.values()]).toEqual([before - after]);
      expect(await metrics.getSingleMetricAsString("meshregistry_xds_surplus_sources"))
        .toMatch(new RegExp(`sources ${before - after}$`, "m"));
    },
  );

  test("a client that doesn't say who it is gets everything on each port", async () => {
    const server = await serve(filledCache(), 4);
    for (const address of server.addresses) {
      const call = openStream(address);
      call.send({ typeUrl: "networking.istio.io/v1/ServiceEntry" });
      expect((await call.next()).resources).toHaveLength(services);
    }
  });
});
