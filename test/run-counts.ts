import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/** Outcome of a test run. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed without being a test: a file that does not load, a hook, an error that nobody caught. Counted in `failed`. */
  readonly broken: readonly string[];
}

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string() })),
    }),
  ),
});

/**
 * Counts the tests in vitest's JSON report. A run that failed never counts as one without failures: a broken test file
 * has no failed tests, and a crashed run has no report.
 */
export function readCounts(file: string, exitCode: number): Counts {
  if (!existsSync(file)) {
    const broken = exitCode === 0 ? [] : [`vitest ended with exit code ${exitCode} and left no report`];
    return { passed: 0, failed: broken.length, skipped: 0, broken };
  }
  const { testResults } = report.parse(JSON.parse(readFileSync(file, "utf8")));
  const statuses = testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ status }) => status)
  );
  const passed = statuses.filter((status) => status === "passed").length;
  const failedTests = statuses.filter((status) => status === "failed").length;
  const broken = testResults
    .filter(({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some(({ status }) => status === "failed")
    )
    .map(({ name }) => name);
  if (exitCode !== 0 && failedTests + broken.length === 0) {
    broken.push(`vitest ended with exit code ${exitCode}`);
  }
  return {
    passed,
    failed: failedTests + broken.length,
    skipped: statuses.length - passed - failedTests,
    broken,
  };
}

/** Adds up several runs. */
export function sum(runs: readonly Counts[]): Counts {
  return {
    passed: runs.reduce((total, { passed }) => total + passed, 0),
    failed: runs.reduce((total, { failed }) => total + failed, 0),
    skipped: runs.reduce((total, { skipped }) => total + skipped, 0),
    broken: runs.flatMap(({ broken }) => broken),
  };
}
