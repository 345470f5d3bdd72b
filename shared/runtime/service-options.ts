import { Registry } from "prom-client";
import type { LoadedConfig } from "../config/mod.ts";
import { formatIssue, readConfigFile } from "../config/mod.ts";
import { helpText, parseCommandLine } from "./command-line.ts";
import type { OptionSpec } from "./command-line.ts";
import { errorText, isMeshError, MeshError } from "./errors.ts";
import { maskUrls } from "./mask.ts";
import type { Logger } from "./log.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  config: { type: "string", value: "FILE", help: "Configuration: our own file or a slime module's (needed)" },
  http: { type: "string", value: "HOST:PORT", help: "Where to listen for HTTP (debug API, metrics, probes)" },
};

/** What a single service is started with. */
export interface ServiceOptions extends LoadedConfig {
  /** `--http`, if given. */
  readonly httpAddress: string | undefined;
  /** The value of one of the service's own options. */
  readonly text: (name: string) => string | undefined;
}

/**
 * Reads the command line that all services have in common (and `own` options), and the configuration that it names. Answers a number, the
 * exit code, if there is nothing to run: after `--help`, or after a mistake that was reported on standard error.
 */
export async function readServiceOptions(
  name: string,
  purpose: string,
  args: readonly string[],
  own: Readonly<Record<string, OptionSpec>> = {},
): Promise<ServiceOptions | number> {
  const usage = `${name} --config FILE [--http HOST:PORT]`;
  const all = { ...options, ...own };
  try {
    const line = parseCommandLine(args, all, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, all));
      return 0;
    }
    const file = line.text("config");
    if (file === undefined) throw new MeshError("configuration", `--config is missing\nUsage: ${usage}`);
    return { ...await readConfigFile(file, process.env), httpAddress: line.text("http"), text: line.text };
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${maskUrls(errorText(error))}\n`);
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
