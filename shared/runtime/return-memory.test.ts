import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";

const Outcome = z.object({ done: z.boolean(), share: z.number() });

/** Makes much garbage that has become old, between what is kept, and tells the size of the heap before and after. */
const program = `
  import { returnMemory } from ${JSON.stringify(join(import.meta.dirname, "return-memory.ts"))};
  const all = Array.from({ length: 1_000_000 }, (_, index) => ({ index, more: [index] }));
  globalThis.kept = all.filter((_, index) => index % 50 === 0);
  all.length = 0;
  const before = process.memoryUsage().heapTotal;
  const took = returnMemory(Number(process.env.MOST_MIB));
  const after = process.memoryUsage().heapTotal;
  process.stdout.write(JSON.stringify({ done: took !== undefined, share: after / before }));
`;

async function run(mostMiB: number): Promise<z.infer<typeof Outcome>> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    env: { ...process.env, NODE_OPTIONS: "", MOST_MIB: String(mostMiB) },
  });
  return Outcome.parse(JSON.parse(stdout));
}

it("gives back what garbage took, unless the heap is too large for such a pause", async () => {
  const returned = await run(1_000);
  expect(returned.done).toBe(true);
  expect(returned.share).toBeLessThan(0.5);
  expect(await run(1)).toEqual({ done: false, share: 1 });
});
