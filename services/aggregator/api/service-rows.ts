import type { ServiceFlag, ServiceRow } from "../../../shared/api/services.ts";
import { ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { Group } from "../conflicts/conflict-book.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import type { ApiOptions } from "./api-options.ts";

type RowOptions = Pick<ApiOptions, "cache" | "ingest">;

/** Hosts of entries that are composed of several: these know them only in their bytes. */
const composedHosts = new WeakMap<CachedResource, readonly string[]>();

/** The hosts of a served entry, in lower case. */
export function hostsOf(resource: CachedResource): readonly string[] {
  if (resource.claim !== undefined) return resource.claim.hosts;
  let hosts = composedHosts.get(resource);
  if (hosts === undefined) {
    hosts = specOf(resource).hosts.map((host) => host.toLowerCase());
    composedHosts.set(resource, hosts);
  }
  return hosts;
}

/** The spec of an entry, decoded. */
export function specOf({ framed }: CachedResource): ServiceEntrySpec {
  return ServiceEntrySpec.parse(decodeResource("ServiceEntry", framed, true).spec);
}

/** The group of entries that a served one was made of; undefined if it stands for itself. */
export function groupOf(resource: CachedResource, { cache }: Pick<ApiOptions, "cache">): Group | undefined {
  if (resource.claim !== undefined && !cache.conflicts.isContested(resource.subject)) return undefined;
  for (const host of hostsOf(resource)) {
    const group = cache.conflicts.groupOf(host);
    if (group !== undefined) return group;
  }
  return undefined;
}

/** The entries of sources that a served one was made of, in the order of their subjects. */
export function membersOf(
  resource: CachedResource,
  options: Pick<ApiOptions, "cache">,
): readonly CachedResource[] {
  const members = groupOf(resource, options)?.members ?? [resource];
  return members.length < 2 ? members : members.toSorted((a, b) => a.subject < b.subject ? -1 : 1);
}

/** A served entry as lists show it. Costs little: entries that share no host with others aren't decoded. */
export function rowOf(resource: CachedResource, options: RowOptions): ServiceRow {
  const members = membersOf(resource, options);
  return {
    name: resource.name,
    hosts: [...hostsOf(resource)],
    sources: [...new Set(members.map(({ registry, source }) => sourceKey(registry, source)))],
    endpoints: resource.endpoints,
    version: resource.version,
    position: resource.cursor,
    flags: flagsOf(resource, members, options),
  };
}

function flagsOf(
  { endpoints }: CachedResource,
  members: readonly CachedResource[],
  { ingest }: RowOptions,
): ServiceFlag[] {
  const flags = new Set<ServiceFlag>();
  if (endpoints === 0) flags.add("empty");
  if (members.length > 1) flags.add("conflict");
  for (const { registry, source, subject } of members) {
    if (ingest.rejections.has(subject)) flags.add("rejected");
    const doubt = ingest.doubtsOf({ registry, source }).get(subject);
    if (doubt !== undefined) flags.add(doubt.why === "held" ? "held" : "unconfirmed");
  }
  return [...flags];
}
