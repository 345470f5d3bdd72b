import { namespaceGroupsOf } from "../../../shared/config/mod.ts";
import type { NacosServer } from "../../../shared/config/mod.ts";
import type { NacosNamespace } from "../../../shared/nacos/nacos.ts";
import { defaultGroup, namespaceId, publicNamespace } from "../../../shared/nacos/wire/service-key.ts";

/** A namespace to read. */
export interface WantedNamespace {
  readonly id: string;
  /** What people see; the id where that isn't known. */
  readonly name: string;
  /** Undefined: all. */
  readonly groups: readonly string[] | undefined;
  /** The cluster has a namespace of this id or name; otherwise the name is taken for an id, and may turn out to be one. */
  readonly isListed: boolean;
}

/** True if a cluster has to be asked which namespaces it has, before it can be read. */
export function asksForNamespaces(server: NacosServer): boolean {
  return server.allNamespaces || [...namespaceGroupsOf(server).keys()].some((name) => !isPublic(name));
}

/**
 * The namespaces that a cluster's section of the configuration means, each once. A namespace is given by its id or its
 * name; where several have that name, `ambiguous` is called, and the one with the first id is read.
 * @param known those that the cluster has; undefined if it doesn't tell: then names are ids
 */
export function wantedNamespaces(
  server: NacosServer,
  known: readonly NacosNamespace[] | undefined,
  ambiguous: (name: string, ids: readonly string[]) => void = () => undefined,
): readonly WantedNamespace[] {
  if (server.allNamespaces) {
    return (known ?? []).map(({ id, name }) => ({
      id: namespaceId(id),
      name,
      groups: undefined,
      isListed: true,
    }));
  }
  const wanted = new Map<string, {
    readonly name: string;
    readonly groups: Set<string>;
    readonly isListed: boolean;
  }>();
  for (const [given, groups] of namespaceGroupsOf(server)) {
    const { id, name, isListed } = namespaceGiven(given, known ?? [], ambiguous);
    const one = wanted.get(id) ?? { name, groups: new Set<string>(), isListed };
    for (const group of groups) one.groups.add(group === "" ? defaultGroup : group);
    wanted.set(id, one);
  }
  return Array.from(wanted, ([id, one]) => ({ ...one, id, groups: [...one.groups] }));
}

function isPublic(name: string): boolean {
  return namespaceId(name) === publicNamespace;
}

function namespaceGiven(
  given: string,
  known: readonly NacosNamespace[],
  ambiguous: (name: string, ids: readonly string[]) => void,
): NacosNamespace & Pick<WantedNamespace, "isListed"> {
  const byId = known.find(({ id }) => namespaceId(id) === namespaceId(given));
  if (byId !== undefined) return { id: namespaceId(byId.id), name: byId.name, isListed: true };
  if (isPublic(given)) return { id: publicNamespace, name: publicNamespace, isListed: true };
  const ids = known.filter(({ name }) => name === given).map(({ id }) => namespaceId(id)).sort();
  if (ids.length > 1) ambiguous(given, ids);
  // A namespace that only services use is in no list.
  return { id: ids[0] ?? given, name: given, isListed: ids.length > 0 };
}
