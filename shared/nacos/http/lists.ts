import { NacosError } from "../nacos-error.ts";
import type { NacosInstance, NacosNamespace, ServiceName } from "../nacos.ts";
import { countOf, isObject, textOr } from "../wire/json.ts";
import { decodeInstances } from "../wire/service-info.ts";
import { defaultGroup, namespaceId, parseServiceKey } from "../wire/service-key.ts";
import type { Page } from "./pages.ts";

/** A page of `NacosApi.catalogue`. */
export interface CataloguePage {
  /** `host:port` */
  readonly server: string;
  readonly services: readonly {
    readonly service: ServiceName;
    readonly instances: readonly NacosInstance[];
  }[];
}

/** Namespaces, each once. @throws NacosError `protocol-violation`, as all here do for what is no list */
export function namespacesOf(data: unknown): readonly NacosNamespace[] {
  if (!Array.isArray(data)) throw new NacosError("protocol-violation", "namespaces: no list");
  const namespaces = new Map<string, NacosNamespace>();
  for (const item of data) {
    if (!isObject(item) || typeof item["namespace"] !== "string") {
      throw new NacosError("protocol-violation", "namespaces: one has no id");
    }
    const id = namespaceId(item["namespace"]);
    namespaces.set(id, { id, name: textOr(item["namespaceShowName"], "") || id });
  }
  return [...namespaces.values()];
}

/** Services with their instances. */
export function catalogueOf(page: unknown): CataloguePage["services"] {
  const items = isObject(page) ? page["pageItems"] : undefined;
  if (!Array.isArray(items)) throw new NacosError("protocol-violation", "catalogue: no list");
  return items.filter(isObject).map((item) => {
    const clusters = isObject(item["clusterMap"]) ? Object.entries(item["clusterMap"]) : [];
    const hosts = clusters.flatMap(([clusterName, cluster]) => {
      const list = isObject(cluster) && Array.isArray(cluster["hosts"]) ? cluster["hosts"] : [];
      return list.map((host: unknown) => (isObject(host) ? { ...host, clusterName } : host));
    });
    const service = { group: textOr(item["groupName"], defaultGroup), name: textOr(item["serviceName"], "") };
    return { service, instances: decodeInstances(hosts).instances };
  });
}

/** A page of services with groups. */
export function itemsOf(json: unknown, total: string, items: string): Page {
  return pageOf(json, total, items, (item) => {
    if (!isObject(item) || typeof item["name"] !== "string" || item["name"] === "") return undefined;
    return { group: textOr(item["groupName"], "") || defaultGroup, name: item["name"] };
  });
}

/** A page of names, in one group. */
export function namesOf(json: unknown, items: string, group: string): Page {
  return pageOf(
    json,
    "count",
    items,
    (name) => typeof name === "string" ? parseServiceKey(name, group) : undefined,
  );
}

function pageOf(
  json: unknown,
  total: string,
  items: string,
  decode: (item: unknown) => ServiceName | undefined,
): Page {
  const list = isObject(json) ? json[items] : undefined;
  const count = isObject(json) ? countOf(json[total]) : undefined;
  // A list that isn't there must not pass for an empty one.
  if (!Array.isArray(list) || count === undefined) {
    throw new NacosError("protocol-violation", `list of services: no "${items}" with "${total}"`);
  }
  return {
    total: count,
    services: list.map((item: unknown) => {
      const service = decode(item);
      if (service === undefined) {
        throw new NacosError("protocol-violation", "list of services: one has no name");
      }
      return service;
    }),
  };
}
