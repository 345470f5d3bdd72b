import { describe, expect, it } from "vitest";
import { FactsPlan } from "./facts-plan.ts";

describe("FactsPlan", () => {
  it("compares everything first, then publishes what changes", () => {
    const plan = new FactsPlan();
    plan.changed("a");
    expect(plan.take(0)).toEqual({ type: "compare" });
    expect(plan.take(0)).toBeUndefined();
    plan.changed("b");
    plan.changed("c");
    expect(plan.take(0)).toEqual({ type: "publish", subjects: new Set(["b", "c"]) });
    expect(plan.take(0)).toBeUndefined();
    plan.compareNow();
    expect(plan.take(0)).toEqual({ type: "compare" });
  });

  it("does again what failed, with what changed meanwhile", () => {
    const plan = new FactsPlan();
    const compare = plan.take(0);
    if (compare !== undefined) plan.failed(compare);
    expect(plan.take(0)).toEqual({ type: "compare" });
    plan.changed("a");
    const step = plan.take(0);
    plan.changed("b");
    if (step !== undefined) plan.failed(step);
    expect(plan.take(0)).toEqual({ type: "publish", subjects: new Set(["a", "b"]) });
  });

  it("looks again in a while at what couldn't be published, and not later", () => {
    const plan = new FactsPlan();
    plan.take(0);
    plan.compareLater(1_000);
    plan.compareLater(2_000);
    expect([plan.take(30_999), plan.take(31_000), plan.take(31_000)]).toEqual([
      undefined,
      { type: "compare" },
      undefined,
    ]);
  });
});
