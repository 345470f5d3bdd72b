import { describe, expect, test } from "vitest";
import { eureka } from "../../services/eureka-collector/registry.ts";
import { zookeeper } from "../../services/zk-collector/registry.ts";
import { formatIssue } from "../../shared/config/config-issue.ts";
import { inspectConfig, loadConfig } from "../../shared/config/load-config.ts";
import { sourcesOf } from "../../shared/config/sources.ts";

const options = { env: {}, fileName: "f.json" };

function load(config: unknown) {
  return loadConfig(JSON.stringify(config), options).config;
}

function errorsOf(config: unknown): string[] {
  return inspectConfig(JSON.stringify(config, undefined, 1), options).errors.map(formatIssue);
}

const datacentres = {
  shanghai: { address: ["10.1.0.1:2181"], waitTime: "30s", registryRootNode: "/dubbo-sh" },
  beijing: { address: ["10.2.0.1:2181"] },
};

describe("several sources of one registry", () => {
  test("stand under their names, are enabled by that, and have options of their own", () => {
    const config = load({ zookeeperSources: datacentres });
    expect(sourcesOf(config)).toEqual([
      { registry: "zookeeper", source: "shanghai", waitTimeMs: 30_000 },
      { registry: "zookeeper", source: "beijing", waitTimeMs: 0 },
    ]);
    const roots = zookeeper.sourcesOf(config).map(({ name, options: source }) => [name, source]);
    expect(roots).toMatchObject([
      ["shanghai", { registryRootNode: "/dubbo-sh", consumerPath: "/consumers" }],
      ["beijing", { registryRootNode: "/dubbo" }],
    ]);
  });

  test("go along with the section itself, which is called default; one can be switched off", () => {
    const config = load({
      eurekaSource: { address: ["http://a:8761/eureka"] },
      eurekaSources: {
        b: { address: ["http://b:8761/eureka"] },
        c: { enabled: false, address: ["http://c:8761/eureka"] },
      },
    });
    expect(eureka.sourcesOf(config).map(({ name }) => name)).toEqual(["default", "b"]);
  });

  test("are held against the rules of a source, each at its place", () => {
    const errors = errorsOf({
      zookeeperSources: { shanghai: { address: [] }, "bei jing": { address: ["10.2.0.1:2181"] } },
      eurekaSources: { default: { address: ["http://a:8761/eureka"], deltaPeriod: "0" } },
    });
    expect(errors).toHaveLength(4);
    expect(errors.join("\n")).toMatch(
      /zookeeperSources\.shanghai\.address: expected at least one "host:port"/,
    );
    expect(errors.join("\n")).toMatch(/zookeeperSources\["bei jing"\]: .*a name of letters/);
    expect(errors.join("\n")).toMatch(/eurekaSources\.default: .*other than "default"/);
    expect(errors.join("\n")).toMatch(/eurekaSources\.default\.deltaPeriod/);
  });
});
