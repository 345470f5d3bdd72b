import { expect, test } from "vitest";
import { sweepClaim } from "./sweep-claim.ts";

const claim = { host: "a.b", claimedAt: "2026-01-01T00:00:00.000Z" };
const released = { ...claim, releasedAt: "2026-01-02T00:00:00.000Z" };
const releasedMs = Date.parse(released.releasedAt);
const view = { isUsed: false, nowMs: releasedMs, releaseAfterMs: 60_000 };

test("a claim in use stays as it is", () => {
  expect(sweepClaim(claim, { ...view, isUsed: true })).toBeUndefined();
});

test("a host that is gone is marked as released now, its place among claims stays", () => {
  expect(sweepClaim(claim, view)).toEqual(released);
});

test("a host that is back has its mark taken off, however late it comes", () => {
  const late = sweepClaim(released, { ...view, isUsed: true, nowMs: releasedMs + 1_000_000 });
  expect(late).toEqual(claim);
  expect(late).not.toHaveProperty("releasedAt");
});

test("a released claim is removed when its time is over, not before", () => {
  expect(sweepClaim(released, { ...view, nowMs: releasedMs + 59_999 })).toBeUndefined();
  expect(sweepClaim(released, { ...view, nowMs: releasedMs + 60_000 })).toBeNull();
});
