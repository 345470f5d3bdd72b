import { describe, expect, test } from "vitest";
import { Settlement } from "./settlement.ts";

describe("Settlement", () => {
  test("names a replica that hasn't published its share for 30 s, once, and says when it has", () => {
    const settlement = new Settlement();
    expect(settlement.see(["a", "b"], 0)).toBeUndefined();
    expect(settlement.see(["b"], 29_999)).toBeUndefined();
    expect(settlement.remark).toBeUndefined();
    expect(settlement.see(["b"], 30_000)).toEqual({ type: "stuck", members: ["b"], forMs: 30_000 });
    expect(settlement.see(["b"], 31_000)).toBeUndefined();
    expect(settlement.remark).toContain("no sync marker: b ");
    expect(settlement.see([], 40_000)).toEqual({ type: "settled", afterMs: 40_000 });
    expect(settlement.remark).toBeUndefined();
  });

  test("says nothing of shares that are published in time, and measures each time anew", () => {
    const settlement = new Settlement();
    settlement.see(["a"], 0);
    expect(settlement.see([], 20_000)).toBeUndefined();
    expect(settlement.see(["a"], 30_000)).toBeUndefined();
    expect(settlement.see(["a"], 59_999)).toBeUndefined();
    expect(settlement.see(["a"], 60_000)?.type).toBe("stuck");
  });
});
