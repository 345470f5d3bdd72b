import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../shared/config/mod.ts";
import { readJson, recordsOfClient, recordsOfServers, statesOf } from "./nacos-slime.ts";
import { expectedManifests, publishedSteps } from "./published-steps.ts";
import type { ComparableManifest } from "./published-steps.ts";

const data = join(import.meta.dirname, "../data/nacos");
const own = join(data, "slime");
const more = join(data, "slime-more");

interface Step {
  readonly input: string;
  readonly expected: string;
}

interface Case {
  readonly id: string;
  readonly kind: "instances" | "http";
  readonly options: object;
  readonly env: Record<string, string>;
  readonly steps: readonly Step[];
}

/** slime's tests build the source by hand: what is not named here is Go's zero value. */
const zeroValues = {
  LabelPatch: false,
  SvcProtocol: "http",
  SvcPort: 0,
  NsHost: false,
  K8SDomainSuffix: false,
};
const simple = { input: "simple.json", expected: "simple.expected.yaml" };
const scaledDown = {
  input: "simple_scale_down_instance.json",
  expected: "simple_scale_down_instance.expected.yaml",
};
const ownCases: readonly Case[] = [simple, scaledDown].map((_, index) => ({
  id: index === 0 ? "simple" : "simple-scale-down-instance",
  kind: "instances",
  options: zeroValues,
  env: {},
  steps: [simple, scaledDown].slice(0, index + 1),
}));
const moreCases: readonly Case[] = JSON.parse(await readFile(join(more, "cases.json"), "utf8"));

describe.each([["slime's own cases", own, ownCases], ["more of slime", more, moreCases]] as const)(
  "%s",
  (_what, folder, cases) => {
    test.each(cases.map((each) => [each.id, each] as const))(
      "%s",
      async (_id, { kind, options, env, steps }) => {
        const source = { Enabled: true, Address: ["http://127.0.0.1:8848"], ...options };
        const file = {
          name: "meshregistry",
          kind: "meshregistry",
          general: { LEGACY: { NacosSource: source } },
        };
        const loaded = loadConfig(JSON.stringify(file), { env, fileName: "slime's file" });
        const convert = statesOf(loaded);
        const publish = publishedSteps("nacos");
        for (const { input, expected } of steps) {
          const json = await readJson(folder, input);
          const records = kind === "http"
            ? recordsOfServers(json, loaded.config.nacosSource)
            : recordsOfClient(json);
          await check(await publish(convert(records).manifests), join(folder, expected));
        }
      },
    );
  },
);

/** Compares with what slime emitted, or with what we emit deliberately (`*.ours.json`, see the data's README). */
async function check(emitted: readonly ComparableManifest[], file: string): Promise<void> {
  const slime = expectedManifests(readable(await readFile(file, "utf8")));
  const ours = file.replace(".expected.yaml", ".ours.json");
  const filled = emitted.map(withoutEmptyLists);
  if (!existsSync(ours)) {
    expect(filled).toEqual(slime);
    return;
  }
  if (process.env["UPDATE_GOLDEN"] === "1") {
    await writeFile(ours, `${JSON.stringify(filled, undefined, 1)}\n`);
  }
  expect(filled).toEqual(JSON.parse(await readFile(ours, "utf8")));
  expect(filled).not.toEqual(slime);
}

/** Protobuf's JSON has no zeros: a port without a number has the number 0. An entry without a name can't be stored. */
function readable(yaml: string): string {
  return yaml.split(/^---$/m).filter((document) => !document.includes('\n  name: ""\n')).join("---")
    .replaceAll(/^( +)- protocol:/gm, "$1- number: 0\n$1  protocol:");
}

/** Nor has it empty lists. */
function withoutEmptyLists(manifest: ComparableManifest): unknown {
  const filled = Object.entries(manifest.spec).filter(([, value]) =>
    !Array.isArray(value) || value.length > 0
  );
  return { ...manifest, spec: Object.fromEntries(filled) };
}
