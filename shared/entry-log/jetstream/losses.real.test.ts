import { RetentionPolicy } from "@nats-io/jetstream";
import { describe, expect, onTestFinished, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { allSubjects, sourceFilter } from "../../model/subject.ts";
import { eventually, Follower } from "../conformance/test-follower.ts";
import type { JetStreamEntryLog } from "./jetstream.ts";
import { configOf } from "./config.ts";
import {
  follow,
  managerOf,
  many,
  names,
  never,
  put,
  readTexts,
  sequenceOf,
  startRig,
  stream,
  subject,
  watchResets,
} from "./nats-rig.ts";

/** The subjects of the services with these numbers. */
function subjects(from: number, to: number): string[] {
  return names(to).slice(from).map(subject);
}

/** A follower of the source that has caught up. */
async function followSource(log: JetStreamEntryLog): Promise<Follower> {
  const follower = new Follower(log, sourceFilter("eureka", "one"));
  onTestFinished(async () => await follower.stop());
  await eventually("caught up", () => follower.caughtUp);
  return follower;
}

/** Does what a collector does when it is told of a reset: publishes what is missing. */
function repair(log: JetStreamEntryLog, content: ReturnType<typeof many>): void {
  log.onReset(() => {
    (async () => {
      const there = await readTexts(log);
      await log.publish(content.filter((record) => there[record.subject] === undefined), never);
    })().catch(() => {});
  });
}

describe.skipIf(requireReal("nats-server").skip)("messages that nobody deleted and that are gone", () => {
  test.each([
    { what: "all subjects", followIt: follow },
    { what: "one source", followIt: followSource },
  ])("a purge of a part is noticed by a reader of $what, and mended", async ({ followIt }) => {
    const rig = await startRig();
    const log = await rig.open();
    const content = many(100, "1");
    await log.publish(content, never);
    const follower = await followIt(log);
    const last = await sequenceOf(rig, 100);
    await eventually("looked at", () => log.status().detail.includes(`last sequence ${last}`));
    const resets = watchResets(log);
    await (await managerOf(rig)).streams.purge(stream, { seq: await sequenceOf(rig, 41) });
    await eventually("told", () => resets.length > 0);
    await eventually("reset", () => follower.resets.length === 2 && follower.caughtUp);
    expect(resets[0]).toMatch(/lost at least 40 messages/);
    expect([...follower.view.keys()]).toEqual(subjects(40, 100));
    const missing = content.filter((record) => !follower.view.has(record.subject));
    await log.publish(missing, never);
    await eventually("all again", () => follower.view.size === 100);
    expect(follower.resets).toHaveLength(2);
    expect(follower.problems).toEqual([]);
  });

  test("a purge that as many new subjects hide is noticed by a reader of all", async () => {
    const rig = await startRig();
    const log = await rig.open();
    await log.publish(many(100, "1"), never);
    const follower = await follow(log);
    const resets = watchResets(log);
    await log.publish(Array.from({ length: 40 }, (_, index) => put(`new-${index}`, "1")), never);
    await (await managerOf(rig)).streams.purge(stream, { seq: await sequenceOf(rig, 41) });
    await eventually("told", () => resets.length > 0);
    await eventually("reset", () => follower.resets.length === 2 && follower.caughtUp);
    expect(follower.view.size).toBe(100);
  });

  test("deletions, large entries and what has a time to live go without an alarm", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const publisher = await rig.open({ tombstoneTtlMs: 1000 });
    const follower = await follow(log);
    const source = await followSource(log);
    const resets = watchResets(log);
    const large = new Uint8Array(1_500_000).map(() => Math.random() * 256);
    await publisher.publish([...many(50, "1"), { ...put("lease", "1"), ttlMs: 1000 }], never);
    await publisher.publish([{ subject: subject("large"), data: large }], never);
    await publisher.publish(many(10, "1").map((record) => ({ ...record, data: null })), never);
    const manager = await managerOf(rig);
    const count = async () => (await manager.streams.info(stream)).state.messages;
    // 40 services; the large entry with its two parts.
    await eventually("expiry", async () => (await count()) === 43);
    const looksFrom = log.status().detail;
    await publisher.publish([put("after", "1")], never);
    await eventually("a further look", () => log.status().detail !== looksFrom);
    await eventually("and one more", () => log.status().detail.includes("44 messages"));
    // Readers aren't told of the end of the lease.
    await eventually("seen by both", () => follower.view.size === 43 && source.view.size === 43);
    expect(resets).toEqual([]);
    expect([...follower.resets, ...source.resets]).toEqual(["first read", "first read"]);
  });

  test("a limit that is set while it runs is a warning at once, what it drops is noticed and mended", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const content = many(100, "1");
    await log.publish(content, never);
    const follower = await follow(log);
    expect(log.status().detail).not.toContain("max_msgs");
    const resets = watchResets(log);
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    await manager.streams.update(stream, { ...config, max_msgs: 26 });
    await eventually("a warning", () => log.status().detail.includes("max_msgs is 26 with discard old"));
    await eventually("told", () => resets.length > 0 && follower.resets.length === 2 && follower.caughtUp);
    expect([...follower.view.keys()]).toEqual(subjects(74, 100));
    repair(log, content);
    await manager.streams.update(stream, config);
    await log.publish(content.filter((record) => !follower.view.has(record.subject)), never);
    await eventually("all again", () => follower.view.size === 100);
    await eventually("no warning", () => !log.status().detail.includes("max_msgs"));
    expect(log.status().connected).toBe(true);
  });

  test("a limit at which everything published drops something else doesn't keep everybody busy", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    await manager.streams.update(stream, { ...config, max_msgs: 26 });
    const content = many(100, "1");
    repair(log, content);
    const follower = await follow(log);
    const resets = watchResets(log);
    await log.publish(content, never);
    const startedMs = performance.now();
    await eventually("two resets", () => resets.length > 1);
    expect(performance.now() - startedMs).toBeGreaterThan(4000);
    expect((await manager.streams.info(stream)).state.last_seq).toBeLessThan(await sequenceOf(rig, 400));
    expect(follower.problems).toEqual([]);
  });

  test("a first sequence behind what is stored is a warning, and without it a restart takes nothing", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    await log.publish(many(10, "1"), never);
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    const set = async (first: number) => {
      const changed = { ...config, first_seq: first };
      await manager.streams.update(stream, changed);
    };
    await set(config.first_seq + 1000);
    await eventually("a warning", () => log.status().detail.includes("set it to 0"));
    expect(log.status().warnings).toEqual([expect.stringMatching(/^its first_seq is .* set it to 0$/)]);
    await set(0);
    await eventually("no warning", () => !log.status().detail.includes("set it to 0"));
    expect(log.status().warnings).toBeUndefined();
    await rig.server.kill();
    await rig.server.restart();
    await log.publish([put("after", "1")], never);
    await eventually("all of them", () => follower.view.size === 11);
    expect(Object.keys(await readTexts(log))).toHaveLength(11);
    expect(follower.resets).toEqual(["first read"]);
  });

  test("max_age is a warning, and what it takes is noticed", async () => {
    const rig = await startRig();
    const manager = await managerOf(rig);
    await manager.streams.add({
      ...configOf({ stream, root: "mesh.entries", replicas: 1, create: true }),
      max_age: 3e9,
      duplicate_window: 1e9,
    });
    const log = await rig.open();
    expect(log.status().detail).toContain("max_age is 3 s");
    const follower = await follow(log);
    const resets = watchResets(log);
    await log.publish(many(10, "1"), never);
    await eventually("all", () => follower.view.size === 10);
    await eventually("told", () => resets.length > 0);
    await eventually("reset", () => follower.resets.length === 2);
  });

  test("a stream that can't be an entry log isn't used, and says what to do", async () => {
    const rig = await startRig();
    const manager = await managerOf(rig);
    const config = configOf({ stream, root: "mesh.entries", replicas: 1, create: true });
    await manager.streams.add({ ...config, retention: RetentionPolicy.Interest });
    const log = rig.openLater();
    await eventually("says so", () => log.status().detail.includes("retention is interest"));
    expect(log.status().connected).toBe(false);
    const follower = new Follower(log, allSubjects);
    onTestFinished(async () => await follower.stop());
    await manager.streams.delete(stream);
    await eventually("goes on", () => follower.caughtUp);
    expect(log.status().connected).toBe(true);
  });
});
