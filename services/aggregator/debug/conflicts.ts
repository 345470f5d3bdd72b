import type { ResourceCache } from "../catalogue/cache.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { whyServed } from "../conflicts/contest-text.ts";
import type { Group } from "../conflicts/conflict-book.ts";
import type { Contest } from "../conflicts/settlement.ts";
import { ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import type { Doubt, SourceName } from "../ingest/doubts.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";

export interface ConflictPageOptions {
  readonly cache: ResourceCache;
  readonly ingest: { doubtsOf(source: SourceName): ReadonlyMap<string, Doubt> };
}

/** A host that several entries claim, as `/conflicts` shows it. */
export interface ShownConflict {
  readonly mode: Contest["mode"];
  readonly outcome: Contest["outcome"];
  readonly why: string;
  readonly claimedBy: readonly ShownClaimant[];
  readonly served: readonly ShownEntry[];
}

/** An entry of a source that claims the host. */
export interface ShownClaimant extends ShownEntry {
  readonly source: string;
  /** Why the entry log is waited for to confirm it, such as `held`; null: it is certain. */
  readonly inDoubt: Doubt["why"] | null;
  /** Why clients don't get its endpoints; null: they do. */
  readonly leftOut: string | null;
}

interface ShownEntry {
  /** `<namespace>/<name>`. */
  readonly name: string;
  readonly endpoints: number | readonly string[];
}

/** All hosts that several entries claim, by host, and how many there are of each outcome. */
export function conflictsPage(options: ConflictPageOptions) {
  const { conflicts } = options.cache;
  const hosts: Record<string, ShownConflict> = {};
  for (const group of conflicts.groups) {
    for (const contest of conflicts.contestsOf(group)) {
      hosts[contest.host] = shown(contest, group, options, (resource) => resource.endpoints);
    }
  }
  return { counts: conflicts.counts, hosts };
}

/**
 * One host, with its endpoints by source; undefined if no entry claims it. One that a single entry claims is no
 * conflict: `mode` and `outcome` are null then.
 */
export function conflictOf(host: string, options: ConflictPageOptions) {
  const { cache } = options;
  const wanted = host.toLowerCase();
  const group = cache.conflicts.groupOf(wanted);
  const contest = group && cache.conflicts.contestsOf(group).find((each) => each.host === wanted);
  if (group !== undefined && contest !== undefined) {
    return { host: wanted, ...shown(contest, group, options, placesOf) };
  }
  const claimedBy = cache.conflicts.claimantsOf(wanted).map((claimant) => ({
    ...shownClaimant(claimant, options, placesOf),
    leftOut: null,
  }));
  if (claimedBy.length === 0) return undefined;
  const served = group === undefined ? claimedBy : entriesFor(wanted, group, placesOf);
  const why = "no client sees two entries of the host";
  return { host: wanted, mode: null, outcome: null, why, claimedBy, served };
}

type EndpointsOf = (resource: CachedResource) => number | readonly string[];

function shown(
  contest: Contest,
  group: Group,
  options: ConflictPageOptions,
  endpointsOf: EndpointsOf,
): ShownConflict {
  const { host, mode, outcome, claimants, leftOut } = contest;
  return {
    mode,
    outcome,
    why: whyServed(contest),
    claimedBy: claimants.map((claimant) => ({
      ...shownClaimant(claimant, options, endpointsOf),
      leftOut: leftOut.find(({ resource }) => resource === claimant)?.reason ?? null,
    })),
    served: entriesFor(host, group, endpointsOf),
  };
}

function shownClaimant(
  resource: CachedResource,
  { ingest }: ConflictPageOptions,
  endpointsOf: EndpointsOf,
) {
  const { registry, source, name, subject } = resource;
  return {
    source: sourceKey(registry, source),
    name,
    endpoints: endpointsOf(resource),
    inDoubt: ingest.doubtsOf({ registry, source }).get(subject)?.why ?? null,
  };
}

/** What is served for a host. An entry that stands for itself knows its hosts, a composed one has to be decoded. */
function entriesFor(host: string, group: Group, endpointsOf: EndpointsOf): readonly ShownEntry[] {
  return [...group.served]
    .filter((resource) => (resource.claim?.hosts ?? hostsIn(resource)).includes(host))
    .map((resource) => ({ name: resource.name, endpoints: endpointsOf(resource) }));
}

function hostsIn(resource: CachedResource): readonly string[] {
  return specOf(resource).hosts.map((each) => each.toLowerCase());
}

/** `address:port` of each endpoint. */
function placesOf(resource: CachedResource): readonly string[] {
  return (specOf(resource).endpoints ?? []).map(({ address = "", ports = {} }) =>
    [...new Set(Object.values(ports))].map((port) => `${address}:${port}`).join(" ") || address
  );
}

function specOf(resource: CachedResource): ServiceEntrySpec {
  return ServiceEntrySpec.parse(decodeResource("ServiceEntry", resource.framed, true).spec);
}
