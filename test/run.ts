import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { readCounts, sum } from "./run-counts.ts";
import type { Counts, Failure } from "./run-counts.ts";
import { buildServers } from "./servers/build-all.ts";
import { findServer, getServersCommand } from "./servers/find.ts";
import { recipeOf, serverNames } from "./servers/recipes.ts";
import type { ServerName } from "./servers/recipes.ts";
import { missingTool } from "./servers/tools.ts";
import { readUsage, usageFileVariable } from "./servers/usage.ts";
import type { Usage } from "./servers/usage.ts";

const help = `usage: npm test [-- [--services-on deno] [FILTER…]]

Runs all tests: first those of the code alone, then those with real servers. Tests whose server is not built here are
skipped, except for those that build within a minute or so: they are built first if Go or Maven is there. The last lines
say which real servers were used, which were missing, and how many tests passed.

--services-on deno   only the end-to-end tests, with our services running on Deno
FILTER               only test files whose path contains one of these
REQUIRE_REAL=1       (environment) a missing server fails the tests that need it
ONE_TRY=1            (environment) files with real servers that fail don't run a second time
`;

const root = join(import.meta.dirname, "..");

/** Test files with this in their path start our services as processes, so they can start them on another runtime. */
const endToEnd = "end-to-end";

/** Files with real servers that may run a second time. If more fail, it isn't the machine. */
const mostRetriedFiles = 4;

/** Runs one vitest project, with its usual output, and writes its JSON report. Answers the exit code. */
async function runVitest(
  project: string,
  filters: readonly string[],
  env: Readonly<Record<string, string>>,
  report: string,
): Promise<number> {
  const args = [
    join(root, "node_modules", ".bin", "vitest"),
    "run",
    "--project",
    project,
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...filters,
  ];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const stop = () => child.kill();
  process.once("SIGTERM", stop);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
  process.removeListener("SIGTERM", stop);
  return exitCode;
}

/** Runs the tests of the code alone, and counts them. What fails there fails: nothing they use is ever busy. */
async function runUnit(filters: readonly string[], env: Readonly<Record<string, string>>, folder: string) {
  const report = join(folder, "unit.json");
  return readCounts([report], await runVitest("unit", filters, env, report));
}

/**
 * Runs the tests with real servers. Files that fail run once more, when nothing else runs: a server that had to share two
 * processors with three others may have missed a deadline. What passes only then is named, since it may be a race.
 */
async function runReal(filters: readonly string[], env: Readonly<Record<string, string>>, folder: string) {
  const report = join(folder, "real.json");
  const exitCode = await runVitest("real", filters, env, report);
  const first = readCounts([report], exitCode);
  const files = [...new Set(first.failures.flatMap(({ file }) => file ?? []))];
  const isRetried = files.length > 0 && files.length <= mostRetriedFiles && process.env["ONE_TRY"] !== "1";
  if (!isRetried) return first;
  process.stdout.write(`${files.length} of the files failed; they run once more, when nothing else runs\n`);
  const again = join(folder, "real-again.json");
  const final = readCounts(
    [report, again],
    await runVitest("real", [...files, "--maxWorkers=1"], env, again),
  );
  const stillFailing = new Set(final.failures.map(describeFailure));
  for (const failure of first.failures) {
    if (stillFailing.has(describeFailure(failure))) continue;
    process.stdout.write(`Passed only at the second try: ${describeFailure(failure)}: ${failure.message}\n`);
  }
  return final;
}

/** Where the failure is, as a person looks for it. */
function describeFailure({ file, name }: Failure): string {
  return file === undefined ? name : `${relative(root, file)} > ${name}`;
}

/** Builds what is missing and takes about a minute; what takes longer is built only on demand. */
async function buildQuickServers(): Promise<void> {
  const wanted = serverNames.filter((name) => {
    const recipe = recipeOf(name);
    return recipe.quick && findServer(name) === undefined && missingTool(recipe) === undefined;
  });
  if (wanted.length === 0) return;
  process.stdout.write(
    `Building ${wanted.join(" and ")} first; ${getServersCommand} would get the others as well.\n`,
  );
  await buildServers(wanted);
}

function describeServers({ used, missing }: Usage): string {
  const list = (names: Iterable<ServerName>) =>
    serverNames.filter((name) => new Set(names).has(name)).map((name) => `${name} ${recipeOf(name).version}`)
      .join(", ");
  const lines = [`Real servers used: ${list(used) || "none"}`];
  if (missing.size > 0) {
    lines.push(`Tests skipped for want of: ${list(missing)}`, `To get them: ${getServersCommand}`);
  }
  return lines.join("\n");
}

/** `npm test`. Answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(help);
    return 0;
  }
  const option = args.indexOf("--services-on");
  const runtime = option === -1 ? undefined : args[option + 1];
  const filters = args.filter((_, index) => option === -1 || (index !== option && index !== option + 1));
  if ((option !== -1 && runtime !== "deno") || filters.some((filter) => filter.startsWith("-"))) {
    process.stderr.write(`unknown option: ${args.join(" ")}\n\n${help}`);
    return 2;
  }
  await buildQuickServers();
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-test-run-"));
  try {
    const usageFile = join(folder, "servers");
    const env = {
      [usageFileVariable]: usageFile,
      ...(runtime === undefined ? {} : { SERVICES_ON: runtime }),
    };
    const counts: Counts[] = [];
    if (runtime === undefined) counts.push(await runUnit(filters, env, folder));
    const realFilters = runtime === undefined || filters.length > 0 ? filters : [endToEnd];
    counts.push(await runReal(realFilters, env, folder));
    // A run that finds no tests, say after a folder was renamed, must not pass.
    const nothing = { file: undefined, name: "no test files were found", message: "" };
    const { passed, skipped, failures: found } = sum(counts);
    const failures = passed + skipped + found.length === 0 ? [nothing] : found;
    process.stdout.write(`${describeServers(readUsage(usageFile))}\n`);
    for (const failure of failures) {
      process.stdout.write(`Failed: ${describeFailure(failure)}: ${failure.message}\n`);
    }
    process.stdout.write(`${passed} passed, ${failures.length} failed, ${skipped} skipped\n`);
    return failures.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Ctrl-C reaches vitest as well; it ends in its own way, and what it counted is still told.
process.on("SIGINT", () => undefined);

process.exitCode = await main(process.argv.slice(2));
