import { gzipSync } from "node:zlib";
import { stringify } from "yaml";
import { describe, expect, it } from "vitest";
import { formatIssue } from "./config-issue.ts";
import { inspectConfig } from "./load-config.ts";

const moduleText = `name: meshregistry
kind: meshregistry
enable: true
general:
  LEGACY:
    EurekaSource:
      Enabled: true
      Address:
        - http://eureka.shop:8761/eureka
      RefreshPeriod: 15s
`;

function inspect(file: unknown) {
  const text = typeof file === "string" ? file : stringify(file);
  const { loaded, errors, warnings } = inspectConfig(text, { env: {}, fileName: "f.yaml" });
  return { shape: loaded?.shape, config: loaded?.config, errors: errors.map(formatIssue), warnings };
}

function configMap(data: Record<string, string>, binaryData?: Record<string, string>) {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "meshregistry", namespace: "mesh-operator", uid: "3f" },
    data,
    ...(binaryData === undefined ? {} : { binaryData }),
  };
}

/** A bundle's ConfigMap has the bundle itself under `cfg`, its modules beside it. */
const bundle =
  "name: bundle\nenable: true\nbundle:\n  modules:\n    - {name: meshregistry, kind: meshregistry}\n";

describe("findBlock", () => {
  it.each([
    ["a module file", moduleText, "slime-module"],
    ["an old module without a kind", moduleText.replace("kind: meshregistry\n", ""), "slime-module"],
    [
      "a module in JSON",
      JSON.stringify({
        kind: "meshregistry",
        general: { LEGACY: { EurekaSource: { RefreshPeriod: "15s" } } },
      }),
      "slime-module",
    ],
    ["a ConfigMap", configMap({ cfg: moduleText }), "config-map"],
    ["a bundle's ConfigMap", configMap({ cfg: bundle, cfg_meshregistry: moduleText }), "config-map"],
    [
      "a packed ConfigMap",
      configMap({}, { cfg_meshregistry: gzipSync(moduleText).toString("base64") }),
      "config-map",
    ],
    ["a SlimeBoot", {
      apiVersion: "config.netease.com/v1alpha1",
      kind: "SlimeBoot",
      spec: {
        module: [{ name: "limiter", kind: "limiter" }, {
          name: "meshregistry",
          kind: "meshregistry",
          general: { LEGACY: { EurekaSource: { RefreshPeriod: "15s" } } },
        }],
      },
    }, "slime-boot"],
    ["our own file", "eurekaSource: {refreshPeriod: 15s}", "own"],
  ])("reads %s", (_, file, shape) => {
    const found = inspect(file);
    expect(found).toMatchObject({ errors: [], shape });
    expect(found.config?.eurekaSource.refreshPeriod).toBe(15_000);
  });

  it("warns about a module without LEGACY", () => {
    const { config, warnings } = inspect("name: meshregistry\nkind: meshregistry\n");
    expect(config?.eurekaSource.enabled).toBe(false);
    expect(warnings.map(({ message }) => message)).toEqual(["there is nothing here, so every source is off"]);
  });

  it("knows the ConfigMap of slime's README, which has no kind", () => {
    const { shape, config, errors } = inspect(
      { apiVersion: "v1", data: { cfg: bundle, cfg_meshregistry: moduleText } },
    );
    expect({ shape, errors }).toEqual({ shape: "config-map", errors: [] });
    expect(config?.eurekaSource.enabled).toBe(true);
  });

  it("says which keys beside LEGACY have no effect", () => {
    const { warnings } = inspect({
      kind: "meshregistry",
      enable: false,
      global: { misc: { "aux-addr": ":8081" }, log: { logLevel: "info" } },
      general: { LEGACY: { EurekaSource: { Enabled: true, Address: ["http://a"], LabelPatch: false } } },
    });
    expect(warnings.map(formatIssue)).toEqual([
      "f.yaml:2:9: enable: this key has no effect here: slime would not run the module, and it is run",
      "f.yaml:5:15: global.misc.aux-addr: this key has no effect here: set http.address in general.LEGACY " +
      "(slime's port is 8081, which is also our default)",
      "f.yaml:7:15: global.log.logLevel: this key has no effect here: set the environment variable LOG_LEVEL",
    ]);
  });

  it.each([
    ["a literal block", (text: string) => stringify(configMap({ cfg: text }))],
    ["JSON on one line", (text: string) => JSON.stringify(configMap({ cfg: text }))],
    ["JSON as kubectl writes it", (text: string) => JSON.stringify(configMap({ cfg: text }), undefined, 4)],
    [
      "a literal block after a comment and blank lines",
      (text: string) => `# one\nkind: ConfigMap\n\ndata:\n  cfg: |-\n\n\n${text.replaceAll(/^/gm, "     ")}`,
    ],
  ])("counts lines and columns in the file that was given: %s", (_, write) => {
    const file = write(moduleText.replace("15s", "four"));
    const [error = ""] = inspect(file).errors;
    const [, line, column] = /^f\.yaml:(\d+):(\d+): data\.cfg\.general/.exec(error) ?? [];
    const found = file.split("\n")[Number(line) - 1]?.slice(Number(column) - 1);
    expect(found).toMatch(/^four/);
  });

  it("finds the place inside a ConfigMap's text", () => {
    expect(inspect(configMap({ cfg: moduleText.replace("15s", "15") })).errors).toEqual([
      "f.yaml:18:26: data.cfg.general.LEGACY.EurekaSource.RefreshPeriod: expected a duration as Go writes " +
      'it, in quotes and with a unit, such as "15s" or "1m30s", found 15 (a number)',
    ]);
  });

  it.each([
    [configMap({ "other.yaml": moduleText }), "a key cfg or cfg_<name> with a meshregistry module"],
    [configMap({ cfg: "name: x\nkind: limiter\n" }), "(there are data.cfg), found none"],
    [
      configMap({ cfg: moduleText, cfg_b: moduleText }),
      "found data.cfg.general.LEGACY and data.cfg_b.general.LEGACY",
    ],
    [configMap({ cfg: "{" }), "f.yaml:8:10: data.cfg: expected YAML or JSON"],
    [
      configMap({}, { cfg: Buffer.from([0x1f, 0x8b, 1, 2]).toString("base64") }),
      "binaryData.cfg: expected base64 of a gzip",
    ],
    [{ apiVersion: "apps/v1", kind: "Deployment" }, "found a Deployment"],
    [
      { apiVersion: "x/v1", kind: "SlimeBoot", spec: {} },
      "expected an item of kind meshregistry in spec.module",
    ],
  ])("says what is missing in %j", (file, message) => {
    expect(inspect(file).errors.join("\n")).toContain(message);
  });
});
