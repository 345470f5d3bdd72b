import fc from "fast-check";
import { expect, test } from "vitest";
import { Liveness } from "./liveness.ts";

test("pings after a third of the session, gives up after two", () => {
  const liveness = new Liveness(30_000, 1_000);
  expect([liveness.due(10_999), liveness.nextMs(1_000)]).toEqual(["nothing", 10_000]);
  expect([liveness.due(11_000), liveness.nextMs(11_000)]).toEqual(["ping", 1]);
  liveness.sent(11_000);
  expect([liveness.due(20_999), liveness.nextMs(11_000)]).toEqual(["nothing", 10_000]);
  expect(liveness.due(21_000)).toBe("give up");
  liveness.heard(20_999);
  expect(liveness.due(21_000)).toBe("ping");
});

test("whatever is sent and heard: followed by its own clock, silence ends after two thirds and not before", () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat(5_000), what: fc.constantFrom("sent", "heard") }));
  fc.assert(fc.property(steps, fc.integer({ min: 1_000, max: 40_000 }), (steps, timeoutMs) => {
    const liveness = new Liveness(timeoutMs, 0);
    let nowMs = 0;
    let heardMs = 0;
    for (const { afterMs, what } of steps) {
      nowMs += afterMs;
      if (liveness.due(nowMs) === "give up") return;
      if (what === "sent") liveness.sent(nowMs);
      else liveness.heard(heardMs = nowMs);
    }
    for (let pings = 0; liveness.due(nowMs) !== "give up"; nowMs += liveness.nextMs(nowMs)) {
      if (liveness.due(nowMs) !== "ping") continue;
      liveness.sent(nowMs);
      expect(++pings).toBeLessThanOrEqual(3);
    }
    expect(nowMs - heardMs).toBeGreaterThanOrEqual(timeoutMs * 2 / 3);
    expect(nowMs - heardMs).toBeLessThanOrEqual(Math.max(timeoutMs * 2 / 3 + 2, 5_000 * steps.length));
  }));
});
