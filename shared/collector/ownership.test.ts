import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ownerOf } from "./ownership.ts";

const units = Array.from({ length: 9_000 }, (_, index) => `interface/com.acme.Service${index}`);
const members = ["zk-collector-0-aaaa", "zk-collector-1-bbbb", "zk-collector-2-cccc"];

function shares(of: readonly string[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const unit of units) counts.set(ownerOf(unit, of), (counts.get(ownerOf(unit, of)) ?? 0) + 1);
  return counts;
}

describe("ownerOf()", () => {
  test("gives each replica an equal share, within a tenth", () => {
    for (const count of shares(members).values()) expect(Math.abs(count - 3_000)).toBeLessThan(300);
  });

  test("doesn't depend on the order in which the replicas are known", () => {
    fc.assert(
      fc.property(fc.string(), fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 6 }), (unit, names) => {
        expect(ownerOf(unit, names.toReversed())).toBe(ownerOf(unit, names));
      }),
    );
  });

  test("moves the units of a replica that goes, and no others", () => {
    const [gone = "", ...left] = members;
    for (const unit of units) {
      const before = ownerOf(unit, members);
      if (before !== gone) expect(ownerOf(unit, left)).toBe(before);
      else expect(left).toContain(ownerOf(unit, left));
    }
  });

  test("has no owner without replicas", () => {
    expect(ownerOf("interface/a", [])).toBeUndefined();
  });
});
