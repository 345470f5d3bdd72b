import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Runs a command to its end; returns its output. @throws Error with its output if it fails. */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const output = outputOf(child);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${code}\n${output()}`);
  return output();
}

/** What a process has printed so far. */
export function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let output = "";
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return () => output;
}

/**
 * Makes in `folder` what a service's image has in `/app`, by the steps of the Containerfile: what the service declares, and
 * no more. Returns the tree's path.
 */
export async function installTree(service: string, folder: string): Promise<string> {
  const build = join(folder, "build");
  const workspaces = [
    "shared",
    "protos",
    "test",
    ...readdirSync(join(root, "services")).map((name) => `services/${name}`),
  ];
  for (
    const file of [
      "package.json",
      "package-lock.json",
      ".npmrc",
      ...workspaces.map((name) => `${name}/package.json`),
    ]
  ) {
    mkdirSync(dirname(join(build, file)), { recursive: true });
    cpSync(join(root, file), join(build, file));
  }
  const options = [
    "--omit=dev",
    "--include-workspace-root=false",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
  ];
  await run("npm", ["ci", "--workspace", `services/${service}`, ...options], build);
  // As the Containerfile does: the packages of ours that npm has linked, and no others.
  const app = join(folder, "app");
  mkdirSync(app);
  for (const file of ["package.json", "node_modules"]) {
    cpSync(join(build, file), join(app, file), { recursive: true, verbatimSymlinks: true });
  }
  for (const name of readdirSync(join(build, "node_modules", "@meshregistry"))) {
    const linked = readlinkSync(join(build, "node_modules", "@meshregistry", name)).replace("../../", "");
    cpSync(join(root, linked), join(app, linked), { recursive: true });
  }
  return app;
}

/** A digest of all paths, contents and links of a tree: equal for equal input, whenever and wherever it was made. */
export function treeDigest(tree: string): string {
  const hash = createHash("sha256");
  for (const path of readdirSync(tree, { recursive: true, encoding: "utf8" }).sort()) {
    const full = join(tree, path);
    const stats = lstatSync(full);
    hash.update(`\0${path}\0${(stats.mode & 0o111) === 0 ? "" : "x"}\0`);
    if (stats.isSymbolicLink()) hash.update(readlinkSync(full));
    else if (stats.isFile()) hash.update(readFileSync(full));
  }
  return hash.digest("hex");
}
