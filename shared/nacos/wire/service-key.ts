import type { ServiceName } from "../nacos.ts";

/** The group of what is registered without one. */
export const defaultGroup = "DEFAULT_GROUP";

/** Id of the public namespace, which older servers call `""`. */
export const publicNamespace = "public";

/** A namespace's id as naming calls it: `public` for `""`. */
export function namespaceId(id: string): string {
  return id === "" ? publicNamespace : id;
}

/** `group@@name`, which identifies a service within its namespace. */
export function serviceKey({ group, name }: ServiceName): string {
  return `${group}@@${name}`;
}

/** Reads `group@@name`; what has no `@@` is a name in the group given. */
export function parseServiceKey(key: string, group: string = defaultGroup): ServiceName {
  const at = key.indexOf("@@");
  return at < 0 ? { group, name: key } : { group: key.slice(0, at), name: key.slice(at + 2) };
}

/** Reads `namespace@@group@@name`, as a fuzzy watch tells it; undefined for what has fewer parts. */
export function parseWatchKey(
  key: string,
): { readonly namespace: string; readonly service: ServiceName } | undefined {
  const first = key.indexOf("@@");
  const second = key.indexOf("@@", first + 2);
  if (first < 0 || second < 0) return undefined;
  return {
    namespace: key.slice(0, first),
    service: { group: key.slice(first + 2, second), name: key.slice(second + 2) },
  };
}

/** A service as a fuzzy watch names it. */
export function watchKey(namespace: string, service: ServiceName): string {
  return `${namespace}@@${serviceKey(service)}`;
}
