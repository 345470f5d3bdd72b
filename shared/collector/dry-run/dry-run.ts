import { once } from "node:events";
import { clearTimeout, setTimeout } from "node:timers";
import { Worker } from "node:worker_threads";
import { DryRunResult } from "../../model/dry-run.ts";
import type { DryRunQuestion } from "../../model/dry-run.ts";
import { errorText } from "../../runtime/errors.ts";
import type { ConversionConfig } from "./convert-source.ts";

/** What the thread of a dry run is given. */
export interface DryRunTask {
  /** The source's name. */
  readonly name: string;
  /** The collector's configuration. */
  readonly running: ConversionConfig;
  /** Absent: the registry is read anew. */
  readonly input?: string | undefined;
  readonly configuration?: string | undefined;
}

/** What a dry run may cost. */
export interface DryRunLimits {
  readonly maxMs: number;
  /** Memory for its objects, in MiB. Deno has no such limit: there the body's length has to do. */
  readonly maxHeapMb: number;
}

const usualLimits: DryRunLimits = { maxMs: 20_000, maxHeapMb: 192 };

/** Makes the dry runs of a source, one at a time. */
export type DryRun = (
  question: Pick<DryRunQuestion, "input" | "configuration">,
  signal: AbortSignal,
) => Promise<DryRunResult>;

/**
 * Makes the function that converts a registry's answer, or what it has now, as the collector would. `thread` is a module that calls
 * `serveDryRun`: in a thread of its own a dry run can't hold up the collector's leases, and can be ended when it takes
 * too long or too much memory.
 */
export function dryRunIn(
  thread: URL,
  { name, running }: Pick<DryRunTask, "name" | "running">,
  limits: DryRunLimits = usualLimits,
): DryRun {
  let isRunning = false;
  return async ({ input, configuration }, signal) => {
    if (isRunning) {
      return failure("other", "the collector is making another dry run: try again in a few seconds");
    }
    isRunning = true;
    try {
      return await runIn(thread, { name, running, input, configuration }, limits, signal);
    } catch (error) {
      return failure("other", errorText(error));
    } finally {
      isRunning = false;
    }
  };
}

async function runIn(
  thread: URL,
  task: DryRunTask,
  { maxMs, maxHeapMb }: DryRunLimits,
  signal: AbortSignal,
): Promise<DryRunResult> {
  const worker = new Worker(thread, {
    workerData: task,
    // In a pod the environment says where its API server is.
    env: task.input === undefined ? { ...process.env } : {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), maxMs);
  try {
    const until = { signal: AbortSignal.any([signal, timeout.signal]) };
    const ended = once(worker, "exit", until).then(() => {
      throw new Error("the thread ended without a result");
    });
    const [message]: unknown[] = await Promise.race([once(worker, "message", until), ended]);
    return DryRunResult.parse(message);
  } catch (error) {
    if (timeout.signal.aborted) return failure("cost", `it takes longer than ${maxMs / 1000} s; ${remedy}`);
    if (isOutOfMemory(error)) {
      return failure("cost", `it needs more than ${maxHeapMb} MiB of memory; ${remedy}`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

const remedy = "give a part of the answer, or use meshctl convert --diff, which has no limit";

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
}

function failure(why: "input" | "cost" | "other", text: string): DryRunResult {
  return { failure: { why, text } };
}
