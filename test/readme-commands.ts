import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { freePort } from "./servers/free-port.ts";

/**
 * The README's two commands on Node 20, the oldest that it promises: `npm ci && npm start`, `npm ci && npm test`, in a
 * fresh clone of what is committed. The Node is that of NODE20, or one in the PATH; without one everything is skipped.
 */

const root = join(import.meta.dirname, "..");

/** npm says what it did in a few lines; more are warnings. */
const mostLines = 8;

/** How long `npm start` may take to be ready, in milliseconds. */
const patienceMs = 120_000;

function findNode20(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) =>
    !folder.includes("node_modules")
  );
  const candidates = [process.env["NODE20"] ?? "", ...folders.map((folder) => join(folder, "node"))];
  return candidates.find((path) => path !== "" && versionOf(path).startsWith("v20."));
}

function versionOf(path: string): string {
  try {
    return execFileSync(path, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

/** Runs npm to its end, or until its output has a text; returns the output. @throws Error with it if npm fails. */
async function npm(args: readonly string[], cwd: string, path: string, until?: string): Promise<string> {
  const child = spawn("npm", args, {
    cwd,
    env: { ...process.env, PATH: path, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const signalAll = (signal: NodeJS.Signals) => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  };
  let output = "";
  let isSeen = false;
  const late = setTimeout(() => signalAll("SIGKILL"), until === undefined ? 10 * patienceMs : patienceMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (until === undefined || isSeen || !output.includes(until)) return;
      isSeen = true;
      signalAll("SIGTERM");
    });
  }
  const [code] = await once(child, "close");
  clearTimeout(late);
  if (until === undefined ? code === 0 : isSeen) return output;
  throw new Error(`npm ${args.join(" ")}: exit code ${code}\n${output}`);
}

async function main(): Promise<number> {
  const node = findNode20();
  if (node === undefined) {
    process.stdout.write("there is no Node 20 here: set NODE20 to one\n0 passed, 0 failed, 2 skipped\n");
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), "meshregistry-readme-"));
  const path = [dirname(node), process.env["PATH"] ?? ""].join(delimiter);
  try {
    execFileSync("git", ["clone", "--quiet", "--depth", "1", `file://${root}`, folder]);
    const installed = await npm(["ci"], folder, path);
    const lines = installed.trim().split("\n").length;
    if (lines > mostLines) throw new Error(`npm ci printed ${lines} lines:\n${installed}`);
    const ports = ["--http", `127.0.0.1:${await freePort()}`, "--xds", `127.0.0.1:${await freePort()}`];
    await npm(["start", "--", ...ports], folder, path, "meshregistry is ready");
    process.stdout.write("npm ci && npm start: ready\n");
    await npm(["test", "--", "shared/model/subject.test.ts"], folder, path);
    process.stdout.write("npm ci && npm test: passed\n2 passed, 0 failed, 0 skipped\n");
    return 0;
  } catch (error) {
    process.stdout.write(
      `${error instanceof Error ? error.message : String(error)}\n0 passed, 1 failed, 0 skipped\n`,
    );
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
