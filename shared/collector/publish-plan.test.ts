import { describe, expect, test } from "vitest";
import { PublishPlan } from "./publish-plan.ts";
import type { PlanFacts, PlanTraits } from "./publish-plan.ts";

const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 60_000 };
const traits: PlanTraits = {
  addsUpLosses: true,
  lossDelays: { oneOfSeveralMs: 2, lastMs: 50 },
  debounce: undefined,
  minCompareMs: 2_000,
};

/** All is well: a complete registry of 100 instances that has been compared. */
const well: PlanFacts = {
  isComplete: true,
  isReading: false,
  isReachable: true,
  endpoints: 100,
  mayPublish: true,
  needsComparison: false,
  isHolding: false,
  keepsEmpty: false,
  sidecarsDueInMs: undefined,
};

function plan(more: Partial<PlanTraits> = {}): PublishPlan {
  const made = new PublishPlan({ ...traits, ...more }, guard, 0);
  expect(made.next(0, { ...well, needsComparison: true })).toEqual({ type: "compare" });
  made.done();
  return made;
}

describe("PublishPlan", () => {
  test("publishes what the registry names: what came at once, what went a moment later", () => {
    const made = plan();
    made.changed("came", 1, false, false, 10);
    expect(made.next(10, well)).toEqual({ type: "publish", units: new Set(["came"]) });
    made.changed("went", -1, false, false, 10);
    expect(made.next(10, well)).toEqual({ type: "wait", ms: 2 });
    expect(made.next(12, well)).toEqual({ type: "publish", units: new Set(["went"]) });
    expect(made.next(12, well).type).toBe("wait");
  });

  test("does nothing before everything is read, or while another replica has the source", () => {
    const made = plan();
    made.changed("a", 1, false, false, 10);
    expect(made.next(10, { ...well, isComplete: false })).toEqual({ type: "wait", ms: undefined });
    expect(made.next(10, { ...well, mayPublish: false })).toEqual({ type: "wait", ms: undefined });
    expect(made.next(10, well).type).toBe("publish");
  });

  test("compares first where that is due, and publishes nothing one by one until then", () => {
    const made = plan();
    made.changed("a", 1, false, false, 10);
    expect(made.next(10, { ...well, needsComparison: true })).toEqual({ type: "compare" });
    expect(made.next(10, well).type).toBe("wait");
  });

  test("a comparison, or Sidecars, that are overdue take turns with changes that never end", () => {
    const made = plan();
    const steps: string[] = [];
    const sidecarsDue = { ...well, sidecarsDueInMs: 0 };
    const run = (fromMs: number, facts: PlanFacts, stepMs: number) => {
      for (let nowMs = fromMs; nowMs < fromMs + 4_000; nowMs += stepMs) {
        made.changed("busy", 1, false, false, nowMs);
        steps.push(made.next(nowMs, facts).type);
        made.done();
      }
    };
    made.readEnded(100, true);
    run(10_000, well, 100);
    expect(steps.indexOf("compare")).toBe(1);
    expect(steps.filter((step) => step === "compare")).toHaveLength(1);
    steps.length = 0;
    run(20_000, sidecarsDue, 100);
    expect(steps.indexOf("sidecars")).toBe(10);
    steps.length = 0;
    // Steps of two seconds make everything overdue each time.
    made.compareNow();
    run(30_000, sidecarsDue, 2_000);
    for (let nowMs = 40_000; nowMs < 60_000; nowMs += 2_000) {
      made.compareNow();
      made.changed("busy", 1, false, false, nowMs);
      steps.push(made.next(nowMs, sidecarsDue).type);
    }
    expect(steps.join(" ")).not.toMatch(/compare compare|sidecars sidecars|publish publish/);
  });

  test("doesn't compare half of a reading", () => {
    const made = plan();
    const reading = { ...well, isReading: true };
    expect(made.next(10, { ...reading, needsComparison: true }).type).toBe("wait");
    made.compareNow();
    expect(made.next(10, reading).type).toBe("wait");
    expect(made.next(10, well)).toEqual({ type: "compare" });
  });

  test("takes no loss for evidence while everything is being read", () => {
    const made = plan();
    made.changed("went", -1, true, false, 10);
    made.changed("came", 1, false, false, 10);
    expect(made.next(100, { ...well, isReading: true })).toEqual({
      type: "publish",
      units: new Set(["came"]),
    });
    expect(made.next(100, { ...well, isReading: true }).type).toBe("wait");
    expect(made.next(100, well)).toEqual({ type: "publish", units: new Set(["went"]) });
  });

  test("has a mass loss compared as a whole, also if it came one by one", () => {
    const made = plan();
    for (let index = 0; index < 40; index++) made.changed(`unit${index}`, -1, false, false, 3_000 + index);
    expect(made.next(3_100, { ...well, endpoints: 60 })).toEqual({ type: "compare" });
    expect(made.next(3_100, { ...well, endpoints: 60 }).type).toBe("wait");
  });

  test("believes each named loss of a registry that evicts carefully", () => {
    const made = plan({ addsUpLosses: false });
    for (let index = 0; index < 40; index++) made.changed(`unit${index}`, -1, false, false, 3_000);
    expect(made.next(3_100, { ...well, endpoints: 60 }).type).toBe("publish");
  });

  test("what the first reading finds is no gain that later losses are measured against", () => {
    const made = new PublishPlan(traits, guard, 0);
    for (let index = 0; index < 100; index++) made.changed(`unit${index}`, 1, false, true, 0);
    made.next(0, { ...well, needsComparison: true });
    for (let index = 0; index < 40; index++) made.changed(`unit${index}`, -1, false, false, 3_000);
    expect(made.next(3_100, { ...well, endpoints: 60 })).toEqual({ type: "compare" });
  });

  test("suspects a registry that is empty altogether, however small it was", () => {
    const made = plan();
    made.changed("last", -1, true, false, 3_000);
    made.readEnded(0, false);
    expect(made.next(3_100, { ...well, endpoints: 0 })).toEqual({ type: "compare" });
  });

  test("keeps house every minute, but compares nothing while the registry can't be read", () => {
    const made = plan();
    const due = { ...well, keepsEmpty: true };
    expect(made.next(59_999, due)).toEqual({ type: "wait", ms: 1 });
    expect(made.next(60_000, { ...due, isReachable: false })).toEqual({ type: "housekeeping" });
    expect(made.next(60_000, { ...due, isReachable: false }).type).toBe("wait");
    expect(made.next(120_000, due)).toEqual({ type: "housekeeping" });
    expect(made.next(120_000, due)).toEqual({ type: "compare" });
  });

  test("while losses are held, publishes what is named and compares the whole at most every two seconds", () => {
    const made = plan();
    const holding = { ...well, isHolding: true };
    made.changed("a", 1, false, false, 500);
    expect(made.next(500, holding)).toEqual({ type: "publish", units: new Set(["a"]) });
    expect(made.next(500, holding)).toEqual({ type: "wait", ms: 1_500 });
    expect(made.next(2_000, holding)).toEqual({ type: "compare" });
    made.compareNow();
    expect(made.next(2_001, holding), "released by hand").toEqual({ type: "compare" });
  });

  test("tries again after a failure, later each time", () => {
    const made = plan();
    const waits: unknown[] = [];
    let atMs = 10;
    made.changed("a", 1, false, false, atMs);
    for (let attempt = 0; attempt < 4; attempt++) {
      const step = made.next(atMs, well);
      expect(step).toEqual({ type: "publish", units: new Set(["a"]) });
      made.failed(step, ["a"], atMs);
      const wait = made.next(atMs, well);
      const ms = wait.type === "wait" ? wait.ms ?? 0 : 0;
      waits.push(ms);
      atMs += ms;
    }
    expect(waits).toEqual([250, 500, 1000, 2000]);
    made.next(atMs, well);
    made.done();
    made.failed({ type: "compare" }, [], atMs);
    expect(made.next(atMs, well)).toEqual({ type: "wait", ms: 250 });
    expect(made.next(atMs + 250, well)).toEqual({ type: "compare" });
  });

  test("offers what the log refused again after a while, and holds up no other", () => {
    const made = plan();
    made.refused(["denied"], 10);
    made.changed("a", 1, false, false, 10);
    expect(made.next(10, well)).toEqual({ type: "publish", units: new Set(["a"]) });
    expect(made.next(10, well)).toEqual({ type: "wait", ms: 5_000 });
    expect(made.next(5_010, well)).toEqual({ type: "publish", units: new Set(["denied"]) });
  });

  test("publishes Sidecars after the entries that they name", () => {
    const made = plan();
    made.changed("a", 1, false, false, 10);
    expect(made.next(10, { ...well, sidecarsDueInMs: 0 }).type).toBe("publish");
    expect(made.next(10, { ...well, sidecarsDueInMs: 0 })).toEqual({ type: "sidecars" });
    expect(made.next(10, { ...well, sidecarsDueInMs: 30 })).toEqual({ type: "wait", ms: 30 });
    expect(made.next(10, { ...well, needsComparison: true, isReading: true, sidecarsDueInMs: 0 }).type).toBe(
      "wait",
    );
  });
});
