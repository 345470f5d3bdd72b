import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { zookeeperConvertSource } from "../../services/zk-collector/dry-run/convert-zookeeper.ts";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { normalizeForIstio, validateManifest } from "../../shared/istio/mod.ts";
import { expectedManifests, publishedSteps } from "./published-steps.ts";

const data = join(import.meta.dirname, "../data/zookeeper");
const never = new AbortController().signal;

/** slime's tests build the source by hand: what is not named here is Go's zero value (see the README of the data). */
const slimeTestSource = {
  enabled: true,
  address: ["localhost:2181"],
  svcProtocol: "DUBBO",
  instancePortAsSvcPort: true,
  resourceNs: "dubbo",
  defaultServiceNs: "dubbo",
  registryRootNode: "/dubbo",
  labelPatch: false,
  ignoreLabel: [],
  consumerPath: "-",
  enableDubboSidecar: false,
};

const callModel = {
  consumerPath: "/consumers",
  enableDubboSidecar: true,
  dubboWorkloadAppLabel: "application",
};

describe("slime's own cases", () => {
  function start(more: object = {}) {
    const config = { profile: "slime", zookeeperSource: { ...slimeTestSource, ...more } };
    const loaded = loadConfig(JSON.stringify(config), { env: {}, fileName: "slime's tests" });
    const publish = publishedSteps("zookeeper");
    return async (file: string) => {
      const input = await readFile(join(data, "slime", file), "utf8");
      const { manifests, invalidRecords } = await zookeeperConvertSource.convert(input, loaded, never);
      expect(invalidRecords).toEqual([]);
      return await publish(manifests);
    };
  }

  test.each<[what: string, source: object, expected: string]>([
    ["simple", {}, "simple"],
    ["simple_with_dubbo_call_model", callModel, "simple_with_dubbo_call_model"],
    [
      "simple_with_dubbo_call_model_and_self_consume",
      { ...callModel, selfConsume: true },
      "simple_with_dubbo_call_model_and_self_consume",
    ],
    ["se_merge_port_mocker", {
      mockServiceName: "not-really-exist-dubbo.svc",
      mockServiceEntryName: "not-really-exist-dubbo",
      mockServiceMergeServicePort: true,
    }, "simple_se_merge_port_mocker"],
  ])("%s", async (_what, source, file) => {
    expect(await start(source)("simple.yaml")).toEqual(await expected(`${file}.expected.yaml`));
  });

  test("simple_scale_down_instance", async () => {
    const step = start();
    expect(await step("simple.yaml")).toEqual(await expected("simple.expected.yaml"));
    expect(await step("simple_scale_down_instance.yaml")).toEqual(
      await expected("simple_scale_down_instance.expected.yaml"),
    );
    expect(await step("simple_scale_down_instance.yaml")).toEqual([]);
  });

  async function expected(file: string) {
    return expectedManifests(await readFile(join(data, "slime", file), "utf8"));
  }
});

describe("trees that real applications left", () => {
  const trees = readdirSync(join(data, "real")).filter((file) => file.endsWith(".json"));

  function configFile(profile: string, file: string): string {
    return join(
      data,
      file.startsWith("dubbo3-root-dev") ? `${profile}.dev.config.yaml` : `${profile}.config.yaml`,
    );
  }

  describe.each(["istio", "slime"])("in the %s profile", (profile) => {
    test.each(trees)("%s", async (file) => {
      const input = join(data, "real", file);
      let [out, err] = ["", ""];
      const args = ["--source", "zookeeper", "--config", configFile(profile, file), "--input", input];
      const code = await runCommandLine(["convert", ...args], {
        stdout: (text) => out += text,
        stderr: (text) => err += text,
        signal: never,
      });
      const said = `${err.replaceAll(input, file)}exit code ${code}\n`.replaceAll(/^(?=.)/gm, "# ");
      const golden = join(data, "real", file.replace(".json", `.${profile}.yaml`));
      if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(golden, out + said);
      expect(out + said).toBe(await readFile(golden, "utf8"));
    });
  });

  test.each(trees)("%s gives only what Istio takes", async (file) => {
    const config = await readFile(configFile("istio", file), "utf8");
    const loaded = loadConfig(config, { env: {}, fileName: file });
    const input = await readFile(join(data, "real", file), "utf8");
    const { manifests } = await zookeeperConvertSource.convert(input, loaded, never);
    for (const manifest of manifests) {
      const served = manifest.kind === "ServiceEntry" ? normalizeForIstio(manifest) : manifest;
      const errors = validateManifest(served).filter(({ severity }) => severity === "error");
      expect(errors, manifest.metadata.name).toEqual([]);
    }
  });
});
