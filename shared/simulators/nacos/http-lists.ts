import { instanceJson } from "./registry.ts";
import type { SimulatedRegistry, StoredService } from "./registry.ts";

/** The services of a list that isn't of one group, filtered as the parameters say. */
export function listed(
  registry: SimulatedRegistry,
  namespace: string,
  params: URLSearchParams,
): readonly StoredService[] {
  const group = params.get("groupNameParam") ?? "";
  const withoutEmpty = params.get("hasIpCount") === "true" || params.get("ignoreEmptyService") === "true";
  return registry.services(namespace).filter((service) =>
    service.group.includes(group) && (!withoutEmpty || service.instances.size > 0)
  );
}

/** The page that the parameters ask for. */
export function pageOf(params: URLSearchParams, services: readonly StoredService[]) {
  const [number, size] = [Number(params.get("pageNo") ?? 1), Number(params.get("pageSize") ?? 100)];
  return {
    total: services.length,
    number,
    size,
    items: services.slice((number - 1) * size, number * size),
  };
}

/** A service in a list, with its counts. */
export function catalogueItem({ name, group, instances }: StoredService): unknown {
  const all = [...instances.values()];
  return {
    name,
    groupName: group,
    clusterCount: new Set(all.map(({ clusterName }) => clusterName)).size,
    ipCount: all.length,
    healthyInstanceCount: all.filter(({ healthy }) => healthy).length,
    triggerFlag: "false",
  };
}

/** A service with instances, as 1.x and 2.x write them. */
export function catalogueDetails(service: StoredService): unknown {
  return details(
    service,
    ({ ip, port, weight, healthy, enabled, metadata }) => ({
      ip,
      port,
      weight,
      valid: healthy,
      enabled,
      metadata,
    }),
  );
}

/** A service with instances, as 3.x writes them. */
export function adminDetails(service: StoredService): unknown {
  return details(service, (instance) => instanceJson(service, instance));
}

function details(
  { name, group, instances }: StoredService,
  host: (instance: Parameters<typeof instanceJson>[1]) => unknown,
): unknown {
  const clusters = Map.groupBy(instances.values(), ({ clusterName }) => clusterName);
  return {
    serviceName: name,
    groupName: group,
    metadata: {},
    protectThreshold: 0,
    clusterMap: Object.fromEntries(
      [...clusters].map(([cluster, hosts]) => [cluster, { hosts: hosts.map(host) }]),
    ),
  };
}
