import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { encodeSubject } from "../../../shared/model/subject.ts";
import { start } from "../aggregator-rig.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { IngestRig, markerRecord, recordOf, serviceEntry } from "../ingest/ingest-rig.ts";
import { manifestOf } from "../output-stage/present.ts";
import { SimulatedIstiod } from "../xds/simulated-istiod-rig.ts";
import { placesOf, served } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";
import type { ConflictMode } from "./conflict-rules.ts";

const soon = { timeout: 20_000 };
const host = "orders.shop";

/** An entry of the host. Both registries have it, under names of their own. */
function record(name: string, registry: string, last: readonly number[]) {
  const endpoints = last.map((each) => ({ address: `10.0.0.${each}`, ports: { "http-80": 8080 } }));
  return recordOf(name, serviceEntry(name, 0, { endpoints, hosts: [host] }), registry);
}

const ofEureka = record("orders", "eureka", [1]);
const ofZooKeeper = record("dubbo-orders", "zookeeper", [2, 3]);

/** A Sidecar of a caller, as a collector generates it. */
const sidecar = {
  subject: encodeSubject({
    kind: "Sidecar",
    registry: "eureka",
    source: "default",
    namespace: "n",
    name: "shop",
  }),
  data: Buffer.from(JSON.stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: "shop", namespace: "n" },
    spec: { workloadSelector: { labels: { app: "shop" } }, egress: [{ hosts: [`*/${host}`] }] },
  })),
};

/** What is served of the host: the name of each entry with its endpoints. */
const entriesOf = (cache: ResourceCache) =>
  [...cache.snapshot("ServiceEntry").resources].map(served)
    .filter(({ hosts }) => hosts.includes(host))
    .map((entry) => `${entry.name}: ${placesOf(entry).join(", ")}`).sort();

/** The egress hosts of all Sidecars, without their namespaces. */
const egressHosts = (cache: ResourceCache) =>
  [...cache.snapshot("Sidecar").resources].flatMap(({ framed }) => {
    const manifest = manifestOf("Sidecar", framed, false);
    return manifest?.kind === "Sidecar" ? manifest.spec.egress?.flatMap(({ hosts = [] }) => hosts) ?? [] : [];
  }).map((each) => each.slice(each.indexOf("/") + 1));

describe("retiring a source", () => {
  const merged = "10.0.0.1 8080 eureka, 10.0.0.2 8080 zookeeper, 10.0.0.3 8080 zookeeper";
  test.each([
    ["merge", "eureka", `n/orders: ${merged}`],
    ["merge", "zookeeper", `n/dubbo-orders: ${merged}`],
    ["prefer", "eureka", "n/orders: 10.0.0.1 8080"],
    ["prefer", "zookeeper", "n/dubbo-orders: 10.0.0.2 8080, 10.0.0.3 8080"],
  ])("takes its part of a host, and no other (%s, %s first)", async (mode, first, before) => {
    const conflicts = { mode, order: [first] };
    const one = await start({ conflicts });
    const { cache, gate } = one.aggregator;
    await one.publish(ofZooKeeper, ofEureka, sidecar, markerRecord());
    await gate.opened;
    await expect.poll(() => entriesOf(cache), soon).toEqual([before]);
    await expect.poll(() => egressHosts(cache), soon).toEqual([host]);
    // Whenever a client may look, the Sidecar's host is there, with endpoints.
    const missing: string[] = [];
    cache.onChange(() => {
      const live = entriesOf(cache).some((entry) => !entry.endsWith(": "));
      if (!live) missing.push(...egressHosts(cache));
    });

    const path = "/meshregistry/sources/zookeeper/default/retire";
    await expect.poll(async () => JSON.parse((await one.get(path)).text), soon).toEqual({
      registry: "zookeeper",
      source: "default",
      refusal: null,
      resources: ["ServiceEntry n/dubbo-orders"],
    });
    expect(await one.post(path)).toMatchObject({ status: 200, body: { deleted: 1, failed: {} } });
    await expect.poll(() => entriesOf(cache), soon).toEqual(["n/orders: 10.0.0.1 8080"]);
    expect(missing).toEqual([]);

    const { entryLog, collectors } = one;
    const later = (await start({ conflicts }, { entryLog, collectors })).aggregator;
    await later.gate.opened;
    await expect.poll(() => later.cache.snapshot("ServiceEntry").version, soon)
      .toBe(cache.snapshot("ServiceEntry").version);
  });
});

test("an entry that flips into a conflict and back is one log line, and takes nothing from the other", async () => {
  const one = await start();
  const { cache, gate, xdsAddresses } = one.aggregator;
  const away = recordOf("dubbo-orders", serviceEntry("dubbo-orders", 1), "zookeeper");
  await one.publish(ofEureka, away, sidecar, markerRecord());
  await gate.opened;
  await expect.poll(() => cache.count("ServiceEntry").resources, soon).toBe(2);
  const before = cache.snapshot("ServiceEntry").version;
  const istiod = new SimulatedIstiod();
  istiod.connect(xdsAddresses);
  await expect.poll(() => istiod.names.size, soon).toBe(2);

  const flips = 200;
  const withoutEureka: string[] = [];
  let changed = Promise.withResolvers<void>();
  cache.onChange(() => {
    const entries = entriesOf(cache);
    if (!entries.some((entry) => entry.includes("10.0.0.1 8080"))) withoutEureka.push(entries.join());
    changed.resolve();
  });
  for (let flip = 0; flip < flips; flip++) {
    for (const record of [ofZooKeeper, away]) {
      changed = Promise.withResolvers();
      await one.publish(record);
      await changed.promise;
    }
  }
  expect(cache.snapshot("ServiceEntry").version).toBe(before);
  expect(withoutEureka).toEqual([]);
  await expect.poll(() => [...istiod.names].sort(), soon).toEqual(["n/dubbo-orders", "n/orders"]);
  expect(istiod.lost).not.toContain("n/orders");
  // One for each change at most, and far fewer where it can't keep up.
  expect(istiod.responses[0]).toBeLessThanOrEqual(2 * flips + 1);

  await one.stop();
  expect(one.logged(`${host} stands in eureka, zookeeper`)).toHaveLength(1);
});

describe("another mode after a restart", () => {
  const modes: readonly ConflictMode[] = ["merge", "prefer", "separate"];
  const rulesOf = (mode: ConflictMode) =>
    new ConflictRules({ mode, order: ["zookeeper"], hosts: [], hidesEmpty: true });
  const changes = modes.flatMap((before) =>
    modes.filter((after) => after !== before).map((after) => ({ before, after }))
  );

  test.each(changes)(
    "serves what a fresh one serves, from the log and from disk ($before, $after)",
    async ({ before, after }) => {
      const entryLog = new EmbeddedEntryLog();
      const one = new IngestRig(entryLog, { rules: rulesOf(before) });
      await one.publish(ofEureka, ofZooKeeper, sidecar, markerRecord(), markerRecord("zookeeper"));
      await eventually("open", () => one.gate.open && egressHosts(one.cache).length === 1);
      const state = one.ingest.state();
      if (state === undefined) throw new Error("no state");
      await one.stop();
      const earlier = { ...state, stream: "S", writtenAt: "2026-01-01T00:00:00Z" };

      const fresh = new IngestRig(entryLog, { rules: rulesOf(after) });
      await eventually("open", () => fresh.gate.open);
      expect(fresh.version).not.toBe(one.version);
      expect(entriesOf(fresh.cache)).toHaveLength(after === "separate" ? 2 : 1);
      // The log can't be reached.
      const fromDisk = new IngestRig(new EmbeddedEntryLog(), { rules: rulesOf(after) });
      await fromDisk.ingest.serve(earlier);
      expect(entriesOf(fromDisk.cache)).toEqual(entriesOf(fresh.cache));
      expect(fromDisk.version).toBe(fresh.version);
      // The log is there, and shows what the state has.
      const restarted = new IngestRig(entryLog, {
        rules: rulesOf(after),
        earlier: { header: () => Promise.resolve(earlier), load: () => Promise.resolve(earlier) },
      });
      await eventually("open", () => restarted.gate.open);
      expect(restarted.version).toBe(fresh.version);
      expect(restarted.ingest.unconfirmed).toBe(0);
      expect(egressHosts(restarted.cache)).toEqual([host]);
    },
  );
});
