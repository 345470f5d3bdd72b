import { compareCodePoints, repairLabelValue } from "../../../shared/istio/mod.ts";
import type { CachedResource, ComposedResource } from "../catalogue/cached-resource.ts";
import { composeEntry } from "../output-stage/compose/compose-entry.ts";
import type { EntryReader } from "./entry-reader.ts";
import { isEmpty } from "./host-claim.ts";
import type { NamedPart } from "./settlement.ts";

/**
 * The resources that are served for the parts of a group. A part that is an entry as it stands is that very
 * resource, with its bytes. `cursor` is the place in the entry log of the change that led here.
 */
export function servedParts(
  parts: readonly NamedPart[],
  cursor: string,
  entryOf: EntryReader,
): readonly CachedResource[] {
  const times = distinctTimes(parts, (part) => entryOf(part.identity).createdMs);
  return parts.map((part) => servedPart(part, times.get(part), cursor, entryOf));
}

function servedPart(
  part: NamedPart,
  createdMs: number | undefined,
  cursor: string,
  entryOf: EntryReader,
): CachedResource {
  const { identity, contents, hosts, name } = part;
  const isWhole = contents.length === 1 && contents[0] === identity &&
    hosts.length === (identity.claim?.hosts.length ?? 0);
  if (isWhole && name === identity.name && createdMs === undefined) return identity;
  const entry = entryOf(identity);
  const wanted = new Set(hosts);
  const place = newest([cursor, identity.cursor, ...contents.map((content) => content.cursor)]);
  const composed = composeEntry({
    name,
    identity: entry,
    contents: contents.map((content) => ({ entry: entryOf(content), source: sourceText(content) })),
    hosts: entry.hosts.filter((host) => wanted.has(host.toLowerCase())),
    createdMs: createdMs ?? entry.createdMs,
    cursor: place,
  });
  const { subject, registry, source, revision } = identity;
  const resource: ComposedResource = {
    isComposed: true,
    liveHosts: contents.every(isEmpty) ? noHosts : sharedHosts(part),
    subject,
    registry,
    source,
    name,
    revision,
    version: composed.version,
    cursor: place,
    endpoints: composed.endpoints,
    framed: composed.framed,
  };
  return resource;
}

const noHosts: readonly string[] = [];

/** The list that the entry holds anyway, if it has the same hosts: that is one less for nearly all. */
function sharedHosts({ hosts, identity: { claim } }: NamedPart): readonly string[] {
  return claim?.hosts.length === hosts.length ? claim.hosts : hosts;
}

/** What the label of an endpoint says of its source: a label's value holds no slash. */
export function sourceText({ registry, source }: CachedResource): string {
  return repairLabelValue(source === "default" ? registry : `${registry}.${source}`);
}

/** The last of some places in the entry log. */
export function newest(cursors: readonly string[]): string {
  return cursors.reduce((last, cursor) => cursor > last ? cursor : last, "");
}

/**
 * Times of creation for parts that have a host in common, where two of them are the same: istiod chooses between such
 * entries by age, and with equal times by chance. Parts that keep their time are not in the result.
 */
function distinctTimes(
  parts: readonly NamedPart[],
  createdMsOf: (part: NamedPart) => number | undefined,
): ReadonlyMap<NamedPart, number> {
  const times = new Map<NamedPart, number>();
  const sharing = partsWithSharedHosts(parts);
  if (sharing.length === 0) return times;
  const aged = sharing.map((part) => ({ part, createdMs: createdMsOf(part) ?? 0 }));
  aged.sort((a, b) => a.createdMs - b.createdMs || compareCodePoints(a.part.name, b.part.name));
  /** By host: what entries of other hosts have doesn't matter, whether or not they are in one group. */
  const last = new Map<string, number>();
  for (const { part, createdMs } of aged) {
    const time = part.hosts.reduce(
      (free, host) => Math.max(free, (last.get(host) ?? Number.NEGATIVE_INFINITY) + 1),
      createdMs,
    );
    for (const host of part.hosts) last.set(host, time);
    if (time !== createdMs) times.set(part, time);
  }
  return times;
}

function partsWithSharedHosts(parts: readonly NamedPart[]): readonly NamedPart[] {
  if (parts.length < 2) return [];
  const counts = new Map<string, number>();
  for (const { hosts } of parts) for (const host of hosts) counts.set(host, (counts.get(host) ?? 0) + 1);
  return parts.filter(({ hosts }) => hosts.some((host) => (counts.get(host) ?? 0) > 1));
}
