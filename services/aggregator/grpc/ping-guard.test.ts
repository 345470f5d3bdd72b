import { describe, expect, test } from "vitest";
import { PingGuard } from "./ping-guard.ts";

describe("PingGuard", () => {
  test("sends away a client that pings too often, at the third time", () => {
    const guard = new PingGuard();
    const verdicts = [0, 100, 200, 300].map((nowMs) => guard.onPing(nowMs, false));
    expect(verdicts).toEqual([false, false, false, true]);
  });

  test("lets keepalive pings pass for ever, and forgives single early ones", () => {
    const guard = new PingGuard();
    for (let nowMs = 0; nowMs < 10_000_000; nowMs += 10_000) {
      expect(guard.onPing(nowMs, false)).toBe(false);
      expect(guard.onPing(nowMs + 1, false)).toBe(false);
    }
  });

  test("lets pass what measures bandwidth: pings while something is sent", () => {
    const guard = new PingGuard();
    for (let nowMs = 0; nowMs < 1000; nowMs++) expect(guard.onPing(nowMs, true)).toBe(false);
  });
});
