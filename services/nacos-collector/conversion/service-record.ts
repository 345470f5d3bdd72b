import type { NacosInstance } from "../../../shared/nacos/nacos.ts";

/** Which service of which cluster. */
export interface NacosServiceId {
  /** `registryId` of the server's section in the configuration; empty for none. */
  readonly registryId: string;
  /** Id of the namespace; `public` for the public one. */
  readonly namespace: string;
  readonly group: string;
  /** Without the group. */
  readonly name: string;
}

/** A service of one cluster, as the view believes it to be: what the conversion takes. */
export interface NacosServiceRecord extends NacosServiceId {
  /** In no particular order; of several with one address, port and cluster the last counts. */
  readonly instances: readonly NacosInstance[];
  /** Instances that could not be read, each with its place and the reason (`ServiceSnapshot.invalid`). */
  readonly invalid: readonly string[];
  /** The server's protection threshold was reached, and `healthy` says nothing (`ServiceSnapshot.protected`). */
  readonly protected: boolean;
}

/** What tells records apart. */
export function recordKey({ registryId, namespace, group, name }: NacosServiceId): string {
  // None of the four has a newline in any Nacos.
  return `${registryId}\n${namespace}\n${group}\n${name}`;
}

/** Where a record is found, for people: `cluster: namespace/group/name`. */
export function recordPath({ registryId, namespace, group, name }: NacosServiceId): string {
  return `${registryId === "" ? "" : `${registryId}: `}${namespace}/${group}/${name}`;
}
