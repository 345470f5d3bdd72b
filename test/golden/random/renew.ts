import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fingerprint, randomCase } from "./random-case.ts";
import type { CaseRegistry, StoredOutput } from "./random-case.ts";
import { runSlime } from "./running-slime.ts";

/*
 * Stores what a running slime makes of the first random cases: `SLIME=PATH node test/golden/random/renew.ts [COUNT]`.
 */

const folder = join(import.meta.dirname, "../../data/slime-random");
const program = process.env["SLIME"];
if (program === undefined) {
  throw new Error("SLIME is not set: the path of slime's program, see test/golden/README.md");
}
const count = Number(process.argv[2] ?? 150);

await mkdir(folder, { recursive: true });
for (const registry of ["eureka", "zookeeper"] as const) {
  const lines = await renewed(program, registry);
  await writeFile(
    join(folder, `${registry}.jsonl`),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
}

async function renewed(path: string, registry: CaseRegistry): Promise<StoredOutput[]> {
  const found: StoredOutput[] = [];
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const work = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const each = randomCase(registry, seed);
      try {
        found.push({ seed, fingerprint: fingerprint(each), output: await runSlime(path, each) });
      } catch (error) {
        process.stderr.write(`${registry} ${seed}: ${String(error)}; it is left out\n`);
      }
    }
  };
  await Promise.all([work(), work(), work()]);
  return found.sort((a, b) => a.seed - b.seed);
}
