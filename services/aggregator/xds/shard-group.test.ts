import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nameHash } from "../segmented-resources.ts";
import { isInShard } from "../shards.ts";
import { ShardGroup } from "./shard-group.ts";

describe("ShardGroup", () => {
  test("answers at once when all streams are there, each with its own part", () => {
    const group = new ShardGroup(3);
    group.join(1, 0, 0);
    group.join(2, 2, 1);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([undefined, undefined]);
    group.join(3, 1, 2);
    expect([1, 2, 3].map((id) => group.presentFor(id))).toEqual([[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
    expect(group.waitMs(3)).toBeUndefined();
  });

  test("serves an istiod that knows of fewer after a while, without what it doesn't know", () => {
    const group = new ShardGroup(4);
    group.join(1, 0, 0);
    group.join(2, 1, 500);
    expect(group.waitMs(500)).toBe(2000);
    group.tick(2499);
    expect(group.presentFor(1)).toBeUndefined();
    group.tick(2500);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0, 1], [0, 1]]);
  });

  test("leaves nothing to a stream that comes later before that has acknowledged it", () => {
    const group = new ShardGroup(2);
    group.join(1, 0, 0);
    group.tick(2000);
    group.join(2, 1, 5000);
    expect(group.isWaitingFor(2)).toBe(true);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0], [0, 1]]);
    group.acknowledge(2);
    expect(group.isWaitingFor(2)).toBe(false);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0, 1], [0, 1]]);
  });

  test("doesn't spread the part of a stream that is lost for a moment", () => {
    const group = new ShardGroup(2);
    group.join(1, 0, 0);
    group.join(2, 1, 0);
    group.leave(2, 1000);
    expect(group.presentFor(1)).toEqual([0, 1]);
    group.tick(90_999);
    expect(group.presentFor(1)).toEqual([0, 1]);
    group.tick(91_000);
    expect(group.presentFor(1)).toEqual([0]);
    expect(group.waitMs(91_000)).toBeUndefined();
  });

  test("an istiod never lacks a resource, whichever listeners it knows, whatever comes, goes and is acknowledged", () => {
    const of = 5;
    const hashes = Array.from({ length: 200 }, (_, index) => nameHash(`ns/service-${index}`));
    let completed = 0;
    const steps = fc.array(
      fc.record({
        index: fc.nat({ max: of - 1 }),
        action: fc.constantFrom("come", "go", "take", "acknowledge"),
        afterMs: fc.constantFrom(0, 10, 2000, 90_000),
      }),
      { minLength: 20, maxLength: 120 },
    );
    fc.assert(
      fc.property(steps, (steps) => {
        const group = new ShardGroup(of);
        /** What the istiod has of each source; it keeps that while a stream is lost. */
        const has = new Map<number, ReadonlySet<number>>();
        const streams = new Map<number, number>();
        const taken = new Set<number>();
        let nowMs = 0;
        let lastId = 0;
        let isComplete = false;
        const take = (index: number) => {
          const id = streams.get(index);
          const present = id === undefined ? undefined : group.presentFor(id);
          if (id === undefined || present === undefined) return;
          has.set(index, new Set(hashes.filter((hash) => isInShard(hash, { index, of, present }))));
          taken.add(id);
        };
        for (const { index, action, afterMs } of steps) {
          nowMs += afterMs;
          group.tick(nowMs);
          const id = streams.get(index);
          if (action === "come" && id === undefined) {
            streams.set(index, ++lastId);
            group.join(lastId, index, nowMs);
          } else if (action === "go" && id !== undefined && streams.size > 1) {
            streams.delete(index);
            group.leave(id, nowMs);
          } else if (action === "take") take(index);
          else if (action === "acknowledge" && id !== undefined && taken.has(id)) group.acknowledge(id);
          const held = new Set([...has.values()].flatMap((names) => [...names]));
          // From the moment on when each stream that was there at first has been taken once.
          isComplete ||= held.size === hashes.length;
          if (isComplete) expect(held.size).toBe(hashes.length);
        }
        if (isComplete) completed++;
      }),
      { numRuns: 300 },
    );
    // Most runs get so far that something could get lost.
    expect(completed).toBeGreaterThan(100);
  });
});
