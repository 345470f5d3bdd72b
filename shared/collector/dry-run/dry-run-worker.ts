import { parentPort, workerData } from "node:worker_threads";
import { loadConfig } from "../../config/mod.ts";
import { asOnlySource, enabledSources } from "../../config/named-sources.ts";
import type { DryRunResult } from "../../model/dry-run.ts";
import { errorText, isMeshError, MeshError } from "../../runtime/errors.ts";
import type { ConversionConfig, ConvertSource } from "./convert-source.ts";
import type { DryRunTask } from "./dry-run.ts";

/** The thread of a dry run: converts what it was started with, answers, and ends. */
export async function serveDryRun(source: ConvertSource): Promise<void> {
  const task: DryRunTask = workerData;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- this is a thread, not a window
  parentPort?.postMessage(await resultOf(source, task));
}

async function resultOf(source: ConvertSource, task: DryRunTask): Promise<DryRunResult> {
  try {
    // The caller ends the thread.
    const never = new AbortController().signal;
    const loaded = configOf(source, task);
    const conversion = task.input === undefined
      ? await source.convertAnew(loaded, configOf(source, { ...task, configuration: undefined }), never)
      : await source.convert(task.input, loaded, never);
    return { conversion };
  } catch (error) {
    const isInput = isMeshError(error, "protocol-violation") || isMeshError(error, "configuration");
    return { failure: { why: isInput ? "input" : "other", text: errorText(error) } };
  }
}

/** The collector's configuration or the given one, with the source that is asked for as its only one. */
function configOf(
  { section }: ConvertSource,
  { name, running, configuration }: DryRunTask,
): ConversionConfig {
  // Environment variables of this process are none of the asker's business.
  const config = configuration === undefined
    ? running.config
    : loadConfig(configuration, { env: {}, fileName: "given" }).config;
  const source = enabledSources(config, section).find((each) => each.name === name);
  if (source === undefined) {
    const key = name === "default" ? section : `${section}s.${name}`;
    throw new MeshError("configuration", `the configuration given doesn't enable ${key}`);
  }
  return { environment: running.environment, config: asOnlySource(config, section, source.options) };
}
