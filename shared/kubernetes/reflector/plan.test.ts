import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KubernetesError } from "../kubernetes-error.ts";
import type { FailureReason } from "../kubernetes-error.ts";
import { ReflectorPlan } from "./plan.ts";

const failure = (reason: FailureReason, options = {}) => new KubernetesError(reason, reason, options);

/** A plan, with a clock that stands still unless it is moved. */
class Rig {
  readonly plan: ReflectorPlan;
  nowMs = 0;
  refusesWatchList = false;

  constructor(maxRetryMs = 30_000) {
    this.plan = new ReflectorPlan({ refusesWatchList: () => this.refusesWatchList, maxRetryMs });
  }

  /** Takes the next step. */
  open() {
    const step = this.plan.next();
    this.nowMs += step.waitMs;
    this.plan.opened(this.nowMs);
    return step;
  }

  fail(reason: FailureReason, options = {}): boolean {
    return this.plan.failed(this.plan.next(), failure(reason, options), this.nowMs, 0.5);
  }

  end(): void {
    this.plan.ended(this.nowMs, 0.5);
  }
}

/** A plan that watches from version "1" on. */
function watching(): Rig {
  const rig = new Rig();
  rig.open();
  rig.plan.told("1");
  return rig;
}

describe("ReflectorPlan", () => {
  test("begins with a WatchList, and resumes from its last version", () => {
    const rig = new Rig();
    expect(rig.open()).toEqual({ do: "watchList", why: "start", waitMs: 0 });
    rig.plan.told("10");
    rig.plan.told("12");
    rig.end();
    expect(rig.open()).toEqual({ do: "watch", resourceVersion: "12", waitMs: 0 });
  });

  test("reads pages where WatchLists are refused, without telling of a failure", () => {
    const rig = new Rig();
    rig.open();
    expect(rig.fail("refused")).toBe(false);
    expect(rig.open()).toMatchObject({ do: "list", continueToken: undefined, isPaged: true, waitMs: 0 });
    expect(rig.plan.listed({ resourceVersion: "5", continueToken: "p2" })).toBe(false);
    expect(rig.open()).toMatchObject({ do: "list", continueToken: "p2" });
    expect(rig.plan.listed({ resourceVersion: "5", continueToken: undefined })).toBe(true);
    expect(rig.open()).toEqual({ do: "watch", resourceVersion: "5", waitMs: 0 });
  });

  test("reads pages after a WatchList that ended or fell silent before it had told everything", () => {
    const ended = new Rig();
    ended.open();
    expect(ended.fail("protocol")).toBe(true);
    expect(ended.open()).toMatchObject({ do: "list" });
    const silent = new Rig();
    silent.open();
    silent.plan.silent();
    expect(silent.open()).toMatchObject({ do: "list", waitMs: 0 });
  });

  test("doesn't take a WatchList that broke later on for one that is refused", () => {
    for (const reason of ["refused", "protocol"] as const) {
      const rig = new Rig();
      const step = rig.open();
      rig.plan.told("5");
      expect(rig.plan.failed(step, failure(reason), rig.nowMs, 0.5)).toBe(true);
      expect(rig.open()).toEqual({ do: "watch", resourceVersion: "5", waitMs: 75 });
      rig.plan.readAgain();
      expect(rig.open()).toMatchObject({ do: "watchList" });
    }
  });

  test("tries a WatchList again when the connection broke", () => {
    const rig = new Rig();
    rig.open();
    expect(rig.fail("unreachable")).toBe(true);
    expect(rig.open()).toMatchObject({ do: "watchList" });
  });

  test("asks for everything at once after a page token has expired", () => {
    const rig = new Rig();
    rig.refusesWatchList = true;
    rig.open();
    rig.plan.listed({ resourceVersion: "5", continueToken: "p2" });
    rig.open();
    expect(rig.fail("gone")).toBe(true);
    expect(rig.open()).toMatchObject({ do: "list", continueToken: undefined, isPaged: false });
    rig.plan.listed({ resourceVersion: "9", continueToken: undefined });
    rig.open();
    rig.fail("gone");
    expect(rig.open()).toMatchObject({ do: "list", why: "gone", isPaged: true });
  });

  test("begins with the first page again after any other failure", () => {
    const rig = new Rig();
    rig.refusesWatchList = true;
    rig.open();
    rig.plan.listed({ resourceVersion: "5", continueToken: "p2" });
    rig.open();
    rig.fail("unreachable");
    expect(rig.open()).toMatchObject({ do: "list", continueToken: undefined, isPaged: true });
  });

  test("reads again at once when its version is gone, and waits ever longer in a storm of that", () => {
    const rig = watching();
    expect(rig.fail("gone")).toBe(false);
    expect(rig.open()).toEqual({ do: "watchList", why: "gone", waitMs: 0 });
    const waits: number[] = [];
    rig.refusesWatchList = true;
    for (let round = 0; round < 12; round++) {
      rig.open();
      rig.plan.listed({ resourceVersion: "9", continueToken: undefined });
      rig.open();
      expect(rig.fail("gone")).toBe(true);
      waits.push(rig.plan.next().waitMs);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeGreaterThanOrEqual(100);
    expect(waits.at(-1)).toBe(22_500);
  });

  test("resumes a watch that broke, later each time, from the same version", () => {
    const rig = watching();
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      rig.fail("unreachable");
      const step = rig.open();
      expect(step).toMatchObject({ do: "watch", resourceVersion: "1" });
      waits.push(step.waitMs);
    }
    expect(waits).toEqual([75, 150, 300, 600, 1_200]);
    rig.plan.told("2");
    rig.fail("unreachable");
    expect(rig.open().waitMs).toBe(75);
  });

  test("forgets failures once a watch has lived for a while", () => {
    const rig = watching();
    for (let round = 0; round < 5; round++) {
      rig.fail("unreachable");
      rig.open();
    }
    rig.nowMs += 5_000;
    rig.fail("unreachable");
    expect(rig.open().waitMs).toBe(75);
  });

  test("waits as long as the server asks", () => {
    const rig = watching();
    rig.fail("throttled", { retryAfterMs: 60_000 });
    expect(rig.plan.next().waitMs).toBeGreaterThanOrEqual(60_000);
  });

  test("doesn't ask without pause where each watch ends at once", () => {
    const rig = watching();
    rig.end();
    expect(rig.open().waitMs).toBe(0);
    rig.end();
    expect(rig.open().waitMs).toBe(75);
    rig.end();
    expect(rig.open().waitMs).toBe(150);
  });

  test("resumes a watch that fell silent after it had told something; reads after one that never did", () => {
    const rig = watching();
    rig.plan.silent();
    expect(rig.open()).toMatchObject({ do: "watch", resourceVersion: "1", waitMs: 0 });
    rig.plan.silent();
    expect(rig.open()).toMatchObject({ do: "watchList", why: "silent", waitMs: 0 });
  });

  test("reads after the third watch in a row without any response", () => {
    const rig = watching();
    rig.fail("unreachable", { isTimeout: true });
    rig.fail("unreachable", { isTimeout: true });
    expect(rig.open()).toMatchObject({ do: "watch" });
    rig.fail("unreachable", { isTimeout: true });
    expect(rig.open()).toMatchObject({ do: "watchList", why: "silent" });
  });

  test("reads after the third watch in a row that ended in order without a word", () => {
    const rig = watching();
    rig.end();
    for (let round = 0; round < 3; round++) {
      expect(rig.open()).toMatchObject({ do: "watch", resourceVersion: "1" });
      rig.nowMs += 300_000;
      rig.end();
    }
    expect(rig.open()).toEqual({ do: "watchList", why: "silent", waitMs: 0 });
    rig.plan.told("7");
    rig.end();
    rig.open();
    rig.plan.told("8");
    for (let round = 0; round < 2; round++) {
      rig.end();
      rig.open();
    }
    expect(rig.plan.next()).toMatchObject({ do: "watch", resourceVersion: "8" });
  });

  test("reads when asked to, at once", () => {
    const rig = watching();
    rig.fail("throttled", { retryAfterMs: 60_000 });
    rig.plan.readAgain();
    expect(rig.open()).toEqual({ do: "watchList", why: "asked", waitMs: 0 });
  });

  test("whatever happens: it resumes only from the last version told, and waits no longer than allowed", () => {
    const reasons = fc.constantFrom<FailureReason>(
      "unauthorized",
      "forbidden",
      "not-found",
      "gone",
      "throttled",
      "unreachable",
      "protocol",
      "refused",
    );
    const outcome = fc.oneof(
      fc.record({ is: fc.constant("page"), more: fc.boolean() }),
      fc.record({ is: fc.constantFrom("told", "ended", "silent", "again") }),
      fc.record({ is: fc.constant("failed"), reason: reasons, isTimeout: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 60 }), fc.boolean(), (outcomes, refusesWatchList) => {
        const rig = new Rig(10_000);
        rig.refusesWatchList = refusesWatchList;
        let version = 0;
        let told: string | undefined;
        for (const outcome of outcomes) {
          const step = rig.open();
          expect(step.waitMs).toBeLessThanOrEqual(10_000);
          if (step.do === "watch") expect(step.resourceVersion).toBe(told);
          else told = undefined;
          version++;
          if (outcome.is === "page" && "more" in outcome && step.do === "list") {
            const continueToken = outcome.more ? `page ${version}` : undefined;
            if (rig.plan.listed({ resourceVersion: String(version), continueToken })) told = String(version);
            else expect(rig.plan.next()).toMatchObject({ do: "list", continueToken });
          } else if (outcome.is === "told" && step.do !== "list") rig.plan.told(told = String(version));
          else if (outcome.is === "ended" && step.do === "watch") rig.end();
          else if (outcome.is === "silent") rig.plan.silent();
          else if (outcome.is === "again") rig.plan.readAgain();
          else if ("reason" in outcome) rig.fail(outcome.reason, { isTimeout: outcome.isTimeout });
        }
      }),
    );
  });
});
