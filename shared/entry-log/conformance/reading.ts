import { expect, test } from "vitest";
import { allSubjects, sourceFilter, syncMarkerSubject } from "../../model/subject.ts";
import { isMeshError } from "../../runtime/errors.ts";
import { collect, never, put, readAll, subject } from "./kit.ts";
import type { ConformanceKit } from "./kit.ts";
import { eventually } from "./test-follower.ts";
import type { Follower } from "./test-follower.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What readers are promised: completeness, order, deletions, patience of the log with them. */
export function testReading(kit: () => ConformanceKit): void {
  test("an empty log is caught up at once", async () => {
    const { log, follow } = kit();
    const follower = follow(log);
    await eventually("caught up", () => follower.caughtUp);
    expect(follower.resets, follower.resets.join("; ")).toHaveLength(1);
    expect(follower.problems).toEqual([]);
    expect(log.status().connected).toBe(true);
  });

  test("everything stored before comes before caught-up, in order", async () => {
    const { log, open, follow } = kit();
    const records = Array.from({ length: 3000 }, (_, index) => put(`svc-${index}`, `v${index}`));
    const results = await log.publish(records, never);
    expect(results.every(({ status }) => status === "stored")).toBe(true);
    let atCaughtUp = 0;
    const follower = follow(await open(), allSubjects, (event) => {
      if (event.type === "caught-up") atCaughtUp = follower.view.size;
    });
    await eventually("caught up", () => follower.caughtUp);
    expect(atCaughtUp).toBe(3000);
    // Among the records of one call, one that the server has refused for a moment is stored after its neighbours.
    const sequences = results.map((result) => result.status === "stored" ? result.sequence : 0);
    const inOrder = records.map(({ subject }, index) => ({ subject, sequence: sequences[index] ?? 0 }))
      .sort((a, b) => a.sequence - b.sequence);
    expect([...follower.view.keys()]).toEqual(inOrder.map(({ subject }) => subject));
    expect(follower.problems).toEqual([]);
  });

  test("readers that start while others publish have no gap and no duplicate", async () => {
    const { log, open, follow } = kit();
    const other = await open();
    const names = 200;
    const rounds = 30;
    const finished = Promise.all([log, other].map(async (publisher, half) => {
      for (let round = 0; round < rounds; round++) {
        const records = Array.from(
          { length: names },
          (_, index) => put(`svc-${half}-${index}`, String(round)),
        );
        await publisher.publish(records, never);
      }
    }));
    const racing: Follower[] = [];
    for (let reader = 0; reader < 5; reader++) {
      let versions = new Map<string, number>();
      const follower = follow(reader % 2 === 0 ? log : other, allSubjects, (event) => {
        if (event.type === "reset") versions = new Map();
        if (event.type !== "put") return;
        const version = Number(decoder.decode(event.data));
        if (version <= (versions.get(event.subject) ?? -1)) {
          follower.problems.push(`${event.subject} went back`);
        }
        versions.set(event.subject, version);
      });
      racing.push(follower);
      await eventually("some progress", () => follower.puts > 20);
    }
    await finished;
    for (const follower of racing) {
      await eventually("the last version of everything", () =>
        follower.view.size === 2 * names &&
        Object.values(follower.texts()).every((text) => text === String(rounds - 1)));
      expect(follower.caughtUp).toBe(true);
      expect(follower.resets, follower.resets.join("; ")).toHaveLength(1);
      expect(follower.problems).toEqual([]);
    }
  });

  test("several readers get the same", async () => {
    const { log, open, follow } = kit();
    await log.publish([put("a", "1"), put("b", "1")], never);
    const readers = await Promise.all([1, 2, 3, 4].map(async () => follow(await open())));
    await eventually("all caught up", () => readers.every(({ caughtUp }) => caughtUp));
    await log.publish([put("b", "2"), put("c", "1"), { subject: subject("a"), data: null }], never);
    for (const reader of readers) {
      await eventually("the change", () => reader.view.size === 2 && reader.deletes === 1);
      expect(reader.texts()).toEqual({ [subject("b")]: "2", [subject("c")]: "1" });
      expect(reader.streamId).toBe(readers[0]?.streamId);
      expect(reader.problems).toEqual([]);
    }
  });

  test("a tombstone deletes for live readers, new readers and read-back", async () => {
    const { log, follow } = kit();
    const live = follow(log);
    await log.publish([put("a", "1"), put("b", "1")], never);
    await eventually("both", () => live.view.size === 2);
    const provenance = { unit: "u", member: "m", created: "2026-01-02T03:04:05.678Z" };
    await log.publish([{ subject: subject("a"), data: null, provenance }], never);
    await eventually("one", () => live.view.size === 1);
    const told: unknown[] = [];
    const later = follow(log, allSubjects, (event) => {
      if (event.type === "delete") told.push(event.provenance);
    });
    await eventually("caught up", () => later.caughtUp);
    expect(told).toEqual([provenance]);
    expect(later.texts()).toEqual({ [subject("b")]: "1" });
    expect((await readAll(log, allSubjects)).map((entry) => entry.subject)).toEqual([subject("b")]);
    await log.publish([put("a", "2")], never);
    await eventually("back", () => live.texts()[subject("a")] === "2");
  });

  test("read-back and follow give what matches the filter only", async () => {
    const { log, follow } = kit();
    const foreign = { subject: subject("x", "two"), data: encoder.encode("foreign") };
    const marker = { subject: syncMarkerSubject("eureka", "one"), data: encoder.encode("marker") };
    await log.publish([put("com.acme.A", "1"), foreign, put("com.acme.B", "1"), marker], never);
    await log.publish([put("com.acme.A", "2")], never);
    const entries = await readAll(log, sourceFilter("eureka", "one"));
    expect(entries.map((entry) => [entry.subject, decoder.decode(entry.data)])).toEqual([
      [subject("com.acme.B"), "1"],
      [marker.subject, "marker"],
      [subject("com.acme.A"), "2"],
    ]);
    const sequences = entries.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    const follower = follow(log, "mesh.entries.*.eureka.two.>");
    await eventually("caught up", () => follower.caughtUp);
    expect(follower.texts()).toEqual({ [foreign.subject]: "foreign" });
    expect(await readAll(log, "mesh.entries.*.nacos.>")).toEqual([]);
  });

  test("read-back ends although others publish all the time", async () => {
    const { log, open } = kit();
    const records = Array.from({ length: 500 }, (_, index) => put(`svc-${index}`, "1"));
    await log.publish(records, never);
    const other = await open();
    const reading = new AbortController();
    const publishing = (async () => {
      while (!reading.signal.aborted) await other.publish(records, never);
    })();
    const names = new Set((await readAll(log, allSubjects)).map((entry) => entry.subject));
    reading.abort();
    await publishing;
    expect(names.size).toBe(500);
  });

  test("a reader that stands still costs little memory and gets the last state", async () => {
    const { log, follow } = kit();
    const subjects = 100;
    const { promise: goOn, resolve: resume } = Promise.withResolvers<void>();
    const slow = follow(log, allSubjects, (event) => (event.type === "put" ? goOn : undefined));
    await eventually("caught up", () => slow.caughtUp);
    const data = (round: number) => encoder.encode(`${round} `.padEnd(10_000, "x"));
    for (let round = 0; round < 150; round++) {
      const records = Array.from(
        { length: subjects },
        (_, index) => ({ subject: subject(`svc-${index}`), data: data(round) }),
      );
      await log.publish(records, never);
    }
    resume();
    await eventually(
      "the last state",
      () =>
        slow.view.size === subjects && Object.values(slow.texts()).every((text) => text.startsWith("149 ")),
    );
    // 15,000 messages of 10 kB were published; what was delivered late is bounded by what a reader holds at a time.
    expect(slow.puts).toBeLessThan(3000);
    expect(slow.problems).toEqual([]);
  });

  test("abort ends a waiting reader and a busy reader at once", async () => {
    const { log, follow } = kit();
    await log.publish(Array.from({ length: 2000 }, (_, index) => put(`svc-${index}`, "1")), never);
    const idle = follow(log);
    await eventually("caught up", () => idle.caughtUp);
    const startedMs = performance.now();
    await idle.stop();
    expect(performance.now() - startedMs).toBeLessThan(1000);
    const busy = follow(log);
    let events = 0;
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    busy.onEvent = () => {
      events++;
      if (events === 10) busy.stop().then(resolve, resolve);
    };
    await stopped;
    expect(events).toBeLessThanOrEqual(11);
    expect(busy.ended).toBe(true);
    expect(await collect(log.follow(allSubjects, AbortSignal.abort()))).toEqual([]);
  });

  test("what waits ends with the typed error or the iteration when the log is closed", async () => {
    const { open, follow } = kit();
    const other = await open();
    const follower = follow(other);
    await eventually("caught up", () => follower.caughtUp);
    await expect(other.publish([put("a", "1")], AbortSignal.abort())).rejects.toSatisfy((error) =>
      isMeshError(error, "entry-log-unavailable")
    );
    await other[Symbol.asyncDispose]();
    await eventually("the end of the iteration", () => follower.ended);
    await expect(other.publish([put("a", "1")], never)).rejects.toSatisfy((error) =>
      isMeshError(error, "entry-log-unavailable")
    );
    expect(other.status().connected).toBe(false);
    expect(follower.problems).toEqual([]);
  });
}
