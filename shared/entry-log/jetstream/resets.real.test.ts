import { cpSync, rmSync } from "node:fs";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { allSubjects } from "../../model/subject.ts";
import type { JetStreamEntryLog } from "./jetstream.ts";
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
import type { NatsRig } from "./nats-rig.ts";
import { eventually, Follower } from "../conformance/test-follower.ts";

/** What a stranger stores, by a plain client. */
async function publishPlain(rig: NatsRig, names: readonly string[], text: string): Promise<void> {
  const connection = await rig.connect();
  for (const name of names) {
    const answer = await connection.request(subject(name), text, { timeout: 5000 });
    expect(answer.json()).toHaveProperty("seq");
  }
}

describe.skipIf(requireReal("nats-server").skip)("streams that are not what they were", () => {
  /** What must happen after every loss: publishers are told, readers start over and get the whole content. */
  async function expectRecovery(
    log: JetStreamEntryLog,
    follower: Follower,
    resets: readonly string[],
    content: Record<string, string>,
  ): Promise<void> {
    await eventually("the publisher is told", () => resets.length > 0, 10_000);
    await eventually(
      "reset and the new content",
      () =>
        follower.resets.length > 1 && follower.caughtUp &&
        follower.view.size === Object.keys(content).length,
    );
    expect(follower.texts()).toEqual(content);
    await log.publish([put("afterwards", "1")], never);
    await eventually("live again", () => follower.view.has(subject("afterwards")));
    expect(follower.problems).toEqual([]);
    expect(follower.resets).toHaveLength(2);
  }

  test("deleted: recreated empty", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(await rig.open());
    const { streamId } = follower;
    await log.publish(many(100, "1"), never);
    await eventually("all", () => follower.view.size === 100);
    const resets = watchResets(log);
    await (await managerOf(rig)).streams.delete(stream);
    await expectRecovery(log, follower, resets, {});
    expect(follower.streamId > streamId).toBe(true);
  });

  test("a reader that knows its own messages is given those of others, and all of them after a reset", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const other = await rig.open();
    await log.publish(many(10, "before"), never);
    const follower = new Follower(log, allSubjects, undefined, { leavesOutOwn: true });
    onTestFinished(async () => await follower.stop());
    await eventually("caught up with its own as well", () => follower.caughtUp && follower.view.size === 10);
    const own = (text: string) =>
      many(100, text).map((record) => ({ ...record, provenance: { unit: record.subject, member: "me" } }));
    for (let round = 0; round < 20; round++) {
      await Promise.all([
        log.publish(own(String(round)), never),
        other.publish([put(`foreign-${round}`, "1"), put("svc-3", `foreign ${round}`)], never),
      ]);
    }
    await log.publish([{ subject: subject("svc-5"), data: null }], never);
    // What has no provenance may be a term, which takes effect when it comes back.
    await log.publish([put("bookkeeping", "1")], never);
    await eventually("what is no entry", () => follower.view.has(subject("bookkeeping")));
    await other.publish([put("svc-3", "1"), put("last", "1")], never);
    await eventually("all foreign ones", () => follower.view.has(subject("last")));
    expect(Object.keys(follower.texts()).filter((each) => each.includes("foreign"))).toHaveLength(20);
    expect(follower.texts()[subject("svc-3")]).toBe("1");
    // Some acknowledgements may come behind their messages, but not all.
    expect(follower.puts).toBeLessThan(10 + 20 * 102 + 3);
    expect(Object.keys(await readTexts(log))).toHaveLength(121);
    await (await managerOf(rig)).streams.purge(stream);
    await log.publish(many(10, "after"), never);
    await eventually(
      "started over with its own messages",
      () => follower.caughtUp && follower.resets.length > 1 && follower.view.size === 10,
    );
    expect(follower.problems).toEqual([]);
  });

  test("recreated with more and other content at once: none of it is skipped", async () => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    const log = await rig.open({ servers: [proxy.url] });
    const follower = await follow(log);
    await log.publish(many(100, "1"), never);
    await eventually("all", () => follower.view.size === 100);
    const resets = watchResets(log);
    proxy.closed = true;
    proxy.cut();
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    await manager.streams.delete(stream);
    await manager.streams.add(config);
    await publishPlain(rig, names(300), "other");
    proxy.closed = false;
    await expectRecovery(
      log,
      follower,
      resets,
      Object.fromEntries(names(300).map((name) => [subject(name), "other"])),
    );
  });

  test("recreated with other content while connected", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    await log.publish(many(100, "1"), never);
    await eventually("all", () => follower.view.size === 100);
    const resets = watchResets(log);
    const manager = await managerOf(rig);
    const { config } = await manager.streams.info(stream);
    await manager.streams.delete(stream);
    await manager.streams.add(config).catch(() => {});
    await publishPlain(rig, names(10), "other");
    await expectRecovery(
      log,
      follower,
      resets,
      Object.fromEntries(names(10).map((name) => [subject(name), "other"])),
    );
  });

  test("wiped: the server came back with an empty disk", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    await log.publish(many(100, "1"), never);
    await eventually("all", () => follower.view.size === 100);
    const resets = watchResets(log);
    await rig.server.kill();
    rmSync(rig.server.storeDir, { recursive: true, force: true });
    await rig.server.restart();
    await expectRecovery(log, follower, resets, {});
  });

  test.each([
    { what: "nothing published since", regrown: 0 },
    { what: "and has grown past the old end since", regrown: 300 },
  ])("rolled back: the server came back with an older disk, $what", async ({ regrown }) => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    const log = await rig.open({ servers: [proxy.url] });
    const follower = await follow(log);
    await log.publish(many(100, "old"), never);
    await rig.server.stop();
    const copy = `${rig.server.storeDir}-copy`;
    cpSync(rig.server.storeDir, copy, { recursive: true });
    await rig.server.restart();
    await log.publish([...many(100, "new"), ...many(50, "newer")], never);
    await eventually("the newer", () => follower.texts()[subject("svc-0")] === "newer");
    const resets = watchResets(log);
    proxy.closed = true;
    proxy.cut();
    await rig.server.stop();
    rmSync(rig.server.storeDir, { recursive: true, force: true });
    cpSync(copy, rig.server.storeDir, { recursive: true });
    await rig.server.restart();
    // Two services only, so that most of what the roll-back undid stays undone, before the reader's place.
    await publishPlain(rig, Array.from({ length: regrown }, (_, index) => `svc-${index % 2}`), "regrown");
    proxy.closed = false;
    const expected = many(100, "old").map((record, index) =>
      [record.subject, regrown > 0 && index < 2 ? "regrown" : "old"] as const
    );
    await eventually("told", () => resets.length > 0);
    await eventually("reset", () => follower.resets.length > 1 && follower.caughtUp);
    expect(follower.texts()).toEqual(Object.fromEntries(expected));
    expect(follower.problems).toEqual([]);
  });

  test("missing: of all that ask for it at the same time, one line says that it was created", async () => {
    const rig = await startRig();
    const lines: string[] = [];
    const log = await rig.open({
      log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    });
    const follower = await follow(log);
    await log.publish(many(10, "1"), never);
    await eventually("all", () => follower.view.size === 10);
    expect(lines.filter((line) => line === "created the stream")).toHaveLength(1);
  });

  test("purged: publishers are told, readers start over", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const follower = await follow(log);
    await log.publish(many(100, "1"), never);
    await eventually("all", () => follower.view.size === 100);
    const last = await sequenceOf(rig, 100);
    await eventually("looked at", () => log.status().detail.includes(`last sequence ${last}`));
    const resets = watchResets(log);
    await (await managerOf(rig)).streams.purge(stream);
    await expectRecovery(log, follower, resets, {});
  });

  test("everything is there again after publishers did what onReset asks for", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const content = many(500, "truth");
    log.onReset(() => {
      (async () => {
        const there = await readTexts(log);
        await log.publish(content.filter((record) => there[record.subject] === undefined), never);
      })().catch(() => {});
    });
    await log.publish(content, never);
    const follower = await follow(await rig.open());
    for (let round = 0; round < 2; round++) {
      await rig.server.kill();
      rmSync(rig.server.storeDir, { recursive: true, force: true });
      await rig.server.restart();
      await eventually(
        "all again",
        () => follower.resets.length > round + 1 && follower.view.size === 500,
        15_000,
      );
    }
    expect(follower.problems).toEqual([]);
  });
});

describe.skipIf(requireReal("nats-server").skip)("tombstones", () => {
  test("expire; a reader that was away for longer starts over", async () => {
    const rig = await startRig();
    const log = await rig.open({ tombstoneTtlMs: 1000 });
    const manager = await managerOf(rig);
    await log.publish(many(10, "1"), never);
    let hold: Promise<void> | undefined;
    const follower = new Follower(log, allSubjects, async () => await hold);
    onTestFinished(async () => await follower.stop());
    await eventually("caught up", () => follower.caughtUp);
    const { promise, resolve: resume } = Promise.withResolvers<void>();
    hold = promise;
    await log.publish([put("svc-0", "2")], never);
    await eventually("standing still", () => follower.texts()[subject("svc-0")] === "2");
    await log.publish([{ subject: subject("svc-1"), data: null }], never);
    await eventually("expiry", async () => (await manager.streams.info(stream)).state.messages === 9);
    resume();
    await eventually("reset", () => follower.resets.length === 2 && follower.caughtUp);
    expect(follower.view.has(subject("svc-1"))).toBe(false);
    expect(follower.view.size).toBe(9);
    expect(follower.problems).toEqual([]);
  });
});
