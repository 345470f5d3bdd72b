import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { allSubjects, sourceFilter, syncMarkerSubject } from "../../model/subject.ts";
import { never, put, readAll, subject } from "./kit.ts";
import type { ConformanceKit } from "./kit.ts";
import { eventually } from "./test-follower.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One service with very many endpoints; `random` labels can't be compressed below a server's `max_payload`. */
function manyEndpoints(count: number, random: boolean): Uint8Array {
  const endpoints = Array.from({ length: count }, (_, index) => ({
    address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    ports: { http: 8080 },
    labels: { instance: random ? randomBytes(48).toString("base64") : `instance-${index}`, zone: "zone-a" },
  }));
  return encoder.encode(JSON.stringify({ spec: { endpoints } }));
}

/** What publishers are promised: order, compare-and-set, honest answers, entries of any size. */
export function testPublishing(kit: () => ConformanceKit): void {
  test("a sync marker comes after everything published before it, large entries too", async () => {
    const { log, follow } = kit();
    const seen: string[] = [];
    const follower = follow(log, allSubjects, (event) => {
      if (event.type === "put" && event.subject === syncMarkerSubject("eureka", "one")) {
        seen.push(`${decoder.decode(event.data)}: ${follower.view.size - 1}`);
      }
    });
    await eventually("caught up", () => follower.caughtUp);
    for (let round = 1; round <= 3; round++) {
      const records = Array.from({ length: 200 }, (_, index) => put(`svc-${round}-${index}`, "x"));
      records.splice(100, 0, { subject: subject(`large-${round}`), data: manyEndpoints(20_000, true) });
      const marker = {
        subject: syncMarkerSubject("eureka", "one"),
        data: encoder.encode(`marker ${round}`),
      };
      await log.publish([...records, marker], never);
      await eventually("the marker", () => seen.length === round);
    }
    expect(seen).toEqual(["marker 1: 201", "marker 2: 402", "marker 3: 603"]);
    expect(follower.problems).toEqual([]);
  });

  test("an outdated expected sequence is a conflict, and the neighbours are stored", async () => {
    const { log, open } = kit();
    const [first] = await log.publish([{ ...put("a", "1"), expectedSequence: 0 }], never);
    expect(first?.status).toBe("stored");
    const sequence = first?.status === "stored" ? first.sequence : -1;
    const results = await (await open()).publish([
      put("before", "1"),
      { ...put("a", "lost"), expectedSequence: 0 },
      { ...put("new", "lost"), expectedSequence: 7 },
      put("after", "1"),
    ], never);
    expect(results.map(({ status }) => status)).toEqual(["stored", "conflict", "conflict", "stored"]);
    const [second] = await log.publish([{ ...put("a", "2"), expectedSequence: sequence }], never);
    expect(second?.status).toBe("stored");
    const deletion = second?.status === "stored" ? second.sequence : -1;
    const [gone] = await log.publish(
      [{ subject: subject("a"), data: null, expectedSequence: deletion }],
      never,
    );
    expect(gone?.status).toBe("stored");
    const [again] = await log.publish([{ ...put("a", "3"), expectedSequence: deletion }], never);
    expect(again?.status).toBe("conflict");
    const texts = Object.fromEntries(
      (await readAll(log, allSubjects)).map((entry) => [entry.subject, decoder.decode(entry.data)]),
    );
    expect(texts).toEqual({ [subject("before")]: "1", [subject("after")]: "1" });
  });

  test("who knows of no message can't know of a deletion: what was deleted is created again", async () => {
    const { log } = kit();
    const large = { subject: subject("large"), data: manyEndpoints(20_000, true) };
    await log.publish([put("a", "1"), large], never);
    await log.publish([{ subject: subject("a"), data: null }, { ...large, data: null }], never);
    const results = await log.publish([
      { ...put("a", "2"), expectedSequence: 0 },
      { ...large, expectedSequence: 0 },
    ], never);
    expect(results.map(({ status }) => status)).toEqual(["stored", "stored"]);
    const [lost] = await log.publish([{ ...put("a", "3"), expectedSequence: 0 }], never);
    expect(lost?.status).toBe("conflict");
    const sizes = Object.fromEntries(
      (await readAll(log, allSubjects)).map((each) => [each.subject, each.data.length]),
    );
    expect(sizes).toEqual({ [subject("a")]: 1, [large.subject]: large.data.length });
  });

  test("several records of one subject in one call are stored in order", async () => {
    const { log } = kit();
    const results = await log.publish(
      Array.from({ length: 300 }, (_, index) => put(`svc-${index % 3}`, String(index))),
      never,
    );
    expect(results.every(({ status }) => status === "stored")).toBe(true);
    const texts = (await readAll(log, allSubjects)).map((entry) => decoder.decode(entry.data));
    expect(texts).toEqual(["297", "298", "299"]);
  });

  test("a record that can't be stored is rejected, and the neighbours are stored", async () => {
    const { log, follow } = kit();
    const data = encoder.encode("x");
    const results = await log.publish([
      put("good", "1"),
      { subject: "mesh.entries.ServiceEntry.eureka..x.y", data },
      { subject: "mesh.entries.ServiceEntry.eureka.one.two.has space", data },
      { subject: "mesh.entries.ServiceEntry.eureka.one.two.*", data },
      { subject: "elsewhere.x", data },
      { subject: subject("x".repeat(5000)), data },
      put("x".repeat(3700), "long, but possible"),
      put("also-good", ""),
    ], never);
    const statuses = results.map(({ status }) => status);
    expect(statuses.slice(1, 6)).toEqual(Array(5).fill("rejected"));
    expect([statuses[0], statuses[6], statuses[7]]).toEqual(Array(3).fill("stored"));
    const lengths = (await readAll(log, allSubjects)).map((entry) => entry.data.length);
    expect(lengths).toEqual([1, 18, 0]);
    const follower = follow(log);
    await eventually("caught up", () => follower.caughtUp);
    expect(follower.view.size).toBe(3);
  });

  test.each([
    { what: "small", data: encoder.encode("{}") },
    { what: "50,000 endpoints", data: manyEndpoints(50_000, false) },
    { what: "50,000 endpoints with random labels", data: manyEndpoints(50_000, true) },
  ])("an entry arrives intact: $what", async ({ data }) => {
    const { log, open, follow } = kit();
    const live = follow(log);
    await eventually("caught up", () => live.caughtUp);
    await log.publish([put("a", "1"), { subject: subject("large"), data }, put("b", "1")], never);
    const other = await open();
    const later = follow(other);
    for (const follower of [live, later]) {
      await eventually("all three", () => follower.view.size === 3);
      expect(Buffer.compare(follower.view.get(subject("large")) ?? new Uint8Array(), data)).toBe(0);
      expect([...follower.view.keys()]).toEqual([subject("a"), subject("large"), subject("b")]);
    }
    const filtered = follow(other, "mesh.entries.ServiceEntry.>");
    await eventually("caught up", () => filtered.caughtUp);
    expect(filtered.view.size).toBe(3);
    const entries = await readAll(other, sourceFilter("eureka", "one"));
    expect(entries.map((entry) => entry.data.length)).toEqual([1, data.length, 1]);
    const expectedSequence = entries[1]?.sequence ?? -1;
    const [small] = await other.publish([{ ...put("large", "small"), expectedSequence }], never);
    expect(small?.status).toBe("stored");
    await eventually("the small one", () => live.texts()[subject("large")] === "small");
    await log.publish(
      [{ subject: subject("large"), data }, { subject: subject("large"), data: null }],
      never,
    );
    await eventually(
      "its deletion",
      () => !live.view.has(subject("large")) && !later.view.has(subject("large")),
    );
    expect([...live.problems, ...later.problems, ...filtered.problems]).toEqual([]);
  });

  test("large entries that change fast arrive in their last version", async () => {
    const { log, follow } = kit();
    const live = follow(log);
    const versions = Array.from({ length: 6 }, () => manyEndpoints(15_000, true));
    for (const data of versions) await log.publish([{ subject: subject("large"), data }], never);
    const last = versions.at(-1) ?? new Uint8Array();
    await eventually(
      "the last version",
      () => Buffer.compare(live.view.get(subject("large")) ?? new Uint8Array(), last) === 0,
    );
    expect(live.problems).toEqual([]);
  });
}
