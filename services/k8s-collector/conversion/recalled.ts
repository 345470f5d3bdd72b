import type { ServiceEntryManifest, WorkloadEntry } from "../../../shared/model/manifest.ts";
import { clusterLabel, compareWorkloads } from "./endpoints.ts";

/** True for the id of a cluster that can't be read yet, so that what was published of it stays. */
export type IsMissing = (clusterId: string) => boolean;

/**
 * Completes what clusters have of an entry by what was published of clusters that can't be read yet: their endpoints,
 * ports and hosts. `current`: undefined if no cluster that was read has the Service. Undefined: nothing is left.
 */
export function withRecalled(
  current: ServiceEntryManifest | undefined,
  published: ServiceEntryManifest | undefined,
  isMissing: IsMissing,
): ServiceEntryManifest | undefined {
  const recalled = (published?.spec.endpoints ?? []).filter((endpoint) => isOf(endpoint, isMissing));
  if (published === undefined || recalled.length === 0) return current;
  if (current === undefined) return { ...published, spec: { ...published.spec, endpoints: recalled } };
  const { spec } = current;
  const ports = [...spec.ports ?? []];
  for (const port of published.spec.ports ?? []) {
    if (!ports.some(({ name, number }) => name === port.name || number === port.number)) ports.push(port);
  }
  const names = new Set(ports.map(({ name }) => name));
  const endpoints = recalled.map((endpoint) => ({ ...endpoint, ports: known(endpoint.ports ?? {}, names) }));
  return {
    ...current,
    spec: {
      ...spec,
      hosts: [...new Set([...spec.hosts, ...published.spec.hosts])].sort(),
      ports: ports.sort((a, b) => a.number - b.number),
      endpoints: [...spec.endpoints ?? [], ...endpoints].sort(compareWorkloads),
    },
  };
}

/** The clusters that an entry has endpoints of. */
export function clustersOf({ spec: { endpoints = [] } }: ServiceEntryManifest): Set<string> {
  return new Set(endpoints.map(({ labels }) => labels?.[clusterLabel] ?? ""));
}

function isOf({ labels }: WorkloadEntry, isMissing: IsMissing): boolean {
  const id = labels?.[clusterLabel];
  return id !== undefined && isMissing(id);
}

function known(ports: Readonly<Record<string, number>>, names: ReadonlySet<string>): Record<string, number> {
  return Object.fromEntries(Object.entries(ports).filter(([name]) => names.has(name)));
}
