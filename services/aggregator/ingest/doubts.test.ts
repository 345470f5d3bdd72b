import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Doubts } from "./doubts.ts";
import type { ServedResource } from "./doubts.ts";
import { guard, subjectOf } from "./ingest-rig.ts";

const eureka = { registry: "eureka", source: "default" };
const zooKeeper = { registry: "zookeeper", source: "default" };

/** Services `0`, `1`, … with so many endpoints each. */
function services(count: number, endpoints: number, registry = "eureka"): ServedResource[] {
  return Array.from(
    { length: count },
    (_, index) => ({ subject: subjectOf(`${index}`, registry), endpoints }),
  );
}

/** A source of 100 services with 10 endpoints each after a reset, of which the first `shown` were shown again. */
function afterReset(shown: number): Doubts {
  const doubts = new Doubts(guard);
  doubts.begin(services(100, 10), { why: "unconfirmed" });
  for (const { subject } of services(shown, 10)) doubts.confirm(subject);
  return doubts;
}

const ten = () => 10;
const none = new Set<string>();

describe("a complete read after a reset", () => {
  test("lets go what it lacks within the limits", () => {
    const doubts = afterReset(70);
    const { dropped, held, loss } = doubts.review(eureka, ["unconfirmed"], none, ten, 0);
    expect([dropped.length, held.length]).toEqual([30, 0]);
    expect(loss).toEqual({ published: 1000, read: 700, lost: 300 });
    expect(doubts.size).toBe(0);
  });

  test("holds everything that it lacks beyond the limits, until the log shows it or the time is over", () => {
    const doubts = afterReset(69);
    expect(doubts.review(eureka, ["unconfirmed"], none, ten, 1000).held).toHaveLength(31);
    expect(doubts.get(subjectOf("99"))).toEqual({ why: "held", sinceMs: 1000 });
    // A second read, which lacks less, must not release it.
    expect(doubts.review(eureka, ["unconfirmed"], none, ten, 2000)).toMatchObject({ dropped: [], held: [] });
    for (const { subject } of services(95, 10)) doubts.confirm(subject);
    expect(doubts.size).toBe(5);
    expect(doubts.expire(1000 + guard.holdTimeMs - 1)).toEqual([]);
    const [over] = doubts.expire(1000 + guard.holdTimeMs);
    expect(over).toMatchObject(eureka);
    expect(over?.dropped).toHaveLength(5);
    expect(doubts.size).toBe(0);
  });

  test("counts what the shown services have fewer of: half a registry is half a registry", () => {
    const doubts = afterReset(90);
    const { held } = doubts.review(eureka, ["unconfirmed"], none, () => 5, 0);
    expect(held).toHaveLength(10);
  });

  test("holds what has no endpoints together with the rest, and when nothing at all was shown", () => {
    const doubts = new Doubts(guard);
    const sidecar = { subject: subjectOf("shop", "eureka", "Sidecar"), endpoints: 0 };
    doubts.begin([...services(20, 1), sidecar], { why: "unconfirmed" });
    doubts.confirm(subjectOf("0"));
    expect(doubts.review(eureka, ["unconfirmed"], none, () => 1, 0).held).toContain(sidecar.subject);
    const empty = new Doubts(guard);
    empty.begin(services(2, 0), { why: "unconfirmed" });
    expect(empty.review(eureka, ["unconfirmed"], none, () => 0, 0).held).toHaveLength(2);
  });

  test("decides about its own source, and not about what the log has and hasn't delivered", () => {
    const doubts = afterReset(80);
    doubts.begin(services(5, 1, "zookeeper"), { why: "unconfirmed" });
    const stored = new Set([subjectOf("80"), subjectOf("81")]);
    expect(doubts.review(eureka, ["unconfirmed"], stored, ten, 0).dropped).toHaveLength(18);
    expect([...doubts.of(eureka).keys()]).toEqual([...stored]);
    expect(doubts.of(zooKeeper).size).toBe(5);
  });

  test("takes no deletion for a loss", () => {
    const doubts = afterReset(10);
    for (const { subject } of services(100, 10).slice(10)) doubts.deleted(subject);
    expect(doubts.size).toBe(0);
    doubts.begin([{ subject: subjectOf("x"), endpoints: 1 }], { why: "unconfirmed" });
    expect(doubts.of(eureka).size).toBe(1);
  });

  test("measures by what was known before the first of several resets", () => {
    const doubts = afterReset(20);
    doubts.begin(services(20, 1), { why: "unconfirmed" });
    for (const { subject } of services(20, 1)) doubts.confirm(subject);
    const { loss } = doubts.review(eureka, ["unconfirmed"], none, () => 1, 0);
    expect(loss).toEqual({ published: 1000, read: 20, lost: 980 });
  });

  test("never holds where the guard is switched off", () => {
    const doubts = new Doubts({ ...guard, maxShrinkPercent: 100 });
    doubts.begin(services(100, 10), { why: "unconfirmed" });
    expect(doubts.review(eureka, ["unconfirmed"], none, ten, 0).dropped).toHaveLength(100);
  });
});

test("a hold without a time ends by hand only", () => {
  const doubts = new Doubts({ ...guard, holdTimeMs: 0 });
  doubts.begin([...services(50, 1), ...services(50, 1, "zookeeper")], { why: "unconfirmed" });
  doubts.review(eureka, ["unconfirmed"], none, ten, 0);
  doubts.review(zooKeeper, ["unconfirmed"], none, ten, 0);
  expect(doubts.expire(Number.MAX_SAFE_INTEGER)).toEqual([]);
  expect(doubts.release(eureka)).toHaveLength(50);
  expect([doubts.of(eureka).size, doubts.of(zooKeeper).size]).toEqual([0, 50]);
});

test("a release ends holds, and nothing else", () => {
  const doubts = afterReset(0);
  expect(doubts.release(eureka)).toEqual([]);
  expect(doubts.size).toBe(100);
});

test("whatever happens, a resource in doubt goes by a verdict, an expiry, a release or a deletion alone", () => {
  const service = fc.nat(19).map((index) => subjectOf(`${index}`));
  const event = fc.oneof(
    fc.record({ type: fc.constant("begin"), count: fc.nat(20) }),
    fc.record({ type: fc.constant("confirm"), subject: service }),
    fc.record({ type: fc.constant("deleted"), subject: service }),
    fc.record({ type: fc.constant("review"), stored: fc.array(service) }),
    fc.record({ type: fc.constant("expire"), afterMs: fc.nat(guard.holdTimeMs) }),
    fc.record({ type: fc.constant("release") }),
  );
  fc.assert(fc.property(fc.array(event, { maxLength: 40 }), (events) => {
    const doubts = new Doubts(guard);
    const expected = new Set<string>();
    const leave = (subjects: Iterable<string>) => {
      for (const subject of subjects) expect(expected.delete(subject)).toBe(true);
    };
    let nowMs = 0;
    for (const each of events) {
      if ("count" in each) {
        doubts.begin(services(each.count, 1), { why: "unconfirmed" });
        for (const { subject } of services(each.count, 1)) expected.add(subject);
      } else if ("stored" in each) {
        const stored = new Set(each.stored);
        const { dropped, held } = doubts.review(eureka, ["unconfirmed"], stored, () => 1, nowMs);
        expect(dropped.length === 0 || held.length === 0).toBe(true);
        for (const subject of [...dropped, ...held]) expect(stored.has(subject)).toBe(false);
        leave(dropped);
      } else if ("afterMs" in each) {
        nowMs += each.afterMs;
        leave(doubts.expire(nowMs).flatMap(({ dropped }) => dropped));
      } else if ("subject" in each) {
        if (each.type === "confirm") expect(doubts.confirm(each.subject)).toBe(expected.delete(each.subject));
        else {
          doubts.deleted(each.subject);
          expected.delete(each.subject);
        }
      } else leave(doubts.release(eureka));
      expect([...doubts.of(eureka).keys()].sort()).toEqual([...expected].sort());
      expect(doubts.size).toBe(expected.size);
    }
  }));
});
