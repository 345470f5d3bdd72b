import { describe, expect, it } from "vitest";
import { ChangeQueue } from "./change-queue.ts";

describe("ChangeQueue", () => {
  it("hands out what came at once, and a loss a moment later", () => {
    const queue = new ChangeQueue(undefined, { oneOfSeveralMs: 2, lastMs: 50 });
    queue.mark("came", 1, false, 0);
    queue.mark("went", -1, false, 0);
    expect(queue.takeDue(0, true)).toEqual(new Set(["came"]));
    const wait = queue.msUntilDue(0, true) ?? 0;
    expect(wait).toBeGreaterThan(0);
    expect(queue.takeDue(wait, true)).toEqual(new Set(["went"]));
    expect(queue.msUntilDue(wait, true)).toBeUndefined();
  });

  it("forgets the debounce of what has been quiet for an hour", () => {
    const rules = { triggerCount: 2, debounceDuration: 1000, delay: 100, maxDelay: 1000 };
    const queue = new ChangeQueue(rules, { oneOfSeveralMs: 0, lastMs: 0 });
    for (let hour = 0; hour < 20; hour++) {
      for (let index = 0; index < 1000; index++) queue.mark(`${hour} ${index}`, 1, false, hour * 3_600_001);
      queue.takeDue(hour * 3_600_001, true);
    }
    expect(queue.remembered).toBeLessThan(3000);
  });

  it("gives the last provider longer to come back", () => {
    const queue = new ChangeQueue(undefined, { oneOfSeveralMs: 2, lastMs: 50 });
    queue.mark("several", -1, false, 0);
    queue.mark("last", -1, true, 0);
    expect(queue.takeDue(10, true)).toEqual(new Set(["several"]));
    expect(queue.takeDue(100, true)).toEqual(new Set(["last"]));
  });

  it("takes a node that is deleted and created again for one change", () => {
    const queue = new ChangeQueue(undefined, { oneOfSeveralMs: 2, lastMs: 50 });
    queue.mark("a", -1, false, 0);
    queue.mark("a", 1, false, 1);
    expect(queue.takeDue(1, true)).toEqual(new Set(["a"]));
    expect(queue.size).toBe(0);
  });

  it("keeps losses back when asked to, and hands out the rest", () => {
    const queue = new ChangeQueue(undefined, { oneOfSeveralMs: 2, lastMs: 50 });
    queue.mark("went", -1, false, 0);
    queue.mark("went", 1, false, 1);
    queue.mark("came", 1, false, 1);
    expect(queue.msUntilDue(0, false)).toBe(1);
    expect(queue.takeDue(100, false)).toEqual(new Set(["came"]));
    // Who waits for what isn't handed out would never sleep.
    expect(queue.msUntilDue(100, false)).toBeUndefined();
    expect(queue.msUntilDue(100, true)).toBe(0);
    expect(queue.takeDue(100, true)).toEqual(new Set(["went"]));
  });

  it("forgets nothing that couldn't be published, and overwrites nothing newer", () => {
    const queue = new ChangeQueue(undefined, { oneOfSeveralMs: 2, lastMs: 50 });
    queue.mark("a", 1, false, 0);
    const taken = queue.takeDue(0, true);
    queue.mark("a", 1, false, 5);
    queue.putBack([...taken, "b"], 6);
    expect(queue.takeDue(6, true)).toEqual(new Set(["a", "b"]));
  });

  it("debounces each key of its own", () => {
    const queue = new ChangeQueue({ triggerCount: 1, debounceDuration: 1_000, delay: 100, maxDelay: 500 }, {
      oneOfSeveralMs: 2,
      lastMs: 50,
    });
    queue.mark("busy", 1, false, 0);
    queue.takeDue(0, true);
    queue.mark("busy", 1, false, 10);
    queue.mark("calm", 1, false, 10);
    expect(queue.takeDue(10, true)).toEqual(new Set(["calm"]));
    expect(queue.takeDue(110, true)).toEqual(new Set(["busy"]));
  });
});
