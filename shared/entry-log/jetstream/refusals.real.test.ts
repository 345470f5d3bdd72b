import { DiscardPolicy } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { NatsCluster } from "../../../test/servers/nats-cluster.ts";
import { syncMarkerSubject, termSubject } from "../../model/subject.ts";
import { countStatuses, fenced, newTerm } from "../conformance/fencing.ts";
import { eventually } from "../conformance/test-follower.ts";
import type { EntryLog } from "../entry-log.ts";
import { ClusterRig } from "./cluster-rig.ts";
import { follow, managerOf, many, never, put, readTexts, startRig, stream, subject } from "./nats-rig.ts";

const encoder = new TextEncoder();
const marker = { subject: syncMarkerSubject("eureka", "one"), data: encoder.encode("marker") };

const denied = subject("svc-1250");
const users = `
  authorization { users: [
    { user: admin, password: secret }
    { user: collector, password: secret, permissions: {
        publish: { deny: ["${denied}"] } } } ] }`;
const collector = { user: "collector", password: "secret" };

/** A source of 2,501 resources, one of which may not be written, with a marker at its end. */
async function publishAroundTheDenied(log: EntryLog, withFence: boolean): Promise<void> {
  const term = await newTerm(log, "1");
  const records = [...many(2501, "1"), marker].map((record) => (withFence ? fenced(record, term) : record));
  const results = await log.publish(records, never);
  expect(countStatuses(results)).toEqual({ stored: 2501, refused: 1 });
  expect(results[1250]).toMatchObject({ status: "refused", reason: expect.stringContaining(denied) });
  const texts = await readTexts(log);
  expect(Object.keys(texts)).toHaveLength(2502);
  expect(texts[marker.subject]).toBe("marker");
  expect(log.status()).toMatchObject({ connected: true, full: undefined });
}

describe.skipIf(requireReal("nats-server").skip)("what is refused is refused by itself", () => {
  test.each([false, true])("one subject of 2,501 is denied (with a fence: %s)", async (withFence) => {
    const rig = await startRig({ config: users });
    await publishAroundTheDenied(await rig.open(collector), withFence);
  });

  test("one subject of 2,501 is denied, in batches for a cluster", async () => {
    await using cluster = await NatsCluster.start(3, users);
    await using rig = await ClusterRig.start(cluster, { user: "admin", pass: "secret" });
    await publishAroundTheDenied(await rig.open(collector), true);
  });

  test("a subject that no stream takes is refused once others are stored", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const manager = await managerOf(rig);
    await manager.streams.update(stream, { subjects: ["mesh.entries.*.eureka.>"] });
    const foreign = { ...put("a", "1"), subject: subject("a").replace("eureka", "nacos") };
    const results = Promise.all([
      log.publish([put("before", "1"), foreign, put("after", "1")], never),
      (async () => {
        const statuses: string[] = [];
        for (let round = 0; round < 20; round++) {
          const [result] = await log.publish([put("other", String(round))], never);
          statuses.push(result?.status ?? "");
        }
        return statuses;
      })(),
    ]);
    const startedMs = performance.now();
    const [mixed, others] = await results;
    expect(mixed.map(({ status }) => status)).toEqual(["stored", "refused", "stored"]);
    expect(new Set(others)).toEqual(new Set(["stored"]));
    expect(performance.now() - startedMs).toBeLessThan(25_000);
  });

  test.each([
    { what: "max_bytes", limit: { max_bytes: 100_000 }, reason: /maximum bytes/ },
    { what: "max_msgs", limit: { max_msgs: 50 }, reason: /maximum messages/ },
  ])(
    "a full stream ($what) says so, keeps what it has, and recovers by itself",
    async ({ limit, reason }) => {
      const rig = await startRig();
      const log = await rig.open();
      const manager = await managerOf(rig);
      const { config } = await manager.streams.info(stream);
      await manager.streams.update(stream, { ...config, ...limit, discard: DiscardPolicy.New });
      const records = many(300, "x".repeat(1000));
      const results = await log.publish(records, never);
      const { stored = 0, refused = 0 } = countStatuses(results);
      expect(stored).toBeGreaterThan(20);
      expect(refused).toBe(300 - stored);
      expect(results.at(-1)).toMatchObject({ status: "refused", reason: expect.stringMatching(reason) });
      expect(log.status()).toMatchObject({ connected: true, full: expect.stringMatching(reason) });
      expect(Object.keys(await readTexts(log))).toHaveLength(stored);
      await manager.streams.update(stream, config);
      const missing = records.filter((_, index) => results[index]?.status === "refused");
      expect(countStatuses(await log.publish(missing, never))).toEqual({ stored: refused });
      expect(log.status().full).toBeUndefined();
      expect(Object.keys(await readTexts(log))).toHaveLength(300);
    },
  );

  test("a large entry of which a part has no room leaves the old one as it is", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    await log.publish([put("large", "small")], never);
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    await manager.streams.update(stream, { ...config, max_bytes: 1_500_000, discard: DiscardPolicy.New });
    const data = new Uint8Array(3_000_000);
    for (let start = 0; start < data.length; start += 60_000) {
      crypto.getRandomValues(data.subarray(start, start + 60_000));
    }
    const results = await log.publish([{ subject: subject("large"), data }, put("after", "1")], never);
    expect(results.map(({ status }) => status)).toEqual(["refused", "stored"]);
    await eventually("the one after it", () => follower.view.has(subject("after")));
    expect(follower.texts()[subject("large")]).toBe("small");
    expect(follower.unusable.size).toBe(0);
  });

  test("a cluster's full stream refuses the rest of a batch, not the batch", async () => {
    await using cluster = await NatsCluster.start();
    await using rig = await ClusterRig.start(cluster);
    const log = await rig.open();
    await rig.update({ max_msgs: 250, discard: DiscardPolicy.New });
    const term = await newTerm(log, "1");
    const results = await log.publish(many(600, "1").map((record) => fenced(record, term)), never);
    expect(countStatuses(results)).toEqual({ stored: 249, refused: 351 });
    expect(log.status().full).toMatch(/maximum messages/);
    expect(Object.keys(await readTexts(log)).sort()).toEqual(
      [termSubject("eureka", "one"), ...many(249, "1").map((record) => record.subject)].sort(),
    );
  });
});
