import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { errorText } from "../../shared/runtime/errors.ts";
import { withLock } from "./build-lock.ts";
import { cacheFolder, findServer, serverFolder } from "./find.ts";
import { recipeOf } from "./recipes.ts";
import type { NpmRecipe, Recipe, ServerName } from "./recipes.ts";
import { missingTool } from "./tools.ts";

/** What became of one server. `path` is there unless it failed; `reason` says why it failed. */
export interface BuildResult {
  readonly name: ServerName;
  readonly outcome: "built" | "cached" | "failed";
  readonly seconds: number;
  readonly path?: string;
  readonly reason?: string;
}

/** What a build tells while it runs. */
export interface BuildEvents {
  /** Another process builds the same server; this one waits for it. */
  onWait(): void;
  /** The build starts; its tools write to `logFile`. */
  onStart(logFile: string): void;
}

/**
 * Makes sure that a server is in the cache. Builds into a temporary folder and renames it, so that a build that was
 * broken off never looks like a server; holds a lock, so that two runs don't build the same at once. Never throws.
 */
export async function buildServer(name: ServerName, events: BuildEvents): Promise<BuildResult> {
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  try {
    const cached = findServer(name);
    if (cached !== undefined) return { name, outcome: "cached", seconds: seconds(), path: cached };
    const reason = missingTool(recipeOf(name));
    if (reason !== undefined) return { name, outcome: "failed", seconds: seconds(), reason };
    const lock = join(cacheFolder(), `.lock-${name}`);
    return await withLock(lock, () => events.onWait(), async () => {
      const byAnother = findServer(name);
      if (byAnother === undefined) await build(name, events);
      const path = byAnother ?? findServer(name);
      if (path === undefined) throw new Error(`the build left no ${recipeOf(name).executable}`);
      return { name, outcome: byAnother === undefined ? "built" : "cached", seconds: seconds(), path };
    });
  } catch (error) {
    return { name, outcome: "failed", seconds: seconds(), reason: errorText(error) };
  }
}

async function build(name: ServerName, events: BuildEvents): Promise<void> {
  const cache = cacheFolder();
  const prefix = `.building-${name}-`;
  // Under the lock, so whatever is there was left by a build that died.
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(prefix)) await rm(join(cache, entry), { recursive: true, force: true });
  }
  const logs = join(cache, "logs");
  await mkdir(logs, { recursive: true });
  const logFile = join(logs, `${name}.log`);
  await writeFile(logFile, "");
  events.onStart(logFile);
  const work = await mkdtemp(join(cache, prefix));
  try {
    const result = join(work, "result");
    await mkdir(result);
    await runRecipe(recipeOf(name), work, result, logFile);
    await rename(result, serverFolder(name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Runs the tools of a recipe; `work` is scratch space, what lands in `result` is kept. */
async function runRecipe(recipe: Recipe, work: string, result: string, logFile: string): Promise<void> {
  switch (recipe.kind) {
    case "go-install":
      return await runTool("go", ["install", `${recipe.package}@${recipe.version}`], work, logFile, {
        GOBIN: result,
      });
    case "go-build": {
      const ldflags = ["-s", "-w", ...recipe.linkerFlags].join(" ");
      const output = join(result, recipe.executable);
      // The version control state of this clone is no part of the result.
      const args = [
        "build",
        "-trimpath",
        "-buildvcs=false",
        ...recipe.tags === undefined ? [] : ["-tags", recipe.tags.join(",")],
        "-ldflags",
        ldflags,
        "-o",
        output,
        recipe.package,
      ];
      return await runTool("go", args, join(import.meta.dirname, recipe.source), logFile, {});
    }
    case "maven": {
      // Maven writes beside its sources: give it a copy.
      const project = join(work, "project");
      await cp(join(import.meta.dirname, recipe.source), project, { recursive: true });
      const properties = Object.entries(recipe.properties ?? {}).map(([key, value]) => `-D${key}=${value}`);
      await runTool("mvn", ["-B", "-ntp", "-DskipTests", ...properties, "package"], project, logFile, {});
      return await rename(join(project, "target", recipe.executable), join(result, recipe.executable));
    }
    case "npm": {
      const project = join(work, "project");
      await mkdir(project);
      await installPackage(recipe, project, logFile);
      return await rename(join(project, recipe.executable), join(result, recipe.executable));
    }
    case "cargo": {
      const root = join(work, "root");
      const args = ["install", recipe.crate, "--version", recipe.version, "--locked", "--root", root];
      await runTool("cargo", args, work, logFile, { CARGO_TARGET_DIR: join(work, "target") });
      return await rename(join(root, "bin", recipe.executable), join(result, recipe.executable));
    }
    case "pip": {
      // With a target folder nothing else of this machine is touched.
      const wheel = `${recipe.package}==${recipe.version}`;
      const args = ["install", "--no-deps", "--only-binary=:all:", "--target", result, wheel];
      return await runTool("python3", ["-m", "pip", ...args], work, logFile, {});
    }
  }
}

/**
 * Installs a package that compiles itself, for the Node that runs this: neither for another one in PATH, nor for the one
 * whose headers `nodedir` in somebody's npm configuration has. The Node of the `node` package comes without headers; the
 * package of its executable has them.
 */
async function installPackage(recipe: NpmRecipe, project: string, logFile: string): Promise<void> {
  const { platform, arch, versions } = process;
  const node = `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;
  const manifest = {
    private: true,
    dependencies: { [recipe.package]: recipe.version, [node]: versions.node },
    allowScripts: { [recipe.package]: true },
  };
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  // npm unpacks everything before it runs the first script.
  await runTool("npm", ["install", "--foreground-scripts"], project, logFile, {
    PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
    npm_config_nodedir: join(project, "node_modules", node),
  });
  await rm(join(project, "node_modules", node), { recursive: true });
  await rm(join(project, "node_modules", ".bin"), { recursive: true });
  // What was compiled for another Node fails here and not in tests.
  await runTool(process.execPath, ["--eval", `require("${recipe.package}")`], project, logFile, {});
}

async function runTool(
  command: string,
  args: readonly string[],
  cwd: string,
  logFile: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const log = openSync(logFile, "a");
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", log, log] });
  const stop = () => child.kill();
  process.once("exit", stop);
  try {
    const ended = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(signal ?? String(code)));
    });
    if (ended !== "0") throw new Error(`${command} ${args[0]} ended with ${ended}; its output: ${logFile}`);
  } finally {
    process.removeListener("exit", stop);
    closeSync(log);
  }
}
