import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/** One thing that failed: a test, or what failed without being one (a file that doesn't load, a hook, the run itself). */
export interface Failure {
  /** Absolute path of the test file; `undefined` if the run as a whole failed. */
  readonly file: string | undefined;
  /** Full name of the test, or what else failed. */
  readonly name: string;
  /** First line of what was thrown. */
  readonly message: string;
}

/** Outcome of a test run. */
export interface Counts {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
}

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(""),
      assertionResults: z.array(
        z.object({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

const firstLine = (text: string) => text.split("\n", 1)[0] ?? "";

/** The latest result of each test file, by the file's path. */
function readResults(files: readonly string[]) {
  const reports = files.filter((file) => existsSync(file)).map((file) =>
    Report.parse(JSON.parse(readFileSync(file, "utf8")))
  );
  return new Map(reports.flatMap(({ testResults }) => testResults.map((result) => [result.name, result])));
}

/**
 * Counts the tests in vitest's JSON reports; of a test file that ran in several of them, the last one counts. A run that
 * failed never counts as one without failures: a broken test file has no failed tests, and a crashed run has no report.
 * @param files the reports, oldest first; `exitCode` is that of the last run
 * @throws Error if a file is no report of vitest.
 */
export function readCounts(files: readonly string[], exitCode: number): Counts {
  const wholeRun = (name: string) => ({ file: undefined, name, message: "" });
  const last = files.at(-1);
  const testResults = [...readResults(files).values()];
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = testResults.flatMap(({ name: file, status, message, assertionResults }): Failure[] => {
    const failed = assertionResults.filter(({ status }) => status === "failed");
    if (failed.length === 0 && status === "failed") {
      return [{ file, name: "the file itself", message: firstLine(message) }];
    }
    return failed.map(({ fullName, failureMessages }) => ({
      file,
      name: fullName,
      message: firstLine(failureMessages?.[0] ?? ""),
    }));
  });
  if (exitCode !== 0 && (last === undefined || !existsSync(last))) {
    failures.push(wholeRun(`vitest ended with exit code ${exitCode} and left no report`));
  } else if (exitCode !== 0 && failures.length === 0) {
    failures.push(wholeRun(`vitest ended with exit code ${exitCode}`));
  }
  const failedTests = results.filter(({ status }) => status === "failed").length;
  const passed = results.filter(({ status }) => status === "passed").length;
  return { passed, skipped: results.length - passed - failedTests, failures };
}

/** Adds up several runs. */
export function sum(runs: readonly Counts[]): Counts {
  return {
    passed: runs.reduce((total, { passed }) => total + passed, 0),
    skipped: runs.reduce((total, { skipped }) => total + skipped, 0),
    failures: runs.flatMap(({ failures }) => failures),
  };
}
