import type { Duration } from "./schema/duration.ts";
import type { NacosSource } from "./schema/nacos-schema.ts";
import type { EurekaSource, K8sSource } from "./schema/registry-schemas.ts";
import { enabledSources } from "./named-sources.ts";
import type { Config } from "./schema/schema.ts";

/** An enabled source, as it is named in subjects and sync markers. */
export interface ConfiguredSource {
  readonly registry: "eureka" | "nacos" | "zookeeper" | "kubernetes" | "files";
  /** The name of the connection. Slime's files know one source per registry: `default`. */
  readonly source: string;
  /** Above 0: serve without this source this long after the start. In milliseconds. */
  readonly waitTimeMs: Duration;
}

/** The sources that a configuration enables, in a fixed order. */
export function sourcesOf(config: Config): readonly ConfiguredSource[] {
  const all = [
    ["eureka", "eurekaSource"],
    ["nacos", "nacosSource"],
    ["zookeeper", "zookeeperSource"],
    ["kubernetes", "k8sSource"],
    ["files", "k8sSource"],
  ] as const;
  return all.flatMap(([registry, section]) =>
    enabledSources(config, section)
      .filter(({ options }) =>
        !("clusters" in options) || (registry === "files" ? readsFiles(options) : readsClusters(options))
      )
      .map(({ name, options }) => ({ registry, source: name, waitTimeMs: options.waitTime }))
  );
}

/** True if a Kubernetes source reads resources from files, as slime's does. */
export function readsFiles({ enableConfigFile, configPath }: K8sSource): boolean {
  return enableConfigFile && configPath !== "";
}

/** True if a Kubernetes source reads clusters. In slime it reads files only. */
export function readsClusters({ clusters, clusterSecretsNamespace }: K8sSource): boolean {
  return clusters.length > 0 || clusterSecretsNamespace !== "";
}

/** True if pods are to be read, because a source lays their labels over its endpoints. */
export function wantsPodFacts(config: Config): boolean {
  const sections = ["eurekaSource", "nacosSource", "zookeeperSource"] as const;
  return config.k8s.podFacts &&
    sections.some((section) => enabledSources(config, section).some(({ options }) => options.labelPatch));
}

/** One Eureka cluster; its addresses are alternatives to one another. */
export type EurekaServer = EurekaSource["servers"][number];

/** One Nacos cluster; its addresses are alternatives to one another. */
export type NacosServer = NacosSource["servers"][number];

/** The Eureka clusters to read: `servers`, or the one written into the source itself. */
export function eurekaServersOf(source: EurekaSource): readonly EurekaServer[] {
  if (source.servers.length > 0) return source.servers;
  return [{ registryId: source.registryId, address: source.address }];
}

/** The Nacos clusters to read: `servers`, or the one written into the source itself. */
export function nacosServersOf(source: NacosSource): readonly NacosServer[] {
  if (source.servers.length > 0) return source.servers;
  const { registryId, address, namespace, group, username, password, allNamespaces, namespaceGroups } =
    source;
  const { accessKey, secretKey, securityToken, signingRegion, consoleUrl, grpcPort } = source;
  const access = { username, password, accessKey, secretKey, securityToken, signingRegion };
  const content = { namespace, group, allNamespaces, namespaceGroups };
  return [{ registryId, address, consoleUrl, grpcPort, ...access, ...content }];
}

/**
 * The groups to read by namespace. `namespaceGroups` replaces `namespace` and `group`; an entry is split at its first
 * `:` and its groups at commas, nothing is trimmed, and a repeated namespace replaces the earlier one (all as slime).
 */
export function namespaceGroupsOf(server: NacosServer): ReadonlyMap<string, readonly string[]> {
  if (server.namespaceGroups.length === 0) return new Map([[server.namespace, [server.group]]]);
  return new Map(server.namespaceGroups.map((entry) => {
    const colon = entry.indexOf(":");
    return colon === -1
      ? [entry, ["DEFAULT_GROUP"]]
      : [entry.slice(0, colon), entry.slice(colon + 1).split(",")];
  }));
}
