import type { CachedResource } from "../catalogue/cached-resource.ts";
import { compareCodePoints } from "../../../shared/istio/mod.ts";
import { entryReader } from "./entry-reader.ts";
import type { EntryReader } from "./entry-reader.ts";
import type { EntryBytes, EntryPort } from "../output-stage/compose/entry-bytes.ts";
import { addPorts, whyNotOneEntry } from "../output-stage/compose/united-ports.ts";
import type { ConflictMode, ConflictRules } from "./conflict-rules.ts";
import { areSeenTogether, isEmpty, isSeenWherever } from "./host-claim.ts";
import type { Audience } from "./host-claim.ts";
import { namedParts } from "./part-names.ts";
import type { Contest, LeftOut, Outcome, Part, Settlement } from "./settlement.ts";

/**
 * Decides what is served of entries that have hosts or names in common. Pure: the same for every order of `members`,
 * so the same on every replica and after every restart, whatever the order of arrival.
 *
 * Of the entries of one host that the same clients see, the first by precedence gives the name; the mode and the
 * entries themselves decide whose endpoints it has. An entry without endpoints never hides one that has some.
 * `isTaken` tells of a name that is made up whether it is an entry's own; `entryOf` may be shared with what comes next.
 */
export function settle(
  members: readonly CachedResource[],
  rules: ConflictRules,
  isTaken: (name: string) => boolean = () => false,
  entryOf: EntryReader = entryReader(),
): Settlement {
  const parts = new Map<string, { readonly part: Part; readonly hosts: string[] }>();
  const contests: Contest[] = [];
  const add = (identity: CachedResource, contents: readonly CachedResource[], host: string | undefined) => {
    const key = [identity, ...contents].map(({ subject }) => subject).join("\n");
    let known = parts.get(key);
    if (known === undefined) {
      const hosts: string[] = [];
      parts.set(key, known = { part: { identity, contents, hosts }, hosts });
    }
    if (host !== undefined) known.hosts.push(host);
  };
  const ordered = [...members].sort(rules.compare);
  for (const member of ordered) if ((member.claim?.hosts.length ?? 0) === 0) add(member, [member], undefined);
  for (const [host, claimants] of claimantsByHost(ordered)) {
    const [only] = claimants;
    if (only !== undefined && claimants.length === 1) {
      add(only, claimants, host);
      continue;
    }
    const { mode, compare } = rules.of(host);
    claimants.sort(compare);
    const { served, ...verdict } = settleHost(claimants, mode, rules.hidesEmpty, entryOf);
    for (const { identity, contents } of served) add(identity, contents, host);
    if (isContested(claimants)) contests.push({ host, mode, claimants, ...verdict });
  }
  const named = namedParts(Array.from(parts.values(), ({ part }) => part), rules, isTaken);
  return { parts: named, contests };
}

function claimantsByHost(
  members: readonly CachedResource[],
): readonly (readonly [string, CachedResource[]])[] {
  const byHost = new Map<string, CachedResource[]>();
  for (const member of members) {
    for (const host of member.claim?.hosts ?? []) {
      const claimants = byHost.get(host);
      if (claimants === undefined) byHost.set(host, [member]);
      else claimants.push(member);
    }
  }
  return [...byHost].sort(([a], [b]) => compareCodePoints(a, b));
}

type Served = Pick<Part, "identity" | "contents">;

/** The claimants of one host, in the order of precedence. */
function settleHost(
  claimants: readonly CachedResource[],
  mode: ConflictMode,
  hidesEmpty: boolean,
  entryOf: EntryReader,
): Pick<Contest, "outcome" | "leftOut"> & { readonly served: readonly Served[] } {
  const served: Served[] = [];
  const leftOut: LeftOut[] = [];
  for (const peers of byAudience(claimants)) {
    const [first] = peers;
    if (first === undefined) continue;
    switch (mode) {
      case "merge":
        served.push({ identity: first, contents: mergeable(peers, entryOf, leftOut) });
        break;
      case "prefer": {
        const chosen = peers.find((peer) => !isEmpty(peer)) ?? first;
        served.push({ identity: first, contents: [chosen] });
        for (const peer of peers) {
          if (peer !== chosen) leftOut.push({ resource: peer, reason: whyNotPreferred(peer) });
        }
        break;
      }
      case "separate":
        for (const peer of peers) served.push({ identity: peer, contents: [peer] });
    }
  }
  const outcome = outcomeOf(mode, served, leftOut);
  if (!hidesEmpty || served.length === 1) return { served, leftOut, outcome };
  const kept = served.filter((each) => !served.some((other) => other !== each && hides(other, each)));
  for (const { identity } of served.filter((each) => !kept.includes(each))) {
    leftOut.push({ resource: identity, reason: "has no endpoints, and another entry of the host has some" });
  }
  return { served: kept, leftOut, outcome };
}

function whyNotPreferred(peer: CachedResource): string {
  return isEmpty(peer) ? "has no endpoints" : "comes after the one that is served";
}

/** True if every client that sees an empty entry sees endpoints of the host in another one. */
function hides(other: Served, each: Served): boolean {
  return each.contents.every(isEmpty) && !other.contents.every(isEmpty) &&
    isSeenWherever(audienceOf(each.identity), audienceOf(other.identity));
}

/** The peers that can be one entry, in the order of precedence; those with endpoints come first in the choice. */
function mergeable(
  peers: readonly CachedResource[],
  entryOf: EntryReader,
  leftOut: LeftOut[],
): readonly CachedResource[] {
  const [only] = peers;
  if (only !== undefined && peers.length === 1) return peers;
  const chosen = new Set<CachedResource>();
  const entries: EntryBytes[] = [];
  const ports = new Map<number, EntryPort>();
  for (const peer of [...peers.filter((each) => !isEmpty(each)), ...peers.filter(isEmpty)]) {
    const entry = entryOf(peer);
    const reason = whyNotOneEntry(entries, ports, entry);
    if (reason !== undefined) {
      leftOut.push({ resource: peer, reason });
      continue;
    }
    chosen.add(peer);
    entries.push(entry);
    addPorts(ports, entry);
  }
  return peers.filter((peer) => chosen.has(peer));
}

/** Entries that the very same clients see: only they can stand for each other. */
function byAudience(claimants: readonly CachedResource[]): Iterable<readonly CachedResource[]> {
  const groups = new Map<string, CachedResource[]>();
  for (const claimant of claimants) {
    const key = `${claimant.claim?.scope ?? ""} ${claimant.revision ?? ""}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [claimant]);
    else group.push(claimant);
  }
  return groups.values();
}

function audienceOf({ claim, revision }: CachedResource): Audience {
  return { scope: claim?.scope ?? "", revision };
}

/** True if some client sees two of the claimants. */
function isContested(claimants: readonly CachedResource[]): boolean {
  const audiences = new Map<string, Audience>();
  for (const claimant of claimants) {
    const audience = audienceOf(claimant);
    const key = `${audience.scope} ${audience.revision ?? ""}`;
    if (audiences.has(key) && audience.scope !== "") return true;
    for (const other of audiences.values()) if (areSeenTogether(audience, other)) return true;
    audiences.set(key, audience);
  }
  return false;
}

/** `leftOut` are those that their peers keep out. */
function outcomeOf(mode: ConflictMode, served: readonly Served[], leftOut: readonly LeftOut[]): Outcome {
  if (mode === "separate") return "separate";
  if (leftOut.length > 0) return mode === "merge" ? "unmergeable" : "preferred";
  return served.some(({ contents }) => contents.length > 1) ? "merged" : "separate";
}
