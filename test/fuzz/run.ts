import { spawn } from "node:child_process";
import { glob, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

const help = `usage: npm run fuzz [-- [--minutes N] [--seed N] [FILTER]]

Feeds damaged and invented input to everything that takes bytes from outside: manifests, answers of Eureka, frames of
ZooKeeper and of HTTP/2, debug queries. Then runs each property of the unit tests, which \`npm test\` gives the same inputs
every time. New seeds until the time is over (10 minutes), or the one that is given, once. Stops at the first failure
and says its seed. FILTER: only test files whose path contains it.
`;

/** How much more a round damages than `npm test`. Properties run as often as there, with another seed. */
const factor = 20;

const root = join(import.meta.dirname, "..", "..");

/** The unit tests that get random input, by path from the root. */
async function randomTests(filter: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of ["test", "shared", "services"]) {
    for await (
      const path of glob("**/*.test.ts", { cwd: join(root, folder), exclude: ["**/node_modules"] })
    ) {
      const file = join(root, folder, path);
      if (file.endsWith(".real.test.ts") || !file.includes(filter)) continue;
      if (/from "(fast-check|.*fuzz-rig\.ts)"/.test(await readFile(file, "utf8"))) {
        found.push(relative(root, file));
      }
    }
  }
  return found;
}

async function round(seed: number, files: readonly string[]): Promise<number> {
  const vitest = join(root, "node_modules", ".bin", "vitest");
  const child = spawn(vitest, ["run", "--project", "unit", ...files], {
    cwd: root,
    env: { ...process.env, FUZZ_SEED: String(seed), FUZZ_FACTOR: String(factor) },
    stdio: "inherit",
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** `npm run fuzz`. Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const number = (name: string) => {
    const at = args.indexOf(name);
    return at === -1 ? undefined : Number(args[at + 1]);
  };
  const [minutes, given] = [number("--minutes"), number("--seed")];
  if (args.includes("--help") || Number.isNaN(minutes) || Number.isNaN(given)) {
    process.stdout.write(help);
    return args.includes("--help") ? 0 : 2;
  }
  const filter =
    args.find((arg, index) => !arg.startsWith("-") && !(args[index - 1] ?? "").startsWith("--")) ?? "";
  const files = await randomTests(filter);
  if (files.length === 0) {
    process.stderr.write(`No test with random input has ${JSON.stringify(filter)} in its path.\n`);
    return 2;
  }
  const endMs = performance.now() + (minutes ?? 10) * 60_000;
  for (;;) {
    const seed = given ?? Math.floor(Math.random() * 2 ** 31);
    process.stdout.write(`seed ${seed}\n`);
    const code = await round(seed, files);
    if (code !== 0) {
      process.stdout.write(`failed; again with: npm run fuzz -- --seed ${seed}\n`);
      return code;
    }
    if (given !== undefined || performance.now() >= endMs) return 0;
  }
}

process.exitCode = await main(process.argv.slice(2));
