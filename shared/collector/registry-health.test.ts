import { Writable } from "node:stream";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { RegistryHealth } from "./registry-health.ts";

test.each([
  [{ isComplete: false, published: 0 }, "and nothing of it was read so far, so nothing of it is published"],
  [{ isComplete: false, published: 3 }, "the 3 entries that were published before stay"],
  [{ isComplete: true, published: 3 }, "the last good state stays published"],
])("what clients have while a registry can't be read: %j", async ({ isComplete, published }, meanwhile) => {
  const lines: string[] = [];
  const log = pino(
    {},
    new Writable({ write: (chunk: Buffer, _encoding, done) => done(void lines.push(String(chunk))) }),
  );
  const view = {
    isComplete,
    error: "refused",
    lastReadMs: undefined,
    endpoints: 0,
    emptyHint: "",
    units: () => [],
  };
  const health = new RegistryHealth("Eureka", view, () => published, log);
  expect(health.unreadable).toBe(`Eureka can't be read, ${meanwhile}: refused`);
  const stop = new AbortController();
  const running = health.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  await expect.poll(() => lines).toHaveLength(1);
  expect(lines[0]).toContain(`cannot read Eureka, ${meanwhile}; check that it runs, and its address`);
});
