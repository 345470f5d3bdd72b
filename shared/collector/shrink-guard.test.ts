import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Comparison } from "./shrink-guard.ts";
import { ShrinkGuard } from "./shrink-guard.ts";

const policy = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 1000 };

function compare(...pairs: [subject: string, published: number, read: number][]): Comparison[] {
  return pairs.map(([subject, publishedEndpoints, readEndpoints]) => ({
    subject,
    publishedEndpoints,
    readEndpoints,
  }));
}

describe("ShrinkGuard", () => {
  test("lets a small loss through", () => {
    const guard = new ShrinkGuard(policy);
    expect(guard.review(compare(["a", 10, 8], ["b", 10, 10]), 0).held.size).toBe(0);
  });

  test("lets the end of one of a few small services through", () => {
    const guard = new ShrinkGuard(policy);
    expect(guard.review(compare(["a", 1, 0], ["b", 2, 2]), 0).held.size).toBe(0);
  });

  test("holds an entirely empty read, however small the registry was", () => {
    const guard = new ShrinkGuard(policy);
    expect([...guard.review(compare(["a", 1, 0], ["b", 2, 0]), 0).held.keys()]).toEqual(["a", "b"]);
  });

  test("holds a loss beyond the limit and nothing else", () => {
    const guard = new ShrinkGuard(policy);
    const { held } = guard.review(compare(["a", 20, 0], ["b", 20, 12], ["c", 20, 20], ["d", 20, 30]), 0);
    expect([...held.keys()]).toEqual(["a", "b"]);
  });

  test("holds even a little while a minute lost too much, until it is back or released", () => {
    const guard = new ShrinkGuard(policy);
    expect([...guard.review(compare(["a", 50, 49], ["b", 50, 50]), 0, true).held.keys()]).toEqual(["a"]);
    expect(guard.review(compare(["a", 50, 49], ["b", 50, 50]), 1).held.size).toBe(1);
    guard.release();
    expect(guard.review(compare(["a", 50, 49], ["b", 50, 50]), 2, true).held.size).toBe(0);
  });

  test("keeps holding what is missing while the registry fills up again", () => {
    const guard = new ShrinkGuard(policy);
    guard.review(compare(["a", 50, 0], ["b", 50, 0]), 0);
    expect([...guard.review(compare(["a", 50, 50], ["b", 50, 45]), 500).held.keys()]).toEqual(["b"]);
    expect(guard.review(compare(["a", 50, 50], ["b", 50, 50]), 600).held.size).toBe(0);
  });

  test("gives up when the hold time is over", () => {
    const guard = new ShrinkGuard(policy);
    guard.review(compare(["a", 50, 0]), 0);
    expect(guard.review(compare(["a", 50, 0]), 999).held.size).toBe(1);
    expect(guard.review(compare(["a", 50, 0]), 1000).held.size).toBe(0);
  });

  test("takes what is read for a sample of the whole: its limits are in proportion", () => {
    const guard = new ShrinkGuard(policy);
    const other: Comparison = { subject: "other", publishedEndpoints: 20, readEndpoints: "foreign" };
    expect(guard.review([...compare(["a", 5, 2], ["b", 5, 5]), other], 0).held.size).toBe(0);
    expect([...guard.review([...compare(["a", 5, 1], ["b", 5, 5]), other], 0).held.keys()]).toEqual(["a"]);
  });

  test("a sample's held losses count with the losses that come to it from another replica", () => {
    const guard = new ShrinkGuard(policy);
    const moved = (readEndpoints: Comparison["readEndpoints"]): Comparison => (
      { subject: "moved", publishedEndpoints: 10, readEndpoints }
    );
    const rest: Comparison = { subject: "rest", publishedEndpoints: 20, readEndpoints: "foreign" };
    guard.review([...compare(["a", 20, 10], ["b", 5, 5]), moved("foreign"), rest], 0);
    const { held } = guard.review([...compare(["a", 20, 10], ["b", 5, 5]), moved(5), rest], 1);
    expect([...held.keys()]).toEqual(["a", "moved"]);
  });

  test("keeps what it holds while it isn't read, and forgets what another replica reads", () => {
    const guard = new ShrinkGuard(policy);
    guard.review(compare(["a", 20, 0], ["b", 20, 0]), 0);
    const { held } = guard.review([
      { subject: "a", publishedEndpoints: 20, readEndpoints: "unread" },
      { subject: "b", publishedEndpoints: 20, readEndpoints: "foreign" },
    ], 1);
    expect([...held.keys()]).toEqual(["a"]);
  });

  test("gives up when told to", () => {
    const guard = new ShrinkGuard(policy);
    guard.review(compare(["a", 50, 0]), 0);
    expect(guard.release()).toBe(1);
    expect(guard.review(compare(["a", 50, 0]), 1).held.size).toBe(0);
  });

  test("never holds with a limit of 100 %", () => {
    const guard = new ShrinkGuard({ ...policy, maxShrinkPercent: 100 });
    expect(guard.review(compare(["a", 50, 0]), 0).held.size).toBe(0);
  });

  test("holds for ever with a hold time of 0, until told to let go", () => {
    const guard = new ShrinkGuard({ ...policy, holdTimeMs: 0 });
    guard.review(compare(["a", 50, 0]), 0);
    expect(guard.review(compare(["a", 50, 0]), 1e9).held.size).toBe(1);
    guard.release();
    expect(guard.review(compare(["a", 50, 0]), 1e9).held.size).toBe(0);
  });

  test("never holds what did not shrink", () => {
    const comparisons = fc.array(fc.record({
      subject: fc.string(),
      publishedEndpoints: fc.nat(100),
      readEndpoints: fc.nat(100),
    }));
    fc.assert(fc.property(comparisons, (list) => {
      const { held } = new ShrinkGuard(policy).review(list, 0);
      const shrunk = new Set(
        list.filter((c) => c.readEndpoints < c.publishedEndpoints).map((c) => c.subject),
      );
      for (const subject of held.keys()) expect(shrunk.has(subject)).toBe(true);
    }));
  });
});
