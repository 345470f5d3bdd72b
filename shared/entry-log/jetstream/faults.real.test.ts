import { describe, expect, onTestFinished, test } from "vitest";
import { requireReal } from "../../../test/servers/find.ts";
import { allSubjects } from "../../model/subject.ts";
import { isMeshError } from "../../runtime/errors.ts";
import {
  follow,
  managerOf,
  many,
  never,
  put,
  readTexts,
  sequenceOf,
  startRig,
  stream,
  subject,
} from "./nats-rig.ts";
import { eventually, Follower } from "../conformance/test-follower.ts";

const decoder = new TextDecoder();

describe.skipIf(requireReal("nats-server").skip)("servers that fail", () => {
  test("killed and restarted under load: nothing is lost, nobody starts over", async () => {
    const rig = await startRig();
    const log = await rig.open();
    const other = await rig.open();
    const follower = await follow(other);
    const stop = new AbortController();
    const latest = new Map<string, string>();
    const publishing = [log, other].map(async (publisher, half) => {
      for (let round = 0; !stop.signal.aborted; round++) {
        const records = Array.from({ length: 100 }, (_, index) => put(`svc-${half}-${index}`, `${round}`));
        const results = await publisher.publish(records, never);
        expect(results.every(({ status }) => status === "stored")).toBe(true);
        for (const record of records) latest.set(record.subject, decoder.decode(record.data));
      }
    });
    for (let kill = 0; kill < 3; kill++) {
      const before = follower.puts;
      await eventually("load", () => follower.puts > before + 1000);
      await rig.server.kill();
      await rig.server.restart();
    }
    const before = follower.puts;
    await eventually("load", () => follower.puts > before + 1000);
    stop.abort();
    await Promise.all(publishing);
    await eventually("the last state", () => {
      const texts = follower.texts();
      return [...latest].every(([name, text]) => texts[name] === text);
    });
    expect(follower.problems).toEqual([]);
    expect(follower.resets).toHaveLength(1);
    expect(await readTexts(log)).toEqual(Object.fromEntries(latest));
  });

  test("down for longer than ten attempts to reconnect: goes on when it is back", async () => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    const log = await rig.open({ servers: [proxy.url] });
    const follower = await follow(log);
    proxy.closed = true;
    proxy.cut();
    const before = proxy.attempts;
    const publishing = log.publish(many(10, "while down"), never);
    await eventually("many attempts", () => proxy.attempts > before + 11);
    expect(log.status().connected).toBe(false);
    proxy.closed = false;
    expect((await publishing).every(({ status }) => status === "stored")).toBe(true);
    await eventually("all ten", () => follower.view.size === 10);
    expect(follower.resets).toHaveLength(1);
    expect(follower.problems).toEqual([]);
  });

  test("not there at first: waits, says so, and begins when it is", async () => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    proxy.closed = true;
    const log = rig.openLater({ servers: [proxy.url] });
    const follower = new Follower(log, allSubjects);
    onTestFinished(async () => await follower.stop());
    const publishing = log.publish([put("a", "1")], never);
    await eventually("attempts", () => proxy.attempts > 3);
    expect(log.status().connected).toBe(false);
    const impatient = new AbortController();
    const aborted = log.publish([put("b", "1")], impatient.signal);
    impatient.abort();
    await expect(aborted).rejects.toSatisfy((error) => isMeshError(error, "entry-log-unavailable"));
    proxy.closed = false;
    expect(await publishing).toMatchObject([{ status: "stored" }]);
    await eventually("caught up", () => follower.caughtUp && follower.view.size > 0);
    expect(follower.texts()).toEqual({ [subject("a")]: "1" });
  });

  test("silent without closing: noticed within 15 s", async () => {
    const rig = await startRig();
    const proxy = await rig.proxy();
    const log = await rig.open({ servers: [proxy.url] });
    const follower = await follow(log);
    proxy.swallowAnswers = true;
    proxy.swallowRequests = true;
    const publishing = log.publish([put("a", "1")], never);
    const before = proxy.attempts;
    await eventually("noticed", () => proxy.attempts > before, 15_000);
    expect(log.status().connected).toBe(false);
    proxy.swallowAnswers = false;
    proxy.swallowRequests = false;
    expect(await publishing).toMatchObject([{ status: "stored" }]);
    await eventually("the entry", () => follower.view.size === 1);
    expect(follower.problems).toEqual([]);
  });

  test.each([
    { what: "with the server's deduplication", duplicateWindow: 120e9 },
    { what: "after the server has forgotten it", duplicateWindow: 100e6 },
  ])(
    "acknowledgements are lost: stored once and reported as stored, $what",
    async ({ duplicateWindow }) => {
      const rig = await startRig();
      const manager = await managerOf(rig);
      await (await rig.open())[Symbol.asyncDispose]();
      await manager.streams.update(stream, { duplicate_window: duplicateWindow });
      const proxy = await rig.proxy();
      const log = await rig.open({ servers: [proxy.url] });
      proxy.swallowAnswers = true;
      const records = many(50, "1").map((record) => ({ ...record, expectedSequence: 0 }));
      const publishing = log.publish(records, never);
      const first = await sequenceOf(rig, 1);
      const sequences = records.map((_, index) => first + index);
      const lastSequence = async () => (await manager.streams.info(stream)).state.last_seq;
      await eventually("stored", async () => await lastSequence() === sequences.at(-1));
      // Something else is stored later than the window is long, so that the server looks at its ids.
      if (duplicateWindow < 1e9) {
        const storedMs = performance.now();
        await eventually("the end of the window", () => performance.now() - storedMs > 500);
      }
      proxy.cut();
      proxy.swallowAnswers = false;
      const results = await publishing;
      expect(results.map((result) => (result.status === "stored" ? result.sequence : result.status)))
        .toEqual(sequences);
      expect(await lastSequence()).toBe(sequences.at(-1));
    },
  );
});
