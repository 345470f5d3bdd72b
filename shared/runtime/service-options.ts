import { Registry } from "prom-client";
import type { LoadedConfig } from "../config/mod.ts";
import { formatIssue, readConfigFile } from "../config/mod.ts";
import { helpText, parseCommandLine } from "./command-line.ts";
import type { OptionSpec } from "./command-line.ts";
import { errorText, isMeshError, MeshError } from "./errors.ts";
import type { Logger } from "./log.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  config: { type: "string", value: "FILE", help: "Configuration: our own file or a slime module's (needed)" },
  http: { type: "string", value: "HOST:PORT", help: "Where to listen for HTTP (debug API, metrics, probes)" },
};

/** What a single service is started with. */
export interface ServiceOptions extends LoadedConfig {
  /** `--http`, if given. */
  readonly httpAddress: string | undefined;
}

/**
 * Reads the command line that all services have in common, and the configuration that it names. Answers a number, the
 * exit code, if there is nothing to run: after `--help`, or after a mistake that was reported on standard error.
 */
export async function readServiceOptions(
  name: string,
  purpose: string,
  args: readonly string[],
): Promise<ServiceOptions | number> {
  const usage = `${name} --config FILE [--http HOST:PORT]`;
  try {
    const line = parseCommandLine(args, options, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, options));
      return 0;
    }
    const file = line.text("config");
    if (file === undefined) throw new MeshError("configuration", `--config is missing\nUsage: ${usage}`);
    return { ...await readConfigFile(file, process.env), httpAddress: line.text("http") };
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${errorText(error)}\n`);
    return 2;
  }
}

/** Logs what a user should know about the configuration. */
export function logWarnings({ warnings }: LoadedConfig, log: Logger): void {
  for (const warning of warnings) log.warn(`configuration: ${formatIssue(warning)}`);
}

/** A registry for a service's metrics. */
export function createMetrics(): Registry {
  return new Registry();
}
