import { describe, expect, test } from "vitest";
import { Reachability } from "./reachability.ts";

describe("Reachability", () => {
  test("says at once that a registry is lost, then with growing pauses, and when it is back", () => {
    const reachability = new Reachability();
    expect(reachability.see(undefined, 0)).toBeUndefined();
    const told: unknown[] = [];
    for (let atMs = 0; atMs <= 200_000; atMs += 1000) {
      const news = reachability.see("connection refused", atMs);
      if (news !== undefined) told.push([atMs, news.type]);
    }
    expect(told).toEqual([
      [1000, "lost"],
      [16_000, "still-lost"],
      [46_000, "still-lost"],
      [106_000, "still-lost"],
    ]);
    expect(reachability.failingSinceMs).toBe(0);
    expect(reachability.isTold).toBe(true);
    expect(reachability.see(undefined, 201_000)).toEqual({ type: "back", afterMs: 201_000 });
    expect(reachability.failingSinceMs).toBeUndefined();
  });

  test("says how long it has lasted, and the reason of the moment", () => {
    const reachability = new Reachability();
    reachability.see("refused", 0);
    reachability.see("refused", 1000);
    expect(reachability.see("timed out", 16_000)).toEqual({
      type: "still-lost",
      reason: "timed out",
      forMs: 16_000,
    });
  });

  test("says nothing of what takes a moment only", () => {
    const reachability = new Reachability();
    expect(reachability.see("connecting", 0)).toBeUndefined();
    expect(reachability.see("connecting", 900)).toBeUndefined();
    expect(reachability.see(undefined, 1100)).toBeUndefined();
  });
});
