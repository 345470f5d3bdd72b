import { collectedRegistries } from "../../model/collected-registries.ts";
import type { Config } from "../schema/schema.ts";
import { sourcesOf } from "../sources.ts";
import { always } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

const sectionOf = {
  eureka: "eurekaSource",
  nacos: "nacosSource",
  zookeeper: "zookeeperSource",
  kubernetes: "k8sSource",
  files: "k8sSource",
} as const;

/**
 * What keeps services from running by a configuration that is in order. `meshctl check-config` and the start of every
 * service ask the same question. An aggregator without a source would be ready at once and serve nothing: a client that
 * believes in state of the world would delete all that it has.
 */
export function obstaclesOf(config: Config): readonly Contradiction[] {
  const sources = sourcesOf(config);
  if (sources.length === 0) {
    const remedy =
      "add a section such as eurekaSource with the registry's address, or set its enabled to true";
    return [
      always([], `no registry is enabled, so there is nothing to read and nothing to serve; ${remedy}`),
    ];
  }
  const missing = new Set(
    sources.map(({ registry }) => registry).filter((name) => !collectedRegistries.has(name)),
  );
  return [...missing].map((registry) => {
    const known = [...collectedRegistries].join(", ");
    const message = `cannot read ${registry}: this version has collectors for ${known} only; set it to false`;
    return always([sectionOf[registry], "enabled"], message);
  });
}
