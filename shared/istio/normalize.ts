import type {
  ObjectMeta,
  ServiceEntryManifest,
  ServiceEntrySpec,
  ServicePort,
  WorkloadEntry,
} from "../model/manifest.ts";
import { compareCodePoints, sorted, sortedUnique } from "./code-point-order.ts";
import { compareEndpoints, compareInstances } from "./endpoint-order.ts";
import { withoutZone } from "./endpoint-address.ts";
import { repairLabels } from "./label-repair.ts";

/**
 * The metadata label, with the value `true`, of a STATIC entry that has no endpoints. istiod up to 1.29 only notices
 * that the last endpoint is gone if the metadata changes with it, and otherwise keeps sending the old ones.
 */
export const noEndpointsLabel = "meshregistry.io/no-endpoints";

function comparePorts(a: ServicePort, b: ServicePort): number {
  return a.number - b.number ||
    compareCodePoints(a.name, b.name) ||
    compareCodePoints(a.protocol ?? "", b.protocol ?? "") ||
    (a.targetPort ?? 0) - (b.targetPort ?? 0);
}

function sortedTexts(texts: string[]): string[] {
  return sorted(texts, compareCodePoints);
}

function uniqueTexts(texts: string[]): string[] {
  return sortedUnique(texts, compareCodePoints);
}

/** `.` and the entry's own namespace are the same to Istio, which rejects an entry that has both. */
function uniqueTargets(targets: string[], namespace: string): string[] {
  const unique = uniqueTexts(targets);
  return unique.includes(".") && unique.includes(namespace)
    ? unique.filter((name) => name !== namespace)
    : unique;
}

/** Endpoints that are alike may share their labels, which are repaired once then. */
function repairingLabels(): (endpoint: WorkloadEntry) => WorkloadEntry {
  let given: Record<string, string> | undefined;
  let repaired: Record<string, string> = {};
  return (endpoint) => {
    const { labels } = endpoint;
    if (labels === undefined) return endpoint;
    if (labels !== given) repaired = repairLabels(labels);
    given = labels;
    return repaired === labels ? endpoint : { ...endpoint, labels: repaired };
  };
}

function mapped<Item>(items: Item[], change: (item: Item) => Item): Item[] {
  let result: Item[] | undefined;
  for (const [index, item] of items.entries()) {
    const changed = change(item);
    if (changed === item) continue;
    result ??= [...items];
    result[index] = changed;
  }
  return result ?? items;
}

function uniqueEndpoints(endpoints: WorkloadEntry[]): WorkloadEntry[] {
  return sortedUnique(mapped(endpoints, repairingLabels()), compareEndpoints, compareInstances);
}

/** True if no field of the two specs is another object. */
function sameFields(a: ServiceEntrySpec, b: ServiceEntrySpec): boolean {
  return a.hosts === b.hosts && a.addresses === b.addresses && a.exportTo === b.exportTo &&
    a.subjectAltNames === b.subjectAltNames && a.ports === b.ports && a.endpoints === b.endpoints;
}

function withSpec(manifest: ServiceEntryManifest, spec: ServiceEntrySpec): ServiceEntryManifest {
  return sameFields(manifest.spec, spec) ? manifest : { ...manifest, spec };
}

function hasNoEndpoints(spec: ServiceEntrySpec): boolean {
  return spec.resolution === "STATIC" && spec.workloadSelector === undefined &&
    (spec.endpoints ?? []).length === 0;
}

function withOwnLabelsValid(metadata: ObjectMeta): ObjectMeta {
  if (metadata.labels === undefined) return metadata;
  const labels = repairLabels(metadata.labels);
  return labels === metadata.labels ? metadata : { ...metadata, labels };
}

/** Sets or takes away {@link noEndpointsLabel}; the very same metadata if it is right already. */
function withEndpointsMark(metadata: ObjectMeta, isEmpty: boolean): ObjectMeta {
  const mark = metadata.labels?.[noEndpointsLabel];
  if (isEmpty) {
    return mark === "true"
      ? metadata
      : { ...metadata, labels: { ...metadata.labels, [noEndpointsLabel]: "true" } };
  }
  if (mark === undefined) return metadata;
  const { [noEndpointsLabel]: _mark, ...labels } = metadata.labels ?? {};
  const { labels: _labels, ...others } = metadata;
  return Object.keys(labels).length === 0 ? others : { ...others, labels };
}

/**
 * The output stage of the `istio` profile. What istiod would reject or misread, and what depends on the order in
 * which a registry answered, is put right; the result is the same for every order of the input, and normalising it
 * again answers the very same object (as for any entry that is in order).
 *
 * - Endpoints: in the order of {@link compareEndpoints}, one per address, ports and network. Of several the first in
 *   that order stays: the one with the most labels, then the one whose labels come first by code point.
 * - Labels of the entry and of endpoints: valid by Istio's rules, see {@link repairLabels}. Nothing is lost to a label.
 * - Hosts, `exportTo` and subject alternative names: sorted, each once. Ports: sorted by number.
 * - {@link noEndpointsLabel} on a STATIC entry with neither endpoints nor a workload selector, and on no other.
 *
 * - Addresses of the entry: without the zone of an IPv6 address, which Envoy takes for no address to listen on.
 *
 * Not touched: the order of `addresses` (the first one has a meaning of its own), that of keys inside maps (it has
 * none), and what can't be repaired without guessing, such as hosts and protocols; `validateManifest` tells about these.
 */
export function normalizeForIstio(manifest: ServiceEntryManifest): ServiceEntryManifest {
  const { spec, metadata } = manifest;
  const changed: ServiceEntrySpec = { ...spec, hosts: uniqueTexts(spec.hosts) };
  if (spec.addresses !== undefined) changed.addresses = mapped(spec.addresses, withoutZone);
  if (spec.exportTo !== undefined) changed.exportTo = uniqueTargets(spec.exportTo, metadata.namespace);
  if (spec.subjectAltNames !== undefined) changed.subjectAltNames = uniqueTexts(spec.subjectAltNames);
  if (spec.ports !== undefined) changed.ports = sorted(spec.ports, comparePorts);
  if (spec.endpoints !== undefined) changed.endpoints = uniqueEndpoints(spec.endpoints);
  const marked = withEndpointsMark(withOwnLabelsValid(metadata), hasNoEndpoints(spec));
  const result = withSpec(manifest, changed);
  return marked === metadata ? result : { ...result, metadata: marked };
}

/**
 * The output stage of the `slime` profile: slime's order and nothing else. Texts by bytes, endpoints by address,
 * ports by number. Endpoints of one address stay in the collector's order, which depends on the registry's content alone.
 * Returns the very same object if it is in order.
 */
export function orderForSlime(manifest: ServiceEntryManifest): ServiceEntryManifest {
  const { spec } = manifest;
  const changed: ServiceEntrySpec = { ...spec, hosts: sortedTexts(spec.hosts) };
  if (spec.addresses !== undefined) changed.addresses = sortedTexts(spec.addresses);
  if (spec.exportTo !== undefined) changed.exportTo = sortedTexts(spec.exportTo);
  if (spec.subjectAltNames !== undefined) changed.subjectAltNames = sortedTexts(spec.subjectAltNames);
  if (spec.ports !== undefined) changed.ports = sorted(spec.ports, comparePorts);
  if (spec.endpoints !== undefined) changed.endpoints = sorted(spec.endpoints, compareAddresses);
  return withSpec(manifest, changed);
}

function compareAddresses(a: WorkloadEntry, b: WorkloadEntry): number {
  return compareCodePoints(a.address ?? "", b.address ?? "");
}
