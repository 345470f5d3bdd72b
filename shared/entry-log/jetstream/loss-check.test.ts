import { describe, expect, test } from "vitest";
import type { StreamFacts } from "./config.ts";
import { LossCheck, LossPause } from "./loss-check.ts";

function look(atMs: number, lastSequence: number, subjects: number): StreamFacts {
  return {
    streamId: "1",
    created: "2026-11-29T00:00:00Z",
    firstSequence: 1,
    lastSequence,
    lastTime: "2026-11-29T00:00:00Z",
    messages: subjects,
    subjects,
    replicas: 1,
    allowsTtl: true,
    allowsAtomic: true,
    serverTimeMs: 1_000_000 + atMs,
    atMs,
  };
}

function checkWith(readsAll: boolean, subjects: number): LossCheck {
  const check = new LossCheck(readsAll, 0);
  for (let index = 1; index <= subjects; index++) check.ledger.note(`s${index}`, index);
  return check;
}

describe("LossCheck", () => {
  test("who reads everything compares with each look, once the reader has come so far", () => {
    const check = checkWith(true, 100);
    check.see(look(10, 100, 100));
    expect(check.missing(undefined)).toBe(0);
    check.see(look(20, 110, 75));
    expect(check.missing(undefined)).toBe(0);
    for (let index = 101; index <= 110; index++) check.ledger.note(`s${index}`, index);
    expect(check.missing(undefined)).toBe(35);
    expect(check.missing(undefined)).toBe(0);
  });

  test("a reader at rest has come so far, although the last message is gone", () => {
    const check = checkWith(true, 100);
    check.see(look(10, 105, 90));
    expect(check.missing(9)).toBe(0);
    expect(check.missing(11)).toBe(10);
  });

  test("what was new after the look doesn't count as lost", () => {
    const check = checkWith(true, 100);
    check.see(look(10, 90, 90));
    expect(check.missing(undefined)).toBe(0);
  });

  test("who reads a part asks for a listing when the stream has fewer subjects, and not too often", () => {
    const check = checkWith(false, 100);
    check.see(look(0, 500, 500));
    expect(check.wantsListing(0)).toBe(false);
    check.see(look(2000, 500, 470));
    expect(check.wantsListing(2000)).toBe(true);
    expect(check.wantsListing(2000)).toBe(false);
    check.listed({ lastSequence: 500, subjects: 100, serverTimeMs: 0, atMs: 2500 }, 500);
    expect(check.missing(3000)).toBe(0);
    check.see(look(4000, 500, 460));
    expect(check.wantsListing(4000)).toBe(false);
    expect(check.wantsListing(2500 + 25_000)).toBe(true);
    check.listed({ lastSequence: 500, subjects: 90, serverTimeMs: 0, atMs: 28_000 }, 10);
    expect(check.missing(29_000)).toBe(10);
  });

  test("who reads a part asks for a listing when the stream has fewer subjects than the part, however it had grown", () => {
    const check = checkWith(false, 40);
    check.see(look(0, 40, 40));
    for (let index = 41; index <= 100; index++) check.ledger.note(`s${index}`, index);
    check.see(look(2000, 100, 60));
    expect(check.wantsListing(2000)).toBe(true);
    check.ledger.note("s101", 101);
    check.listed({ lastSequence: 100, subjects: 60, serverTimeMs: 0, atMs: 2500 }, 10);
    check.see(look(4000, 101, 61));
    expect(check.missing(4000)).toBe(40);
  });

  test("a listing that failed is asked for again; what new subjects hide is found in time", () => {
    const check = checkWith(false, 100);
    check.see(look(0, 500, 500));
    check.see(look(700_000, 600, 600));
    expect(check.wantsListing(700_000)).toBe(true);
    check.notListed(700_100, 100);
    expect(check.wantsListing(705_000)).toBe(false);
    expect(check.wantsListing(711_000)).toBe(true);
    check.listed({ lastSequence: 600, subjects: 100, serverTimeMs: 0, atMs: 711_100 }, 100);
    check.see(look(1_400_000, 600, 600));
    expect(check.wantsListing(1_400_000)).toBe(false);
  });
});

describe("LossPause", () => {
  test("grows from loss to loss up to five minutes, and starts over after a calm time", () => {
    const pause = new LossPause();
    const acted: number[] = [];
    for (let second = 0; second < 3600; second++) {
      if (pause.ends(second * 1000)) acted.push(second);
    }
    expect(acted.slice(0, 6)).toEqual([0, 5, 15, 35, 75, 155]);
    expect(acted).toHaveLength(17);
    expect(pause.ends(3600_000 + 700_000)).toBe(true);
    expect(pause.ends(3600_000 + 706_000)).toBe(true);
  });
});
