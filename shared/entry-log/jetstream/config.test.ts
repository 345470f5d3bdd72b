import { describe, expect, test } from "vitest";
import { cursorOf } from "../../model/cursor.ts";
import { configOf, firstSequenceAt } from "./config.ts";

const created = Date.parse("2026-11-30T12:00:00.987Z");

describe("firstSequenceAt", () => {
  test("is the same for all that find the stream missing within one second", () => {
    expect(firstSequenceAt(created)).toBe(Date.parse("2026-11-30T12:00:00Z") * 1000);
    expect(firstSequenceAt(created - 987)).toBe(firstSequenceAt(created));
  });

  test("is above all sequences of a predecessor that took 100,000 messages a second", () => {
    for (const seconds of [1, 2, 60, 86_400]) {
      const last = firstSequenceAt(created) + 100_000 * (seconds + 1);
      expect(firstSequenceAt(created + seconds * 1000)).toBeGreaterThan(last);
    }
  });

  test("is exact, and its cursors sort as text, for two centuries", () => {
    const last = firstSequenceAt(Date.parse("2226-01-01T00:00:00Z"));
    expect(Number.isSafeInteger(last)).toBe(true);
    const cursors = [1, 1000, firstSequenceAt(created), last].map((sequence) => cursorOf("s", sequence));
    expect(cursors.toSorted()).toEqual(cursors);
    expect(new Set(cursors.map(({ length }) => length)).size).toBe(1);
  });
});

test("a stream that we create begins with the time of its creation", () => {
  const before = firstSequenceAt(Date.now());
  const { first_seq: first } = configOf({ stream: "S", root: "mesh.entries", replicas: 1, create: true });
  expect(first).toBeGreaterThanOrEqual(before);
  expect(first).toBeLessThanOrEqual(firstSequenceAt(Date.now()));
});
