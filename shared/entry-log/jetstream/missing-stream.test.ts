import { expect, test } from "vitest";
import { noteMissing } from "./missing-stream.ts";
import type { Missing } from "./missing-stream.ts";

/** A message that no stream takes, tried again each half second until it is given up. */
function giveUp(world: { storedSentAtMs?: (nowMs: number) => number; usableAtMs?: number }) {
  let known: Missing | undefined;
  for (let nowMs = 0;; nowMs += 500) {
    const stored = world.storedSentAtMs?.(nowMs) ?? Number.NEGATIVE_INFINITY;
    const isUsable = world.usableAtMs !== undefined && nowMs >= world.usableAtMs;
    const { missing, reason } = noteMissing(known, nowMs, stored, isUsable ? world.usableAtMs : undefined);
    if (reason !== undefined) return { nowMs, reason };
    known = missing;
  }
}

test("a stream that nothing reaches is waited for longer than an election lasts", () => {
  expect(giveUp({})).toEqual({ nowMs: 30_500, reason: "missing stream or permission" });
});

test("a message that others pass twice is refused alone, and soon", () => {
  expect(giveUp({ storedSentAtMs: (nowMs) => nowMs - 100 })).toEqual({
    nowMs: 1000,
    reason: "missing permission",
  });
});

test("a stream that is there all the same means that the message's subject isn't its", () => {
  expect(giveUp({ usableAtMs: 3000 })).toEqual({ nowMs: 12_500, reason: "missing permission" });
  expect(giveUp({ usableAtMs: 20_000 }).nowMs).toBe(21_500);
});
