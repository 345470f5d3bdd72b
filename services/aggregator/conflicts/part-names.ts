import { compareCodePoints } from "../../../shared/istio/mod.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ConflictRules } from "./conflict-rules.ts";
import type { NamedPart, Part } from "./settlement.ts";

/**
 * Names for the parts of a group, no two the same. An entry keeps its name. Where one entry is served in several parts
 * (it shares some of its hosts with one neighbour and some with another), the part with the most sources keeps the
 * name, the others end in their host; where two entries have one name, the second ends in its source. Entries without
 * hosts of one name stand for each other: only the first is served. `isTaken` tells which names are an entry's own.
 */
export function namedParts(
  parts: readonly Part[],
  rules: ConflictRules,
  isTaken: (name: string) => boolean,
): readonly NamedPart[] {
  const ofEntry = new Map<string, Part[]>();
  for (const part of [...parts].sort((a, b) => rules.compare(a.identity, b.identity))) {
    const { subject } = part.identity;
    const known = ofEntry.get(subject);
    if (known === undefined) ofEntry.set(subject, [part]);
    else known.push(part);
  }
  const named = new Map<string, NamedPart>();
  const free = (wanted: string): string => {
    let name = wanted;
    for (let round = 2; named.has(name) || isTaken(name); round++) name = `${wanted}-${round}`;
    return name;
  };
  for (const ofOne of ofEntry.values()) {
    ofOne.sort((a, b) => b.contents.length - a.contents.length || compareCodePoints(hostOf(a), hostOf(b)));
    for (const [index, part] of ofOne.entries()) {
      const { identity } = part;
      let { name } = identity;
      if (index > 0) name = free(nameForHost(identity, hostOf(part)));
      else if (named.has(name)) {
        if (part.hosts.length === 0) continue;
        name = free(nameOfSource(identity));
      }
      named.set(name, { ...part, name });
    }
  }
  return [...named.values()];
}

/** The names that parts of these entries may be given: an entry of such a name has the right to it. */
export function possibleNames(members: readonly CachedResource[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { name } of members) counts.set(name, (counts.get(name) ?? 0) + 1);
  const possible: string[] = [];
  for (const member of members) {
    const hosts = member.claim?.hosts ?? [];
    if (hosts.length > 1) possible.push(...hosts.map((host) => nameForHost(member, host)));
    // Which of several is the second depends on what the client sees.
    if ((counts.get(member.name) ?? 0) > 1) possible.push(nameOfSource(member));
  }
  return possible;
}

const hostOf = ({ hosts: [host = ""] }: Part) => host;

function nameForHost({ name }: CachedResource, host: string): string {
  return `${name}--for-${host.replaceAll("/", "-")}`;
}

function nameOfSource({ name, registry, source }: CachedResource): string {
  return `${name}--from-${registry}${source === "default" ? "" : `-${source}`}`;
}
