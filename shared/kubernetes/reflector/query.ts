import type { ResourceSelection } from "../kubernetes.ts";

/** Path and query of a request. `parameters` that are undefined are left out. */
export function requestPath(
  { resource, namespace, labelSelector, fieldSelector }: ResourceSelection,
  parameters: Readonly<Record<string, string | number | undefined>>,
): string {
  const { group, version, plural } = resource;
  const root = group === "" ? `/api/${version}` : `/apis/${encodeURIComponent(group)}/${version}`;
  const within = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  const query = new URLSearchParams();
  const all: Readonly<Record<string, string | number | undefined>> = {
    labelSelector,
    fieldSelector,
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return `${root}${within}/${plural}${text === "" ? "" : `?${text}`}`;
}

/** The query of one page. */
export function pageParameters(continueToken: string | undefined, limit: number | undefined) {
  return { limit, continue: continueToken };
}

/** The query of a watch from a version on. */
export function watchParameters(resourceVersion: string, timeoutSeconds: number) {
  return { watch: "true", resourceVersion, allowWatchBookmarks: "true", timeoutSeconds };
}

/** The query of a WatchList: the state as events, a bookmark that ends it, and the watch from there on. */
export function watchListParameters(timeoutSeconds: number) {
  return {
    watch: "true",
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: "true",
    timeoutSeconds,
  };
}
