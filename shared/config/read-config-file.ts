import { errorText, MeshError } from "../runtime/errors.ts";
import { readTextFile } from "../runtime/read-text.ts";
import type { Environment } from "./conversion-environment.ts";
import { loadConfig } from "./load-config.ts";
import type { LoadedConfig } from "./load-config.ts";

/**
 * Longest configuration, in bytes. Kubernetes allows 1 MiB for a ConfigMap, a third more where it is packed; what is
 * longer is another file, and the YAML parser needs some hundred times its size.
 */
const maxConfigBytes = 2 * 1024 ** 2;

/**
 * Reads and checks the configuration file that a service is started with; see {@link loadConfig}. Throws a
 * {@link MeshError} `configuration` if the file can't be read, if anything in it is wrong, or if nothing can be run by it.
 */
export async function readConfigFile(path: string, env: Environment): Promise<LoadedConfig> {
  return loadConfig(await readConfigText(path), { env, fileName: path, toRun: true });
}

/**
 * As {@link readConfigFile}, for a tool that takes some settings from the file: it need not be one that a service can be
 * started with.
 */
export async function readSettingsFile(path: string, env: Environment): Promise<LoadedConfig> {
  return loadConfig(await readConfigText(path), { env, fileName: path });
}

/** The text of a configuration file. Throws a {@link MeshError} `configuration` that says why it can't be read. */
export async function readConfigText(path: string): Promise<string> {
  try {
    return await readTextFile(path, maxConfigBytes);
  } catch (cause) {
    throw new MeshError("configuration", `configuration ${path} can't be read: ${errorText(cause)}`);
  }
}
