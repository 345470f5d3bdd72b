import { expect, test } from "vitest";
import { loadConfig } from "../../config/mod.ts";
import { dryRunIn } from "./dry-run.ts";

const running = loadConfig("{}", { env: {}, fileName: "of the test" });
const never = new AbortController().signal;
const question = { input: "" };

/** A thread that runs this code. */
function dryRunOf(code: string, limits = { maxMs: 60_000, maxHeapMb: 32 }) {
  const thread = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  return dryRunIn(thread, { name: "default", running }, limits);
}

test("what takes too long is ended", async () => {
  const result = await dryRunOf("for (;;);", { maxMs: 1, maxHeapMb: 32 })(question, never);
  expect(result).toEqual({ failure: { why: "cost", text: expect.stringContaining("takes longer") } });
});

test("what takes too much memory is ended", async () => {
  const result = await dryRunOf("const all = []; for (;;) all.push({ all: [1, 2, 3] });")(question, never);
  expect(result).toEqual({ failure: { why: "cost", text: expect.stringContaining("32 MiB of memory") } });
});

test("a thread that fails, or ends without a word, is no more than a failure", async () => {
  expect(await dryRunOf("throw new Error('no such luck');")(question, never)).toEqual({
    failure: { why: "other", text: expect.stringContaining("no such luck") },
  });
  expect(await dryRunOf("")(question, never)).toEqual({
    failure: { why: "other", text: expect.stringContaining("ended") },
  });
});

test("there is one at a time, and the next one afterwards", async () => {
  const stop = new AbortController();
  const dryRun = dryRunOf("setInterval(() => {}, 1000);");
  const first = dryRun(question, stop.signal);
  expect(await dryRun(question, never)).toEqual({
    failure: { why: "other", text: expect.stringContaining("another dry run") },
  });
  stop.abort();
  expect(await first).toMatchObject({ failure: { why: "other" } });
});
