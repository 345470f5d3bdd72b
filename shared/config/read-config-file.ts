import { readFile } from "node:fs/promises";
import { MeshError } from "../runtime/errors.ts";
import type { Environment } from "./conversion-environment.ts";
import { loadConfig } from "./load-config.ts";
import type { LoadedConfig } from "./load-config.ts";

/**
 * Reads and checks a configuration file; see {@link loadConfig}. Throws a {@link MeshError} `configuration` if the
 * file can't be read or if anything in it is wrong.
 */
export async function readConfigFile(path: string, env: Environment): Promise<LoadedConfig> {
  return loadConfig(await readConfigText(path), { env, fileName: path });
}

/** The text of a configuration file. Throws a {@link MeshError} `configuration` that says why it can't be read. */
export async function readConfigText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const reason = reasons.get(code) ?? "see the cause";
    throw new MeshError("configuration", `configuration ${path} can't be read: ${reason}`, { cause });
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file; check the path"],
  ["EISDIR", "it is a folder; name the file in it"],
  ["EACCES", "this user may not read it; change its permissions"],
]);
