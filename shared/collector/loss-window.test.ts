import { describe, expect, it } from "vitest";
import { LossWindow } from "./loss-window.ts";

const policy = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 0 };

describe("LossWindow", () => {
  it("adds up losses that come one by one", () => {
    const window = new LossWindow(policy);
    for (let lost = 1; lost <= 30; lost++) {
      window.note(-1, lost * 100);
      expect(window.exceeds(100 - lost, lost * 100)).toBe(false);
    }
    window.note(-1, 3_100);
    expect(window.exceeds(69, 3_100)).toBe(true);
  });

  it("counts what comes back: a rolling restart loses nothing", () => {
    const window = new LossWindow(policy);
    for (let at = 0; at < 1_000; at += 2) {
      window.note(-1, at);
      window.note(1, at + 1);
      expect(window.exceeds(20, at + 1)).toBe(false);
    }
  });

  it("lets small registries scale down", () => {
    const window = new LossWindow(policy);
    window.note(-9, 0);
    expect(window.exceeds(0, 0)).toBe(false);
    window.note(-1, 0);
    expect(window.exceeds(0, 0)).toBe(true);
  });

  it("forgets after a minute", () => {
    const window = new LossWindow(policy);
    window.note(-60, 0);
    expect(window.exceeds(40, 59_000)).toBe(true);
    expect(window.exceeds(40, 61_000)).toBe(false);
  });

  it("is off when the guard is", () => {
    const window = new LossWindow({ ...policy, maxShrinkPercent: 100 });
    window.note(-1_000, 0);
    expect(window.exceeds(0, 0)).toBe(false);
  });
});
