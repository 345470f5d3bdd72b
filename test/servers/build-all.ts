import { buildServer } from "./build-server.ts";
import type { BuildResult } from "./build-server.ts";
import { recipeOf } from "./recipes.ts";
import type { ServerName } from "./recipes.ts";

/** Without a terminal a line this often says that a build goes on. */
const quietPeriodMs = 30_000;

/**
 * Builds the named servers one after the other (each build uses all processors already), goes on after a failure, and
 * writes what it is doing, which of how many, for how long, and how long it should take.
 */
export async function buildServers(names: readonly ServerName[]): Promise<readonly BuildResult[]> {
  const results: BuildResult[] = [];
  for (const [index, name] of names.entries()) {
    const title = `[${index + 1}/${names.length}] ${name} ${recipeOf(name).version}`;
    const expected = `expected ${duration(recipeOf(name).expectedSeconds)}`;
    using progress = showProgress();
    const result = await buildServer(name, {
      onWait: () => progress.now(`${title}: another process is building it, waiting`),
      onStart: (logFile) => progress.now(`${title}: building, ${expected}; log: ${logFile}`),
    });
    progress.end(`${title}: ${describe(result)}`);
    results.push(result);
  }
  return results;
}

/** The results as a table, one server per line. */
export function resultTable(results: readonly BuildResult[]): string {
  const rows = [["server", "version", "result", "path"]];
  for (const { name, outcome, path, reason } of results) {
    rows.push([name, recipeOf(name).version, outcome, path ?? reason ?? ""]);
  }
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()).join("\n");
}

function describe({ outcome, seconds, reason }: BuildResult): string {
  if (outcome === "cached") return "in the cache already";
  return outcome === "built"
    ? `built in ${duration(seconds)}`
    : `failed after ${duration(seconds)}: ${reason}`;
}

function duration(seconds: number): string {
  return seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Writes lines; between them keeps telling how long the present step has taken. */
function showProgress() {
  const out = process.stdout;
  const start = performance.now();
  let text = "";
  const elapsed = () => `${text} (${duration(Math.round((performance.now() - start) / 1000))})`;
  const tick = out.isTTY
    ? setInterval(() => text !== "" && out.write(`\r\u001b[K${elapsed()}`), 1000)
    : setInterval(() => text !== "" && out.write(`${elapsed()}\n`), quietPeriodMs);
  const clear = () => out.isTTY && out.write("\r\u001b[K");
  return {
    now: (line: string) => {
      clear();
      out.write(`${line}\n`);
      text = line.replace(/; log: .*/, "");
    },
    end: (line: string) => {
      clear();
      out.write(`${line}\n`);
    },
    [Symbol.dispose]: () => clearInterval(tick),
  };
}
