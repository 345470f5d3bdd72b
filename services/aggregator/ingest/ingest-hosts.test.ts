import { describe, expect, test } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import { eventually } from "../../../shared/entry-log/conformance/test-follower.ts";
import { placesOf, served } from "../conflicts/conflict-rig.ts";
import { IngestRig, markerRecord, recordOf, serviceEntry, subjectOf } from "./ingest-rig.ts";

/** The entry of a registry for a host that both have; `last` tells its endpoints apart. */
function record(registry: string, last: readonly number[], name = "orders") {
  const endpoints = last.map((each) => ({ address: `10.0.0.${each}`, ports: { "http-80": 8080 } }));
  return recordOf(name, serviceEntry(name, 0, { endpoints, hosts: [`${name}.shop`] }), registry);
}

const places = (rig: IngestRig, name = "orders") => {
  const resource = rig.cache.get("ServiceEntry", `n/${name}`);
  return resource === undefined ? undefined : placesOf(served(resource));
};

const both = ["10.0.0.1 8080 eureka", "10.0.0.2 8080 zookeeper"];

describe("a host of two sources", () => {
  test("keeps the part of a source that a lost stream no longer shows, until that source has given evidence", async () => {
    const first = new EmbeddedEntryLog();
    const rig = new IngestRig(first);
    await rig.publish(
      record("eureka", [1]),
      record("zookeeper", [2]),
      markerRecord(),
      markerRecord("zookeeper"),
    );
    await eventually("both", () => rig.gate.open && places(rig)?.join() === both.join());
    const state = rig.ingest.state();
    if (state === undefined) throw new Error("no state");
    await rig.stop();

    // A replica that starts with that state on a stream that was lost, of which only ZooKeeper's collector knows.
    const earlier = { ...state, stream: "S", writtenAt: "2026-01-01T00:00:00Z" };
    const second = new EmbeddedEntryLog(new Date("2030-01-01T00:00:00Z"));
    const late = new IngestRig(second, {
      earlier: { header: () => Promise.resolve(earlier), load: () => Promise.resolve(earlier) },
    });
    await late.publish(record("zookeeper", [2, 3]), markerRecord("zookeeper"));
    await eventually("the change", () => places(late)?.includes("10.0.0.3 8080 zookeeper") === true);
    expect(places(late)).toEqual([...both, "10.0.0.3 8080 zookeeper"]);
    expect(late.ingest.unconfirmed).toBe(1);
    // Eureka's collector is back, and its registry is empty: that is held, like any loss of all.
    await late.publish(markerRecord("eureka"));
    await eventually("held", () => late.heldOf("eureka").length === 1);
    expect(places(late)).toHaveLength(3);
    late.ingest.release({ registry: "eureka", source: "default" }, "the test");
    await eventually("released", () => places(late)?.length === 2);
    expect(places(late)).toEqual(["10.0.0.2 8080", "10.0.0.3 8080"]);
  });

  test("has the held part of a source alone when the other one deletes its entry", async () => {
    const rig = new IngestRig();
    await rig.publish(
      record("eureka", [1]),
      record("zookeeper", [2]),
      markerRecord(),
      markerRecord("zookeeper"),
    );
    await eventually("both", () => rig.gate.open && places(rig)?.join() === both.join());
    const state = rig.ingest.state();
    if (state === undefined) throw new Error("no state");
    await rig.stop();

    const earlier = { ...state, stream: "S", writtenAt: "2026-01-01T00:00:00Z" };
    const late = new IngestRig(new EmbeddedEntryLog(new Date("2030-01-01T00:00:00Z")), {
      earlier: { header: () => Promise.resolve(earlier), load: () => Promise.resolve(earlier) },
    });
    await late.publish(record("zookeeper", [2]), markerRecord("zookeeper"), markerRecord("eureka"));
    await eventually("held", () => late.heldOf("eureka").length === 1);
    await late.publish({ subject: subjectOf("orders", "zookeeper"), data: null });
    await eventually("the held part", () => places(late)?.join() === "10.0.0.1 8080");
    // ZooKeeper has it again while Eureka's is held, and keeps it when that is given up.
    await late.publish(record("zookeeper", [3]));
    await eventually("both again", () => places(late)?.length === 2);
    late.ingest.release({ registry: "eureka", source: "default" }, "the test");
    await eventually("one", () => places(late)?.join() === "10.0.0.3 8080");
    expect([...late.lost]).toEqual([]);
  });

  test("is deleted when each of its sources has deleted its entry, and not before", async () => {
    const rig = new IngestRig();
    await rig.publish(record("eureka", [1]), record("zookeeper", [2]));
    await eventually("both", () => places(rig)?.join() === both.join());
    await rig.publish(record("eureka", []));
    await eventually("emptied", () => places(rig)?.length === 1);
    await rig.publish({ subject: subjectOf("orders"), data: null });
    await eventually("the second alone", () => places(rig)?.join() === "10.0.0.2 8080");
    expect([...rig.lost]).toEqual([]);
    await rig.publish({ subject: subjectOf("orders", "zookeeper"), data: null });
    await eventually("nothing", () => places(rig) === undefined);
  });

  test("is the same from the state on disk as from the stream, and on a replica that came later", async () => {
    const rig = new IngestRig();
    await rig.publish(
      record("zookeeper", [2]),
      record("eureka", [1]),
      record("zookeeper", [4], "users"),
      markerRecord(),
      markerRecord("zookeeper"),
    );
    await eventually("open", () => rig.gate.open && places(rig, "users") !== undefined);
    const later = new IngestRig(rig.entryLog);
    await eventually("the same", () => later.version === rig.version);
    const state = rig.ingest.state();
    if (state === undefined) throw new Error("no state");
    const restored = new IngestRig(new EmbeddedEntryLog());
    await restored.ingest.serve({ ...state, stream: "S", writtenAt: "2026-01-01T00:00:00Z" });
    expect(restored.version).toBe(rig.version);
    expect(places(restored)).toEqual(both);
  });
});
