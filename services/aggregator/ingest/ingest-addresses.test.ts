import { Registry } from "prom-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { encodeSubject, syncMarkerSubject } from "../../../shared/model/subject.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import type { Addressed } from "../../../shared/istio/addressed-host.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { StreamIngest } from "./ingest.ts";
import { guard } from "./ingest-rig.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { SyncGate } from "./sync-gate.ts";
import { root, startReplica } from "../virtual-addresses/address-keeper-rig.ts";
import { claimSubject, writeClaim } from "../virtual-addresses/claim.ts";

const log = createLogger("test");
log.level = "silent";
const never = new AbortController().signal;

const subjectOf = (name: string, registry = "eureka") =>
  encodeSubject({ kind: "ServiceEntry", registry, source: "default", namespace: "n", name });

function entry(
  name: string,
  protocol: string,
  more: Partial<ServiceEntryManifest["spec"]> = {},
  registry = "eureka",
) {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", creationTimestamp: "2026-01-01T00:00:00.000Z", labels: { a: "b" } },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol, name: "p" }],
      resolution: "STATIC",
      endpoints: [{ address: "10.0.0.1", ports: { p: 8080 }, labels: { zone: "z" } }],
      ...more,
    },
  };
  return { subject: subjectOf(name, registry), data: Buffer.from(JSON.stringify(manifest)) };
}

function marker(id: string) {
  const content = {
    apiVersion: "meshregistry.io/v1",
    kind: "SyncMarker",
    metadata: { name: "eureka.default" },
    spec: { registry: "eureka", source: "default", id, entries: 1, at: "2026-01-01T00:00:00Z" },
  };
  return {
    subject: syncMarkerSubject("eureka", "default"),
    data: Buffer.from(JSON.stringify(content)),
  };
}

/** A bucket that takes claims only after `open` was called. */
function closedBucket() {
  const bucket = new EmbeddedEntryLog(new Date(), root);
  const { promise, resolve: open } = Promise.withResolvers<void>();
  const closed: EntryLog = {
    publish: async (records, signal) => {
      await promise;
      return await bucket.publish(records, signal);
    },
    readBack: (filter) => bucket.readBack(filter),
    follow: (filter, signal) => bucket.follow(filter, signal),
    onReset: () => () => {},
    status: () => bucket.status(),
    [Symbol.asyncDispose]: () => bucket[Symbol.asyncDispose](),
  };
  return { bucket: closed, open, direct: bucket };
}

function startIngest(bucket: EntryLog, cidr?: string, addressed: Addressed = "not-http") {
  const entries = new EmbeddedEntryLog();
  const cache = new ResourceCache();
  const gate = new SyncGate([{ registry: "eureka", source: "default", waitTimeMs: 0 }]);
  const { keeper } = startReplica(bucket, cidr);
  const metrics = new AggregatorMetrics(new Registry());
  const addresses = { keeper, addressed };
  const ingest = new StreamIngest({ cache, gate, profile: "istio", guard, log, metrics, addresses });
  const stop = new AbortController();
  const running = ingest.run(entries, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  const publish = async (...records: readonly ReturnType<typeof entry>[]) => {
    await entries.publish([...records], never);
  };
  const served = (name: string) => {
    const resource = cache.get("ServiceEntry", `n/${name}`);
    if (resource === undefined) return undefined;
    const { spec } = decodeResource("ServiceEntry", resource.framed);
    const addressesOf = typeof spec === "object" && spec !== null && "addresses" in spec
      ? spec["addresses"]
      : [];
    return { addresses: addressesOf, version: resource.version };
  };
  const versions: string[] = [];
  cache.onChange(() => versions.push(JSON.stringify(served("tcp")?.addresses ?? "absent")));
  return { cache, gate, ingest, keeper, publish, served, versions, entries };
}

describe("an entry that needs a virtual address", () => {
  test("is never served without it, and doesn't hold up its neighbours", async () => {
    const { bucket, open } = closedBucket();
    const { publish, served, ingest, gate, keeper, versions } = startIngest(bucket);
    await publish(entry("tcp", "TCP"), entry("http", "HTTP"), marker("m"));
    await eventually("the neighbour", () => served("http") !== undefined);
    expect(served("http")?.addresses).toEqual([]);
    expect(served("tcp")).toBeUndefined();
    expect(ingest.held).toBe(1);
    expect(gate.open).toBe(false);

    await publish(entry("tcp", "TCP", { endpoints: [] }));
    open();
    await eventually("the entry", () => served("tcp") !== undefined);
    expect(served("tcp")?.addresses).toEqual(keeper.addressesOf("tcp.example"));
    expect(gate.open).toBe(true);
    expect(ingest.held).toBe(0);
    expect(versions.filter((each) => each === "[]")).toEqual([]);
  });

  test("is forgotten when it is deleted while it waits, and nobody waits for it", async () => {
    const { bucket, open } = closedBucket();
    const { publish, served, ingest, gate, keeper, entries } = startIngest(bucket);
    await publish(entry("tcp", "TCP"), marker("m"));
    await eventually("held", () => ingest.held === 1);
    await entries.publish([{ subject: subjectOf("tcp"), data: null }]);
    await eventually("open", () => gate.open);
    open();
    await publish(entry("last", "TCP"));
    await eventually("the last", () => served("last") !== undefined);
    expect(served("tcp")).toBeUndefined();
    keeper.sweep();
    await eventually("nobody's claim is left", () => keeper.status.claimed - keeper.status.released === 1);
  });

  test("has the same address and version as on another replica that came later", async () => {
    const { direct } = closedBucket();
    const one = startIngest(direct);
    const two = startIngest(direct);
    await one.publish(entry("tcp", "TCP"));
    await eventually("one", () => one.served("tcp") !== undefined);
    await two.publish(entry("http", "HTTP"), entry("tcp", "TCP"));
    await eventually("two", () => two.served("tcp") !== undefined);
    expect(two.served("tcp")).toEqual(one.served("tcp"));
  });

  test("keeps it while its host moves from one source to another and back, under either name", async () => {
    const bucket = new EmbeddedEntryLog(new Date(), root);
    const { publish, entries, cache, keeper, versions } = startIngest(bucket);
    const host = { hosts: ["tcp.example"] };
    const inNacos = (last: number) =>
      entry("moved", "TCP", { hosts: ["TCP.example"], endpoints: [{ address: `10.0.0.${last}` }] }, "nacos");
    const served = () =>
      [...cache.snapshot("ServiceEntry").resources].map(({ name, framed }) => {
        const { spec } = decodeResource("ServiceEntry", framed);
        return [name, ServiceEntrySpec.parse(spec).addresses];
      });
    const remove = (subject: string) => entries.publish([{ subject, data: null }], never);

    await publish(entry("tcp", "TCP", host), marker("m"));
    await eventually("an address", () => served().length === 1);
    const given = [...keeper.addressesOf("tcp.example") ?? []];
    expect(given).not.toEqual([]);
    await publish(inNacos(2));
    await eventually("both", () => cache.count("ServiceEntry").endpoints === 2);
    expect(served()).toEqual([["n/tcp", given]]);
    await remove(subjectOf("tcp"));
    await eventually("the second alone", () => cache.count("ServiceEntry").endpoints === 1);
    expect(served()).toEqual([["n/moved", given]]);
    await publish(entry("tcp", "TCP", host));
    await eventually("both again", () => cache.count("ServiceEntry").endpoints === 2);
    await remove(subjectOf("moved", "nacos"));
    await eventually("the first alone", () => cache.count("ServiceEntry").endpoints === 1);
    expect(served()).toEqual([["n/tcp", given]]);
    expect(new Set(versions)).toEqual(new Set([JSON.stringify(given), '"absent"']));
    expect(keeper.addressesOf("tcp.example")).toEqual(given);
  });

  test("loses it when it changes to HTTP, and gets the same one back", async () => {
    const { publish, served } = startIngest(closedBucket().direct);
    await publish(entry("tcp", "TCP"));
    await eventually("TCP", () => served("tcp") !== undefined);
    const before = served("tcp");
    await publish(entry("tcp", "HTTP"));
    await eventually("HTTP", () => served("tcp")?.version !== before?.version);
    expect(served("tcp")?.addresses).toEqual([]);
    await publish(entry("tcp", "TCP"));
    await eventually("TCP again", () => served("tcp")?.version === before?.version);
  });

  test("is served without when the range is full, and says so; and with, when there is room", async () => {
    const { direct } = closedBucket();
    const { publish, served, ingest, keeper, entries } = startIngest(direct, "241.0.0.0/32");
    await publish(entry("first", "TCP"), entry("tcp", "TCP"));
    await eventually("both", () => served("tcp") !== undefined);
    expect([served("first")?.addresses, served("tcp")?.addresses]).toEqual([["241.0.0.0"], []]);
    expect(ingest.rejections.get(subjectOf("tcp"))).toMatchObject({
      serving: "it all the same",
      violations: [{ rule: "S5", severity: "warning", path: "spec.addresses" }],
    });
    await entries.publish([{ subject: subjectOf("first"), data: null }]);
    await eventually("gone", () => served("first") === undefined);
    keeper.sweep();
    await eventually("released", () => keeper.status.released === 1);
    await direct.publish([{ subject: claimSubject(root, "241.0.0.0"), data: null }]);
    await eventually("free", () => keeper.status.claimed === 0);
    keeper.sweep();
    await eventually("an address", () => JSON.stringify(served("tcp")?.addresses) === '["241.0.0.0"]');
    expect(ingest.rejections.size).toBe(0);
  });

  test("is told anew, from what is served, when its address turns out to be another host's", async () => {
    const { direct } = closedBucket();
    const { publish, served, keeper } = startIngest(direct);
    await publish(entry("tcp", "TCP"));
    await eventually("served", () => served("tcp") !== undefined);
    const before = served("tcp");
    const [address = ""] = keeper.addressesOf("tcp.example") ?? [];
    const stolen = writeClaim({ host: "thief", claimedAt: "2026-01-01T00:00:00Z" });
    await direct.publish([{ subject: claimSubject(root, address), data: stolen }]);
    await eventually("another", () => served("tcp")?.version !== before?.version);
    expect(served("tcp")?.addresses).toEqual(keeper.addressesOf("tcp.example"));
    expect(served("tcp")?.addresses).not.toEqual([address]);
    // With its old address the entry is the very same again: nothing else was lost on the way.
    await direct.publish([{ subject: claimSubject(root, address), data: null }]);
    await publish(entry("tcp", "TCP", { addresses: [address] }));
    await eventually("as before", () => served("tcp")?.version === before?.version);
  });
});
