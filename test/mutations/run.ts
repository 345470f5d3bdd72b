import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { conflictFaults } from "./conflicts.ts";
import { kubernetesFaults } from "./kubernetes.ts";
import { collectorFaults } from "./mutations.ts";
import type { Mutation } from "./mutations.ts";
import { nacosFaults } from "./nacos.ts";

const root = join(import.meta.dirname, "..", "..");

/** What protects the mesh is tested here; a fault has to be noticed by these alone. */
const areas: readonly { readonly faults: readonly Mutation[]; readonly suites: readonly string[] }[] = [
  {
    faults: collectorFaults,
    suites: [
      "shared/collector",
      "shared/dubbo/calls",
      "shared/entry-log/jetstream",
      "services/eureka-collector",
      "services/nacos-collector",
      "services/zk-collector",
    ],
  },
  {
    faults: kubernetesFaults,
    suites: ["shared/facts", "shared/kubernetes", "services/k8s-collector"],
  },
  {
    faults: nacosFaults,
    suites: ["services/nacos-collector"],
  },
  {
    faults: conflictFaults,
    suites: [
      "services/aggregator/conflicts",
      "services/aggregator/output-stage/compose",
      "services/aggregator/xds/views-converge-hosts.test.ts",
    ],
  },
];

/** One run of tests takes a minute, and a few on a busy machine; one that hangs is ended after this time, in milliseconds. */
const longestRunMs = 900_000;

/** A test that fails is run again so often: on a busy machine one may fail without a fault. */
const retries = 2;

/** What vitest's JSON reporter tells, as far as it is read here. */
const Report = z.object({
  testResults: z.array(
    z.object({ assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })) }),
  ),
});

/** How tests ended: all well, or with the first test that failed; `unclear` if none failed and the run didn't pass. */
type Outcome =
  | { readonly type: "passed" }
  | { readonly type: "failed"; readonly test: string }
  | { readonly type: "unclear"; readonly reason: string };

/** Runs the unit tests of some folders on the copy. */
function test(copy: string, folders: readonly string[]): Outcome {
  const report = join(copy, "test-report.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status, signal } = spawnSync(
    process.execPath,
    [
      vitest,
      "run",
      "--project=unit",
      "--bail=1",
      `--retry=${retries}`,
      "--reporter=json",
      `--outputFile=${report}`,
      ...folders,
    ],
    { cwd: copy, stdio: "ignore", timeout: longestRunMs },
  );
  if (status === 0) return { type: "passed" };
  if (signal !== null) return { type: "unclear", reason: `no end after ${longestRunMs / 60_000} minutes` };
  const results = existsSync(report)
    ? Report.safeParse(JSON.parse(readFileSync(report, "utf8"))).data
    : undefined;
  const failed = results?.testResults.flatMap(({ assertionResults }) => assertionResults)
    .find((result) => result.status === "failed");
  if (failed !== undefined) return { type: "failed", test: failed.fullName };
  // A fault may break the loading of a module; then there is no test that could fail.
  return { type: "failed", test: "(the tests can't be loaded)" };
}

/** What is run for a fault, one after the other: the file's own test, which notices most faults, its suite, and the rest. */
function runs(copy: string, suites: readonly string[], file: string): string[][] {
  const own = file.replace(/\.ts$/, ".test.ts");
  const near = suites.filter((suite) => dirname(file).startsWith(suite));
  const rest = suites.filter((suite) => !near.includes(suite));
  return [existsSync(join(copy, own)) ? [own] : [], near, rest].filter((folders) => folders.length > 0);
}

/** Tries one fault, with the tests beside it first. */
function attempt(copy: string, suites: readonly string[], { file, find, replace }: Mutation): Outcome {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(find, () => replace));
  try {
    let outcome: Outcome = { type: "passed" };
    for (const folders of runs(copy, suites, file)) {
      outcome = test(copy, folders);
      if (outcome.type !== "passed") break;
    }
    return outcome;
  } finally {
    writeFileSync(path, text);
  }
}

/** Tries one fault, and prints what came of it. */
function isNoticed(copy: string, suites: readonly string[], fault: Mutation): boolean {
  const outcome = attempt(copy, suites, fault);
  const isNoticed = outcome.type === "failed";
  const by = isNoticed
    ? `\n            by: ${outcome.test}`
    : outcome.type === "unclear"
    ? `: ${outcome.reason}`
    : "";
  process.stdout.write(`${isNoticed ? "noticed " : "SURVIVED"}  ${fault.what}${by}\n`);
  return isNoticed;
}

/**
 * `npm run mutations [-- TEXT]`: breaks the program on purpose, in a copy, one fault after the other (those whose
 * description or file has the text), and expects the unit tests to fail each time. Returns the exit code.
 */
function main(text = ""): number {
  const copy = mkdtempSync(join(tmpdir(), "meshregistry-mutations-"));
  try {
    const left = new Set(["node_modules", ".git"]);
    cpSync(root, copy, { recursive: true, filter: (path) => !left.has(path.slice(root.length + 1)) });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const survivors: string[] = [];
    for (const { faults, suites } of areas) {
      const chosen = faults.filter(({ what, file }) => `${what} ${file}`.includes(text));
      const clean = chosen.length === 0 ? { type: "passed" } as const : test(copy, suites);
      if (clean.type !== "passed") {
        const reason = clean.type === "failed" ? clean.test : clean.reason;
        process.stderr.write(`The tests fail without any fault, mend them first: ${reason}\n`);
        return 2;
      }
      survivors.push(...chosen.filter((fault) => !isNoticed(copy, suites, fault)).map(({ what }) => what));
    }
    process.stdout.write(`${survivors.length} of the faults survived\n`);
    return survivors.length === 0 ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv[2]);
