import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eurekaConvertSource } from "../../services/eureka-collector/dry-run/convert-eureka.ts";
import { runCommandLine } from "../../services/meshctl/commands.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { expectedManifests, publishedSteps } from "./published-steps.ts";

const data = join(import.meta.dirname, "../data/eureka");
const never = new AbortController().signal;

/** slime's tests build the source by hand: what is not named here is Go's zero value (see the README of the data). */
const slimeTestSource = {
  profile: "slime",
  eurekaSource: {
    enabled: true,
    address: ["http://localhost:8761/eureka"],
    svcProtocol: "http",
    instancePortAsSvcPort: true,
    resourceNs: "eureka",
    defaultServiceNs: "eureka",
    svcPort: 0,
    nsHost: false,
    k8sDomainSuffix: false,
    labelPatch: false,
  },
};

describe("slime's own cases", () => {
  const loaded = loadConfig(JSON.stringify(slimeTestSource), { env: {}, fileName: "slime's tests" });

  function start() {
    const publish = publishedSteps("eureka");
    return async (file: string) => {
      const { manifests, invalidRecords } = await eurekaConvertSource.convert(
        await readFile(join(data, "slime", file), "utf8"),
        loaded,
        never,
      );
      expect(invalidRecords).toEqual([]);
      return await publish(manifests);
    };
  }

  test("simple", async () => {
    const step = start();
    expect(await step("simple.json")).toEqual(await expected("simple.expected.yaml"));
  });

  test("simple-scale-down-instance", async () => {
    const step = start();
    expect(await step("simple.json")).toEqual(await expected("simple.expected.yaml"));
    expect(await step("simple_scale_down_instance.json")).toEqual(
      await expected("simple_scale_down_instance.expected.yaml"),
    );
    expect(await step("simple_scale_down_instance.json")).toEqual([]);
  });

  async function expected(file: string) {
    return expectedManifests(await readFile(join(data, "slime", file), "utf8"));
  }
});

describe("answers of a real server", () => {
  const answers = readdirSync(join(data, "real")).filter((file) => file.endsWith(".json"));

  describe.each(["istio", "slime"])("in the %s profile", (profile) => {
    test.each(answers)("%s", async (file) => {
      const { code, out, err } = await convert(profile, file);
      expect(err).toBe("");
      expect(code).toBe(0);
      const golden = join(data, "real", file.replace(".json", `.${profile}.yaml`));
      if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(golden, out);
      expect(out).toBe(await readFile(golden, "utf8"));
    });
  });

  test("the answer to a client that did not ask for JSON is refused with advice", async () => {
    const { code, out, err } = await convert("istio", "1-apps-peer1.xml");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/1-apps-peer1\.xml: .*XML.*Accept: application\/json/);
  });

  async function convert(profile: string, file: string) {
    let [out, err] = ["", ""];
    const args = ["--config", join(data, `${profile}.config.yaml`), "--input", join(data, "real", file)];
    const code = await runCommandLine(["convert", "--source", "eureka", ...args], {
      stdout: (text) => out += text,
      stderr: (text) => err += text,
      signal: never,
    });
    return { code, out, err };
  }
});
