import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nameHash } from "./segmented-resources.ts";
import { isInShard } from "./shards.ts";

const hashes = Array.from({ length: 20_000 }, (_, index) => nameHash(`default/com.acme.service-${index}`));

function shardOf(hash: number, of: number, present?: readonly number[]): number {
  const indexes = Array.from({ length: of }, (_, index) => index).filter((index) =>
    (present === undefined || present.includes(index)) && isInShard(hash, { index, of, present })
  );
  expect(indexes).toHaveLength(1);
  return indexes[0] ?? -1;
}

const counts = fc.integer({ min: 1, max: 40 });
const hash = fc.nat({ max: 0xffffffff });

describe("isInShard", () => {
  test("is the same for ever: listeners of different releases serve one istiod", () => {
    const shards = ["a/b", "default/orders", "dubbo/com.acme.Orders"].map((name) =>
      shardOf(nameHash(name), 64)
    );
    expect(shards).toEqual([17, 33, 31]);
  });

  test.each([2, 3, 16, 64])("spreads names evenly over %i", (of) => {
    const sizes = Array.from({ length: of }, () => 0);
    for (const each of hashes.slice(0, of * 300)) {
      const shard = shardOf(each, of);
      sizes[shard] = (sizes[shard] ?? 0) + 1;
    }
    expect(Math.min(...sizes)).toBeGreaterThan(200);
    expect(Math.max(...sizes)).toBeLessThan(400);
  });

  test("with more parts, names move to new ones only", () => {
    fc.assert(fc.property(hash, counts, counts, (hash, of, more) => {
      const before = shardOf(hash, of);
      const after = shardOf(hash, of + more);
      expect(after === before || after >= of).toBe(true);
    }));
  });

  test("a client of the first parts is served as if there were no others", () => {
    fc.assert(fc.property(hash, counts, counts, (hash, of, more) => {
      const first = Array.from({ length: of }, (_, index) => index);
      expect(shardOf(hash, of + more, first)).toBe(shardOf(hash, of));
    }));
  });

  test("a part that comes takes from others, one that goes gives to others; nothing else moves", () => {
    const present = fc.uniqueArray(fc.nat({ max: 11 }), { minLength: 1 });
    fc.assert(fc.property(hash, present, fc.nat({ max: 11 }), (hash, some, added) => {
      const before = some.filter((index) => index !== added).sort((a, b) => a - b);
      if (before.length === 0) return;
      const after = [...before, added].sort((a, b) => a - b);
      const shard = shardOf(hash, 12, after);
      expect(shard === added || shard === shardOf(hash, 12, before)).toBe(true);
    }));
  });
});
