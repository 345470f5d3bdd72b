import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CollectorRig, soon } from "../../services/zk-collector/collector-rig.ts";
import { eurekaConvertSource } from "../../services/eureka-collector/dry-run/convert-eureka.ts";
import type { ComparableManifest } from "./published-steps.ts";
import { publishedSteps } from "./published-steps.ts";
import { asServed, loadCase } from "./slime-case.ts";
import type { ServedResource } from "./slime-case.ts";

/*
 * Cases of several states of a registry, one after the other: what is served after the last one, by the collector
 * itself and its publisher. `step2.ours.json` is there where the difference is deliberate.
 */

const data = join(import.meta.dirname, "../data/slime-diff");

type Comparable = ServedResource | ComparableManifest;

async function json(name: string, file: string) {
  return JSON.parse(await readFile(join(data, name, file), "utf8"));
}

/** Compares with what slime served after step 2, or with what we serve deliberately. */
async function check(name: string, served: readonly Comparable[]): Promise<void> {
  const slime: unknown = await json(name, "step2.slime.json");
  const file = join(data, name, "step2.ours.json");
  if (!existsSync(file)) {
    expect(served).toEqual(slime);
    return;
  }
  if (process.env["UPDATE_GOLDEN"] === "1") {
    await writeFile(file, `${JSON.stringify(served, undefined, 1)}\n`);
  }
  expect(served).toEqual(await json(name, "step2.ours.json"));
  expect(served).not.toEqual(slime);
}

describe("ZooKeeper", () => {
  const marker = "com.acme.Marker";

  test.each([
    ["50-live-zk-dependency-of-empty-service", {}],
    ["51-live-zk-dependency-of-empty-service-trim0", { trimDubboRemoveDepInterval: "0s" }],
    ["52-live-zk-sidecar-of-gone-application", { trimDubboRemoveDepInterval: "0s" }],
  ])("%s", { timeout: 30_000 }, async (name, source) => {
    const steps: { path: string }[][] = [
      await json(name, "step1.input.json"),
      await json(name, "step2.input.json"),
    ];
    const [before = new Set<string>(), after = new Set<string>()] = steps.map((nodes) =>
      new Set(nodes.map(({ path }) => path))
    );
    const loaded = await loadCase(join(data, name));
    await using rig = await CollectorRig.start({
      config: { profile: "slime", guard: { maxShrinkPercent: 100, minEndpoints: 0, holdTime: "0s" } },
      source,
      fill: ({ tree }) => before.forEach((path) => tree.ensure(path)),
    });
    const served = async () => {
      const manifests = [...(await rig.manifests()).values()].filter(({ metadata }) =>
        !/^(com\.acme\.Marker|(marker|shop)\.dubbo\.generated)$/.test(metadata.name)
      );
      return asServed(manifests, loaded);
    };
    const first: unknown = await json(name, "step1.slime.json");
    await expect.poll(served, soon).toEqual(first);

    const { tree } = rig.registry;
    const gone = [...before].filter((path) => !after.has(path)).reverse();
    // slime saw the next state as a whole, so nobody may see consumers go while there are providers.
    const isProvider = (path: string) => path.includes("/providers/");
    for (const path of gone.filter(isProvider)) tree.delete(path);
    for (const path of gone.filter((each) => !isProvider(each))) tree.delete(path);
    for (const path of after) tree.ensure(path);
    // Sidecars are planned together: that of the marker comes no earlier than all that the step changes.
    rig.registry.provide(marker, 1);
    rig.registry.consume(marker, "marker");
    await expect.poll(async () => (await rig.manifests()).has("marker.dubbo.generated"), soon).toBe(true);
    await check(name, await served());
  });
});

describe("Eureka", () => {
  test.each(["53-live-eureka-emptied-label", "54-live-eureka-emptied-host-label"])("%s", async (name) => {
    const loaded = await loadCase(join(data, name));
    const publish = publishedSteps("eureka");
    const served = new Map<string, Comparable>();
    for (const step of ["step1", "step2"]) {
      const input = await readFile(join(data, name, `${step}.input.json`), "utf8");
      const { manifests } = await eurekaConvertSource.convert(input, loaded, new AbortController().signal);
      for (const resource of await publish(manifests)) served.set(resource.name, resource);
    }
    await check(name, [...served.values()].sort((a, b) => a.name < b.name ? -1 : 1));
  });
});
