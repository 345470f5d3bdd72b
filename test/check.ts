import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findImportViolations } from "./check-imports.ts";
import { findLicenceFaults } from "./check-licences.ts";
import { findPackageFaults } from "./check-packages.ts";
import { findWordingFaults } from "./check-wording.ts";

const root = join(import.meta.dirname, "..");

/** Outcome of one check; `output` is shown if it failed. */
interface Outcome {
  readonly verdict: "ok" | "failed" | "not run";
  readonly output: string;
}

/** Runs a tool of ours (or `node`) in the root, and takes its exit code as the verdict. */
async function tool(name: string, ...args: readonly string[]): Promise<Outcome> {
  const command = name === "node" ? process.execPath : join(root, "node_modules", ".bin", name);
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  return await new Promise<Outcome>((resolve) => {
    child.once("error", (error) => resolve({ verdict: "failed", output: `${command}: ${error.message}` }));
    child.once("close", (code) => resolve({ verdict: code === 0 ? "ok" : "failed", output }));
  });
}

/** What a user starts: each is checked with everything that it imports. */
function entryPoints(): string[] {
  return readdirSync(join(root, "services"))
    .map((service) => join("services", service, "main.ts"))
    .filter((file) => existsSync(join(root, file)));
}

async function denoTypes(): Promise<Outcome> {
  const files = entryPoints();
  return files.length === 0
    ? { verdict: "not run", output: "no services/*/main.ts" }
    : await tool("deno", "check", "--quiet", ...files);
}

async function imports(): Promise<Outcome> {
  const violations = findImportViolations(root);
  return await Promise.resolve({
    verdict: violations.length === 0 ? "ok" : "failed",
    output: violations.join("\n"),
  });
}

async function packages(): Promise<Outcome> {
  const faults = findPackageFaults(root);
  return await Promise.resolve({ verdict: faults.length === 0 ? "ok" : "failed", output: faults.join("\n") });
}

async function licences(): Promise<Outcome> {
  const faults = findLicenceFaults(root);
  return await Promise.resolve({ verdict: faults.length === 0 ? "ok" : "failed", output: faults.join("\n") });
}

async function wording(): Promise<Outcome> {
  const faults = findWordingFaults(root);
  return await Promise.resolve({ verdict: faults.length === 0 ? "ok" : "failed", output: faults.join("\n") });
}

async function generated(): Promise<Outcome> {
  const scripts = [join("protos", "generate.ts"), join("test", "servers", "tested-versions.ts")];
  const outcomes = await Promise.all(scripts.map((script) => tool("node", script, "--check")));
  return {
    verdict: outcomes.some(({ verdict }) => verdict === "failed") ? "failed" : "ok",
    output: outcomes.map(({ output }) => output).join(""),
  };
}

/** All checks, by what they are about. A failed one does not keep the others from running. */
const checks: Readonly<Record<string, () => Promise<Outcome>>> = {
  "types (tsc)": () => tool("tsc"),
  "types (console)": () => tool("tsc", "--project", "services/console/page"),
  "types (deno check)": denoTypes,
  "lint (oxlint)": () => tool("oxlint"),
  "format (deno fmt)": () => tool("deno", "fmt", "--check"),
  "direction of imports": imports,
  "packages": packages,
  "licences": licences,
  "wording": wording,
  "generated code": generated,
};

/** `npm run check`. Returns the exit code. */
async function main(): Promise<number> {
  const rows: string[] = [];
  let failures = 0;
  for (const [name, check] of Object.entries(checks)) {
    const start = performance.now();
    const { verdict, output } = await check();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const note = verdict === "not run" ? `  (${output})` : "";
    rows.push(`${name.padEnd(22)} ${verdict.padEnd(8)} ${seconds.padStart(6)} s${note}`);
    if (verdict !== "failed") continue;
    failures++;
    process.stdout.write(`--- ${name} failed:\n${output.trimEnd()}\n\n`);
  }
  process.stdout.write(`${rows.join("\n")}\n`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main();
