import type { Duration } from "./duration.ts";
import type { EurekaSource, NacosSource } from "./registry-schemas.ts";
import type { Config } from "./schema.ts";

/** An enabled source, as it is named in subjects and sync markers. */
export interface ConfiguredSource {
  readonly registry: "eureka" | "nacos" | "zookeeper" | "kubernetes";
  /** The name of the connection. Slime's files know one source per registry: `default`. */
  readonly source: "default";
  /** Above 0: serve without this source this long after the start. In milliseconds. */
  readonly waitTimeMs: Duration;
}

/** The sources that a configuration enables, in a fixed order. */
export function sourcesOf(config: Config): readonly ConfiguredSource[] {
  const all = [
    ["eureka", config.eurekaSource],
    ["nacos", config.nacosSource],
    ["zookeeper", config.zookeeperSource],
    ["kubernetes", config.k8sSource],
  ] as const;
  return all.flatMap(([registry, { enabled, waitTime }]) =>
    enabled ? [{ registry, source: "default" as const, waitTimeMs: waitTime }] : []
  );
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
  return [{ registryId, address, namespace, group, username, password, allNamespaces, namespaceGroups }];
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
