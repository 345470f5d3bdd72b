import { describe, expect, test } from "vitest";
import { ShardGroup } from "./shard-group.ts";

describe("ShardGroup", () => {
  test("answers when all streams are there, each with its own part, from the highest down", () => {
    const group = new ShardGroup({ of: 3 });
    group.join(1, 0, 0);
    group.join(2, 2, 1);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([undefined, undefined]);
    group.join(3, 1, 2);
    const shown = () => [1, 2, 3].map((id) => group.presentFor(id));
    expect(shown()).toEqual([undefined, [0, 1, 2], undefined]);
    group.acknowledge(2, 100);
    expect(shown()).toEqual([undefined, [0, 1, 2], [0, 1, 2]]);
    group.acknowledge(3, 200);
    expect(shown()).toEqual([[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
    expect(group.waitMs(3)).toBeUndefined();
  });

  test("doesn't wait for ever for an acknowledgement: the others are shown what belongs to the silent stream", () => {
    const group = new ShardGroup({ of: 3 });
    for (const index of [0, 1, 2]) group.join(index, index, 0);
    group.acknowledge(2, 1000);
    expect(group.waitMs(1000)).toBe(5000);
    group.tick(5999);
    expect([0, 1, 2].map((id) => group.presentFor(id))).toEqual([undefined, [0, 1, 2], [0, 1, 2]]);
    group.tick(6000);
    expect([0, 1, 2].map((id) => group.presentFor(id))).toEqual([[0, 2], [0, 1, 2], [0, 1, 2]]);
  });

  test("answers the lowest part first, with everything, where the istiod had nothing from it", () => {
    const group = new ShardGroup({ of: 3, lowestBefore: 1 });
    for (const index of [0, 1, 2]) group.join(index, index, 0);
    expect([0, 1, 2].map((id) => group.presentFor(id))).toEqual([[0], undefined, undefined]);
    group.acknowledge(0, 100);
    expect([0, 1, 2].map((id) => group.presentFor(id))).toEqual([[0], [0, 1], [0, 2]]);
  });

  test("serves an istiod that knows of fewer after a while, without what it doesn't know", () => {
    const group = new ShardGroup({ of: 4 });
    group.join(1, 0, 0);
    group.join(2, 1, 500);
    expect(group.waitMs(500)).toBe(2000);
    group.tick(2499);
    expect(group.presentFor(1)).toBeUndefined();
    group.tick(2500);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([undefined, [0, 1]]);
    group.acknowledge(2, 2600);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0, 1], [0, 1]]);
  });

  test("leaves nothing to a stream that comes later before that has acknowledged it", () => {
    const group = new ShardGroup({ of: 2 });
    group.join(1, 0, 0);
    group.tick(2000);
    group.acknowledge(1, 2100);
    group.join(2, 1, 5000);
    expect(group.isWaitingFor(2)).toBe(true);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0], [0, 1]]);
    group.acknowledge(2, 5100);
    expect([1, 2].map((id) => group.isWaitingFor(id))).toEqual([true, false]);
    expect([1, 2].map((id) => group.presentFor(id))).toEqual([[0, 1], [0, 1]]);
    expect([1, 2].map((id) => group.generationOf(id))).toEqual([1, 0]);
    group.acknowledge(1, 5200);
    expect([1, 2].map((id) => group.generationOf(id))).toEqual([2, 1]);
  });

  test("doesn't spread the part of a stream that is lost for a moment", () => {
    const group = new ShardGroup({ of: 2 });
    group.join(1, 0, 0);
    group.join(2, 1, 0);
    group.acknowledge(2, 10);
    group.acknowledge(1, 20);
    group.leave(2, 1000);
    expect(group.presentFor(1)).toEqual([0, 1]);
    group.tick(90_999);
    expect(group.presentFor(1)).toEqual([0, 1]);
    group.tick(91_000);
    expect(group.presentFor(1)).toEqual([0]);
    expect(group.waitMs(91_000)).toBeUndefined();
  });
});
