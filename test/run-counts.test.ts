import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCounts, sum } from "./run-counts.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "run-counts-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes a report as vitest does: test files with the status of each of their tests. */
function report(name: string, files: Record<string, readonly ("passed" | "failed" | "skipped")[]>): string {
  const path = join(folder, name);
  const testResults = Object.entries(files).map(([name, statuses]) => ({
    name,
    status: statuses.length === 0 || statuses.includes("failed") ? "failed" : "passed",
    message: statuses.length === 0 ? "Error: no such module\n    at somewhere" : "",
    assertionResults: statuses.map((status, index) => ({
      status,
      fullName: `test ${index}`,
      failureMessages: status === "failed" ? ["AssertionError: expected 1 to be 2\n    at there"] : [],
    })),
  }));
  writeFileSync(path, JSON.stringify({ testResults }));
  return path;
}

test("counts tests, and names those that failed by their first line", () => {
  expect(readCounts([report("a", { "/x.test.ts": ["passed", "failed", "skipped"] })], 1)).toEqual({
    passed: 1,
    skipped: 1,
    failures: [{ file: "/x.test.ts", name: "test 1", message: "AssertionError: expected 1 to be 2" }],
  });
});

test("a file that doesn't load is a failure, although none of its tests failed", () => {
  expect(readCounts([report("a", { "/x.test.ts": [] })], 1).failures).toEqual([
    { file: "/x.test.ts", name: "the file itself", message: "Error: no such module" },
  ]);
});

test("of a file that ran twice the second run counts, and the others keep their results", () => {
  const first = report("a", { "/x.test.ts": ["passed", "failed"], "/y.test.ts": ["passed"] });
  const second = report("b", { "/x.test.ts": ["passed", "passed"] });
  expect(readCounts([first, second], 0)).toEqual({ passed: 3, skipped: 0, failures: [] });
});

test("a file that fails twice fails, also if it is another of its tests", () => {
  const first = report("a", { "/x.test.ts": ["passed", "failed"] });
  const second = report("b", { "/x.test.ts": ["failed", "passed"] });
  expect(readCounts([first, second], 1)).toMatchObject({ passed: 1, failures: [{ name: "test 0" }] });
});

test("a run that crashed is no success, with a report or without one", () => {
  expect(readCounts([report("a", { "/x.test.ts": ["passed"] })], 134).failures).toHaveLength(1);
  expect(readCounts([join(folder, "missing")], 134).failures).toHaveLength(1);
  const crashedAgain = [report("a", { "/x.test.ts": ["failed"] }), join(folder, "missing")];
  expect(readCounts(crashedAgain, 134).failures).toHaveLength(2);
});

test("a run without tests has neither failures nor passed tests", () => {
  expect(readCounts([join(folder, "missing")], 0)).toEqual({ passed: 0, skipped: 0, failures: [] });
});

test("runs add up", () => {
  const run = readCounts([report("a", { "/x.test.ts": ["passed", "failed"] })], 1);
  expect(sum([run, run])).toMatchObject({ passed: 2, failures: [{ name: "test 1" }, { name: "test 1" }] });
});
