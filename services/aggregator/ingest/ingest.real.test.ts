import { describe, expect, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import {
  headersOf,
  managerOf,
  never,
  startRig,
  stream,
} from "../../../shared/entry-log/jetstream/nats-rig.ts";
import type { NatsRig } from "../../../shared/entry-log/jetstream/nats-rig.ts";
import { wireHeaders } from "../../../shared/entry-log/jetstream/wire.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import {
  entryRecord,
  guard,
  IngestRig,
  markerRecord,
  recordOf,
  serviceEntry,
  subjectOf,
} from "./ingest-rig.ts";
import { lastGoodMs } from "./last-good.ts";

/** An ingest that has read what a collector published to a real NATS. */
async function startIngest(nats: NatsRig): Promise<IngestRig> {
  const rig = new IngestRig(await nats.open());
  await eventually("the log is read", () => rig.gate.caughtUp);
  return rig;
}

/** An administrator deletes the stream; the ingest notices, and goes on in the new one. */
async function loseStream(nats: NatsRig, rig: IngestRig): Promise<void> {
  const before = rig.ingest.unconfirmed;
  const manager = await managerOf(nats);
  await manager.streams.delete(stream);
  await eventually("the reset", () => rig.ingest.unconfirmed > before);
}

describe.skipIf(requireReal("nats-server").skip)("an ingest on a real stream", () => {
  test("believes a marker only for the source that its subject names", async () => {
    const nats = await startRig();
    const rig = await startIngest(nats);
    await rig.publish(entryRecord("a"), markerRecord("eureka"), entryRecord("z", 1, "zookeeper"));
    await rig.publish(markerRecord("zookeeper"));
    await eventually("open", () => rig.gate.open);
    await loseStream(nats, rig);
    await rig.publish(entryRecord("z", 1, "zookeeper"), markerRecord("eureka", "zookeeper"));
    await rig.publish(entryRecord("later", 1, "zookeeper"));
    await eventually("read", () => rig.names.includes("later"));
    expect(rig.names).toEqual(["a", "later", "z"]);
    expect(rig.lost).toEqual(new Set());
  });

  const names = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);
  const entries = (count: number) => names(count).map((name) => entryRecord(name, 2));

  /** An ingest of 100 services, whose collector is started anew on a new stream. */
  async function loseHundred(nats: NatsRig): Promise<IngestRig> {
    const rig = await startIngest(nats);
    await rig.publish(...entries(100), markerRecord());
    await eventually("all", () => rig.names.length === 100 && rig.stateOf("eureka") === "synced");
    await loseStream(nats, rig);
    return rig;
  }

  test("holds what a collector that knows nothing doesn't publish again, beyond the guard's limits", async () => {
    const nats = await startRig();
    const rig = await loseHundred(nats);
    await rig.publish(...entries(10), markerRecord());
    await eventually("held", () => rig.heldOf("eureka").length === 90);
    expect(rig.names).toHaveLength(100);
    // The registry shows some of them again, and one goes by name.
    await rig.publish(...entries(30), { subject: subjectOf("s99"), data: null });
    await eventually("shown again", () => rig.heldOf("eureka").length === 69);
    expect(rig.names).toHaveLength(99);
    expect(rig.ingest.release({ registry: "eureka", source: "default" }, "the test")).toBe(69);
    expect(rig.names).toEqual(names(30).sort());
    await expect.poll(() => rig.metrics.metrics())
      .toMatch(/meshregistry_aggregator_held_resources\{registry="eureka".*\} 0/);
  });

  test("serves everything when the new stream's source is empty, and lets it go after the hold time", async () => {
    const nats = await startRig();
    let nowMs = 0;
    const rig = new IngestRig(await nats.open(), { now: () => nowMs });
    await rig.publish(...entries(3), markerRecord());
    await eventually("all", () => rig.names.length === 3 && rig.stateOf("eureka") === "synced");
    await loseStream(nats, rig);
    await rig.publish(markerRecord());
    await eventually("held", () => rig.heldOf("eureka").length === 3);
    nowMs = guard.holdTimeMs - 1;
    rig.ingest.tick();
    expect(rig.names).toHaveLength(3);
    nowMs = guard.holdTimeMs;
    rig.ingest.tick();
    expect(rig.names).toEqual([]);
  });

  test("removes what was not published again within the limits, and keeps holds over a second reset", async () => {
    const nats = await startRig();
    const rig = await loseHundred(nats);
    await rig.publish(...entries(80), markerRecord());
    await eventually("removed", () => rig.names.length === 80);
    await loseStream(nats, rig);
    await rig.publish(...entries(8), markerRecord());
    await eventually("held", () => rig.heldOf("eureka").length === 72);
    await loseStream(nats, rig);
    expect(rig.heldOf("eureka")).toHaveLength(72);
    await rig.publish(...entries(8), markerRecord());
    await eventually("the others are certain", () => rig.ingest.unconfirmed === 72);
    expect(rig.names).toHaveLength(80);
  });

  test("doesn't remove an entry that was replaced after the marker, and so comes after it", async () => {
    const nats = await startRig();
    const proxy = await nats.proxy();
    const rig = new IngestRig(await nats.open({ servers: [proxy.url] }));
    const collector = await nats.open();
    await collector.publish([...entries(100), markerRecord()], never);
    await eventually("all", () => rig.names.length === 100 && rig.stateOf("eureka") === "synced");
    await loseStream(nats, rig);
    await eventually("the new stream is read", () => rig.ingest.phase === "following");
    proxy.closed = true;
    proxy.cut();
    // Within the guard's limits. Of an entry that was published twice only the second message is left, behind the marker.
    await collector.publish([...entries(100), markerRecord(), ...entries(20)], never);
    proxy.closed = false;
    await eventually("nothing is in doubt", () => rig.ingest.unconfirmed === 0);
    expect(rig.names).toHaveLength(100);
    expect(rig.lost).toEqual(new Set());
  });

  test.each(["{", JSON.stringify({ kind: "ServiceEntry" }), JSON.stringify(serviceEntry("other"))])(
    "serves the last good version in place of %s until its time is over: then replicas agree",
    async (bad) => {
      const nats = await startRig();
      let nowMs = 0;
      const old = new IngestRig(await nats.open(), { now: () => nowMs });
      await old.publish(entryRecord("a"), entryRecord("b"), markerRecord());
      await eventually("both", () => old.names.length === 2);
      await old.publish(recordOf("a", bad));
      await eventually("rejected", () => old.ingest.rejections.size === 1);
      const fresh = await startIngest(nats);
      expect([old.names, fresh.names]).toEqual([["a", "b"], ["b"]]);
      expect(old.ingest.rejections.get(subjectOf("a"))).toMatchObject({
        serving: "the last good version",
        until: expect.stringMatching(/^20/),
      });
      // A second bad message doesn't prolong it.
      nowMs = lastGoodMs - 1;
      await old.publish(recordOf("a", bad), entryRecord("c"));
      await eventually("the second", () => old.names.includes("c"));
      old.ingest.tick();
      expect(old.names).toEqual(["a", "b", "c"]);
      nowMs = lastGoodMs;
      old.ingest.tick();
      expect(old.names).toEqual(["b", "c"]);
      await eventually("fresh", () => fresh.names.includes("c"));
      expect(old.version).toBe(fresh.version);
      await old.publish(entryRecord("a", 3));
      await eventually("published anew", () => old.names.length === 3 && fresh.names.length === 3);
      expect(old.version).toBe(fresh.version);
      expect(old.ingest.rejections.size).toBe(0);
    },
  );

  test("serves the last good version in place of a message that can't be unpacked, for as long", async () => {
    const nats = await startRig();
    let nowMs = 0;
    const old = new IngestRig(await nats.open(), { now: () => nowMs });
    await old.publish(entryRecord("a"), entryRecord("b"), markerRecord());
    await eventually("both", () => old.names.length === 2);
    const broken = headersOf({ [wireHeaders.encoding]: "gzip" });
    const connection = await nats.connect();
    await connection.request(subjectOf("a"), "no gzip", { headers: broken, timeout: 5000 });
    await eventually("rejected", () => old.ingest.rejections.size === 1);
    expect(old.ingest.rejections.get(subjectOf("a"))?.serving).toBe("the last good version");
    const fresh = await startIngest(nats);
    await eventually("rejected", () => fresh.ingest.rejections.size === 1);
    expect([old.names, fresh.names]).toEqual([["a", "b"], ["b"]]);
    nowMs = lastGoodMs;
    old.ingest.tick();
    expect(old.version).toBe(fresh.version);
    await old.publish(entryRecord("a", 2));
    await eventually("published anew", () => fresh.names.length === 2 && old.version === fresh.version);
  });

  test("replicas leave out the same endpoints of an entry that Istio's rules reject", async () => {
    const nats = await startRig();
    const old = await startIngest(nats);
    await old.publish(entryRecord("a", 2), markerRecord());
    await eventually("good", () => old.names.length === 1);
    const endpoints = [{ address: "10.0.0.1" }, { address: "my_container_1" }, { address: "fe80::1%en0" }];
    await old.publish(recordOf("a", serviceEntry("a", 0, { endpoints })));
    await eventually("rejected", () => old.ingest.rejections.size === 1);
    const fresh = await startIngest(nats);
    expect(old.version).toBe(fresh.version);
    expect(old.cache.count("ServiceEntry")).toEqual({ resources: 1, endpoints: 1 });
  });
});
