import { expect, test } from "vitest";
import { soak } from "./soak.ts";

/**
 * The short form of `npm run soak`. It is among the tests with real servers because it needs a core or two: its clients
 * are a process of their own.
 */
test("50 clients of all dialects and 200 changes a second: all are level in the end, and nothing is left of them", async () => {
  const report = await soak({
    clients: 50,
    changesPerSecond: 200,
    warmUpMs: 1_500,
    durationMs: 5_000,
    services: 200,
    patienceMs: 30_000,
    progress: () => {},
  });
  expect(report.different).toEqual([]);
  expect(report.changes).toBeGreaterThan(900);
  // All tempers were at work.
  expect(report.refusals).toBeGreaterThan(0);
  expect(report.connections).toBeGreaterThan(60);
  // One complete response is 150 KiB: a lost one for each connection would show.
  expect(report.after.retainedMiB - report.before.retainedMiB).toBeLessThan(5);
});
