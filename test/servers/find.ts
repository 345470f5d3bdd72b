import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { recipeOf } from "./recipes.ts";
import type { ServerName } from "./recipes.ts";
import { noteServer } from "./usage.ts";

export type { ServerName };

/** The command that gets every missing server. */
export const getServersCommand = "npm run servers";

/**
 * Where built servers are kept: `$MESHREGISTRY_SERVERS`, else `meshregistry/servers` in `$XDG_CACHE_HOME` or
 * `~/.cache`. Outside the clone, so that a fresh one need not build again.
 */
export function cacheFolder(): string {
  const own = process.env["MESHREGISTRY_SERVERS"];
  if (own !== undefined && own !== "") return own;
  const xdg = process.env["XDG_CACHE_HOME"];
  const base = xdg !== undefined && xdg !== "" ? xdg : join(homedir(), ".cache");
  return join(base, "meshregistry", "servers");
}

/**
 * The folder of one server in the cache. Its name holds the version and a digest of everything that goes into the
 * build, so that a changed recipe is a different folder and is built anew.
 */
export function serverFolder(name: ServerName): string {
  return join(cacheFolder(), `${name}-${recipeOf(name).version}-${recipeDigest(name)}`);
}

/** Path of the server's executable (or jars, or modules) in the cache; `undefined` if it has not been built. */
export function findServer(name: ServerName): string | undefined {
  const path = join(serverFolder(name), recipeOf(name).executable);
  return existsSync(path) ? path : undefined;
}

/** What a test file needs to know before it defines its tests. */
export interface Requirement {
  /** For `describe.skipIf`: true if one of the servers is missing. */
  readonly skip: boolean;
  readonly missing: readonly ServerName[];
}

/**
 * For the top of a test file: `describe.skipIf(requireReal("nats-server").skip)(…)`. A missing server skips the tests,
 * says so on standard error, and appears in the last lines of `npm test`. With `REQUIRE_REAL=1` it throws instead, which
 * fails the file: a test run that promised real servers must not pass without them.
 */
export function requireReal(...names: readonly ServerName[]): Requirement {
  const missing = names.filter((name) => findServer(name) === undefined);
  if (missing.length === 0) return { skip: false, missing };
  const list = missing.join(", ");
  if (process.env["REQUIRE_REAL"] === "1") {
    throw new Error(
      `missing real servers: ${list}, and REQUIRE_REAL=1 demands them; run: ${getServersCommand}`,
    );
  }
  for (const name of missing) noteServer(name, "missing");
  process.stderr.write(`skipping tests: ${list} not built here; run: ${getServersCommand}\n`);
  return { skip: true, missing };
}

/**
 * Path of a server that is about to be started, noted as used for the last lines of `npm test`.
 * @throws Error if it has not been built.
 */
export function useServer(name: ServerName): string {
  const path = findServer(name);
  if (path === undefined) throw new Error(`${name} is not built here; run: ${getServersCommand} ${name}`);
  noteServer(name, "used");
  return path;
}

/** Short digest of the recipe, its source files, the platform, and the Node that something is compiled for. */
function recipeDigest(name: ServerName): string {
  const recipe = recipeOf(name);
  const harmless = new Set(["expectedSeconds", "quick"]);
  const build = JSON.stringify(recipe, (key, value: unknown) => (harmless.has(key) ? undefined : value));
  const hash = createHash("sha256").update(`${build} ${process.platform} ${process.arch}`);
  if (recipe.kind === "npm") hash.update(` ${process.versions.modules}`);
  if ("source" in recipe) {
    const folder = join(import.meta.dirname, recipe.source);
    for (const file of sourceFiles(folder)) {
      hash.update(`\0${file}\0`).update(readFileSync(join(folder, file)));
    }
  }
  return hash.digest("hex").slice(0, 12);
}

/** Paths of all files below `folder`, sorted, without what a build by hand leaves there. */
function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((file) => !file.startsWith("target/"))
    .sort();
}
