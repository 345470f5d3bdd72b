import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";

/** What the figures were taken on: they mean nothing without it. */
export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly model: string;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  /** Of our sources; with a `+` if they were changed since. Undefined outside a clone. */
  readonly commit: string | undefined;
}

/** Describes this machine and the runtime. */
export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    model: cpus()[0]?.model.trim() ?? "unknown",
    system: `${type()} ${release()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    commit: commit(),
  };
}

/** Processes that ran or waited for a core, averaged over the last minute. Above the idle value, figures are upper bounds. */
export function loadAverage(): number {
  return Number((loadavg()[0] ?? Number.NaN).toFixed(2));
}

function commit(): string | undefined {
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-C", join(import.meta.dirname, "..", ".."), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no", "--", "services", "shared") !== "";
    return git("rev-parse", "--short", "HEAD") + (changed ? "+" : "");
  } catch {
    return undefined;
  }
}
