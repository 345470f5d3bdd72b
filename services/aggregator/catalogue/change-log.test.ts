import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChangeLog, following } from "./change-log.ts";

function logOf(...cursors: readonly (string | undefined)[]): ChangeLog {
  const log = new ChangeLog();
  for (const [index, cursor] of cursors.entries()) log.append(`n/${index}`, cursor, undefined, 1);
  return log;
}

describe("ChangeLog", () => {
  test("tells what came after a change, oldest first", () => {
    const log = logOf("s-1", "s-2", "s-3");
    expect(log.since(1)?.map(({ name, number, position }) => [name, number, position]))
      .toEqual([["n/1", 2, "s-2"], ["n/2", 3, "s-3"]]);
    expect(log.since(3)).toEqual([]);
    expect(log.head).toBe(3);
  });

  test("has rising positions, whatever the cursors are", () => {
    // Cursors are letters, digits and hyphens: a plus is what `following` adds.
    const text = fc.oneof(
      fc.constantFrom(undefined, "s-1", "s-2", "t-1"),
      fc.stringMatching(/^[-0-9A-Za-z]*$/),
    );
    fc.assert(fc.property(fc.array(text), (cursors) => {
      const positions = logOf(...cursors).since(0)?.map(({ position }) => position) ?? [];
      expect(positions).toEqual([...new Set(positions)].sort());
    }));
  });

  test("a position that follows sorts before the next cursor", () => {
    const after = following(following("20260101T000000000Z-0000000000000042"));
    expect(after > following("20260101T000000000Z-0000000000000042")).toBe(true);
    expect(after < "20260101T000000000Z-0000000000000043").toBe(true);
  });

  test("forgets what everybody has, and says so", () => {
    const log = logOf("s-1", "s-2", "s-3");
    log.forget(2);
    expect(log.since(1)).toBeUndefined();
    expect(log.since(2)?.map(({ name }) => name)).toEqual(["n/2"]);
    log.forget(3);
    expect(log.since(2)).toBeUndefined();
    expect(log.since(3)).toEqual([]);
    log.append("n/3", "s-4", undefined, 1);
    expect(log.since(3)).toHaveLength(1);
  });

  test("is bounded, by more changes for more resources", () => {
    const log = new ChangeLog();
    for (let index = 0; index < 300_000; index++) log.append("n/a", undefined, undefined, 10);
    expect(log.size).toBeLessThanOrEqual(131_072);
    expect(log.since(log.head - 65_000)).toHaveLength(65_000);
    expect(log.since(0)).toBeUndefined();
    const large = new ChangeLog();
    for (let index = 0; index < 300_000; index++) large.append("n/a", undefined, undefined, 150_000);
    expect(large.since(0)).toHaveLength(300_000);
  });
});
