import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Makes much garbage of which a part lives on for a while, as a first read does, and tells the size of the young generation. */
const program = `
  import { getHeapSpaceStatistics } from "node:v8";
  import { start } from ${JSON.stringify(join(import.meta.dirname, "start.mjs"))};
  const main = async () => {
    let kept = [];
    for (let index = 0; index < 1_000_000; index++) {
      if (kept.length > 100_000) kept = [];
      kept.push({ index, garbage: [index, index] });
    }
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    process.stdout.write(String(young.space_size / 2 ** 20));
    return 0;
  };
  await start(async () => ({ main }), JSON.parse(process.env.START_OPTIONS));
`;

async function youngMiB(options: object, nodeOptions: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    env: { ...process.env, NODE_OPTIONS: nodeOptions, START_OPTIONS: JSON.stringify(options) },
  });
  return Number(stdout);
}

it("keeps the young generation small where a service asks for it, unless Node's options say otherwise", async () => {
  expect(await youngMiB({ keepsYoungGenerationSmall: true }, "")).toBeLessThanOrEqual(4);
  expect(await youngMiB({}, "")).toBeGreaterThan(8);
  expect(await youngMiB({ keepsYoungGenerationSmall: true }, "--max-semi-space-size=16")).toBeGreaterThan(8);
});
