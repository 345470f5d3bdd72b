import { expect, test } from "vitest";
import { allSubjects, sourceFilter, termSubject } from "../../model/subject.ts";
import type { EntryLog, LogRecord, PublishResult } from "../entry-log.ts";
import { never, put, readAll, subject } from "./kit.ts";
import type { ConformanceKit } from "./kit.ts";
import { eventually } from "./test-follower.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The subject that fences the source's records. */
const fenceSubject = termSubject("eureka", "one");

/** Stores a new term, and returns its sequence: the fence of the records that are published under it. */
export async function newTerm(log: EntryLog, text: string, expectedSequence?: number): Promise<number> {
  const record = { subject: fenceSubject, data: encoder.encode(text) };
  const [result] = await log.publish(
    [expectedSequence === undefined ? record : { ...record, expectedSequence }],
    never,
  );
  if (result?.status !== "stored") throw new Error(`the term isn't stored: ${JSON.stringify(result)}`);
  return result.sequence;
}

/** A record that is stored only under the term with this sequence. */
export function fenced(record: LogRecord, sequence: number): LogRecord {
  return { ...record, fence: { subject: fenceSubject, sequence } };
}

/** How many results there are of each status. */
export function countStatuses(results: readonly PublishResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of results) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** What publishers are promised of fences, provenance and times to live. */
export function testFencing(kit: () => ConformanceKit): void {
  test("a record with a fence is stored as long as the fence stands, and never after", async () => {
    const { log, open } = kit();
    const first = await newTerm(log, "1");
    const stored = await log.publish([fenced(put("a", "1"), first), fenced(put("b", "1"), first)], never);
    expect(countStatuses(stored)).toEqual({ stored: 2 });
    const second = await newTerm(await open(), "2");
    const results = await log.publish([
      fenced(put("a", "late"), first),
      put("free", "1"),
      fenced(put("b", "2"), second),
      fenced({ subject: subject("a"), data: null }, first),
      fenced(put("c", "never"), second + 100),
    ], never);
    expect(results.map(({ status }) => status)).toEqual(["fenced", "stored", "stored", "fenced", "fenced"]);
    const texts = (await readAll(log, sourceFilter("eureka", "one"))).map(({ data }) => decoder.decode(data));
    expect(texts).toEqual(["1", "2", "1", "2"]);
  });

  test("a fence that nobody has written holds until somebody does; deleting it is writing it", async () => {
    const { log } = kit();
    // The fence of another stream.
    expect(await log.publish([fenced(put("a", "0"), 7)], never)).toEqual([{ status: "fenced" }]);
    expect(await log.publish([fenced(put("a", "1"), 0)], never)).toMatchObject([{ status: "stored" }]);
    const term = await newTerm(log, "1");
    expect(await log.publish([fenced(put("a", "2"), 0)], never)).toEqual([{ status: "fenced" }]);
    await log.publish([{ subject: fenceSubject, data: null }], never);
    expect(await log.publish([fenced(put("a", "3"), term)], never)).toEqual([{ status: "fenced" }]);
  });

  test("thousands of records with one fence are stored in order, from several publishers at once", async () => {
    const { log, open } = kit();
    const term = await newTerm(log, "1");
    const publishers = [log, await open(), await open()];
    const count = 1000;
    const results = await Promise.all(publishers.map(async (publisher, index) => {
      const records = Array.from(
        { length: count },
        (_, each) => fenced(put(`svc-${index}-${each}`, "1"), term),
      );
      return await publisher.publish(records, never);
    }));
    for (const result of results) {
      const sequences = result.map((each) => (each.status === "stored" ? each.sequence : -1));
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
      expect(sequences[0]).toBeGreaterThan(0);
    }
    expect(new Set(results.flat().map((each) => each.status === "stored" && each.sequence)).size).toBe(
      3 * count,
    );
    expect(await readAll(log, "mesh.entries.ServiceEntry.>")).toHaveLength(3 * count);
  });

  test("a new fence stops what is on its way: nothing of an old one is stored after it", async () => {
    const { log, open } = kit();
    const other = await open();
    const terms = [await newTerm(log, "0")];
    const racing = Promise.all([0, 1].map(async (publisher) => {
      const from = publisher === 0 ? log : other;
      const statuses: Record<string, number> = {};
      // Until there were several terms, however long a cluster takes for one.
      for (let round = 0; round < 10 || terms.length <= 3; round++) {
        const term = terms.at(-1) ?? 0;
        const records = Array.from(
          { length: 500 },
          (_, index) => fenced(put(`svc-${publisher}-${round}-${index}`, String(term)), term),
        );
        for (const [status, count] of Object.entries(countStatuses(await from.publish(records, never)))) {
          statuses[status] = (statuses[status] ?? 0) + count;
        }
      }
      return statuses;
    }));
    const over = new AbortController();
    racing.finally(() => over.abort()).catch(() => {});
    const third = await open();
    for (let number = 1; !over.signal.aborted; number++) {
      // Compare-and-set, as a collector does it, and now and then by force.
      terms.push(await newTerm(third, String(number), number % 5 === 0 ? undefined : terms.at(-1)));
    }
    const statuses = await racing;
    expect(terms.length).toBeGreaterThan(3);
    let stored = 0;
    for (const { sequence, data } of await readAll(log, "mesh.entries.ServiceEntry.>")) {
      const term = Number(decoder.decode(data));
      const next = terms[terms.indexOf(term) + 1] ?? Number.POSITIVE_INFINITY;
      expect(sequence).toBeGreaterThan(term);
      expect(sequence).toBeLessThan(next);
      stored++;
    }
    expect(stored).toBe((statuses[0]?.["stored"] ?? 0) + (statuses[1]?.["stored"] ?? 0));
    expect(stored).toBeGreaterThan(0);
  });

  test("a fence and an expected sequence exclude one another", async () => {
    const { log } = kit();
    const both = { ...fenced(put("a", "1"), 0), expectedSequence: 0 };
    const wild = { ...put("a", "1"), fence: { subject: allSubjects, sequence: 0 } };
    const results = await log.publish([both, wild, put("b", "1")], never);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "stored"]);
  });

  test("large records are fenced, too", async () => {
    const { log } = kit();
    const data = new Uint8Array(3_000_000);
    for (let start = 0; start < data.length; start += 65_536) {
      crypto.getRandomValues(data.subarray(start, Math.min(data.length, start + 65_536)));
    }
    const term = await newTerm(log, "1");
    const large = { subject: subject("large"), data };
    expect(await log.publish([fenced(large, term)], never)).toMatchObject([{ status: "stored" }]);
    await newTerm(log, "2");
    const results = await log.publish([fenced({ ...large, data: data.subarray(1) }, term)], never);
    expect(results).toEqual([{ status: "fenced" }]);
    const [entry] = await readAll(log, large.subject);
    expect(entry?.data.length).toBe(data.length);
  });

  test("where a record comes from is told to readers and read-back", async () => {
    const { log, open, follow } = kit();
    const odd = " \r\nX: y%\u0000ü\u{1F600}\ud800.*.> ";
    const provenances = [
      { unit: "com.acme.Demo:1.0", member: "zk-collector-0" },
      { unit: odd, member: "" },
      { unit: "", member: odd },
      { unit: "x".repeat(2000), member: "a b" },
    ];
    const records = provenances.map((provenance, index) => ({ ...put(`svc-${index}`, "1"), provenance }));
    const live = new Map<string, unknown>();
    const follower = follow(await open(), allSubjects, (event) => {
      if (event.type === "put") live.set(event.subject, event.provenance);
    });
    await log.publish([...records, put("untold", "1")], never);
    await eventually("all", () => follower.view.size === 5);
    expect([...live.values()]).toEqual([...provenances, undefined]);
    const read = await readAll(log, allSubjects);
    expect(read.map(({ provenance }) => provenance)).toEqual([...provenances, undefined]);
  });

  test("a record with a time to live vanishes, unless it was renewed without one", async () => {
    const { log, open } = kit();
    const mortal = (name: string) => ({ ...put(name, "1"), ttlMs: 1000 });
    await log.publish([mortal("lease"), mortal("renewed"), put("stays", "1")], never);
    await log.publish([put("renewed", "2")], never);
    const other = await open();
    const names = async () =>
      (await readAll(other, "mesh.entries.ServiceEntry.>")).map((entry) => entry.subject);
    expect(await names()).toContain(subject("lease"));
    await eventually("gone", async () => {
      await log.publish([{ ...put("tick", "1"), subject: fenceSubject }], never);
      return !(await names()).includes(subject("lease"));
    });
    expect(await names()).toEqual([subject("stays"), subject("renewed")]);
    const again = await log.publish([{ ...mortal("lease"), expectedSequence: 0 }], never);
    expect(again).toMatchObject([{ status: "stored" }]);
  });
}
