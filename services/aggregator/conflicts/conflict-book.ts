import type { CachedResource } from "../catalogue/cached-resource.ts";
import { amended } from "./amended.ts";
import type { Ingredients } from "./amended.ts";
import type { ConflictRules } from "./conflict-rules.ts";
import { entryReader } from "./entry-reader.ts";
import { HostIndex } from "./host-index.ts";
import { servedParts } from "./served-parts.ts";
import { possibleNames } from "./part-names.ts";
import { settle } from "./settle.ts";
import type { Contest, Outcome } from "./settlement.ts";

/** Entries that have hosts or names in common, and what is served of them. An entry alone is a group, too. */
export interface Group {
  readonly members: readonly CachedResource[];
  /** No two of one name. */
  readonly served: readonly CachedResource[];
}

/** A group of several, with what is counted of it. */
interface ContestedGroup extends Group {
  /** What the served resource is made of, if it is one. */
  readonly sole: Ingredients | undefined;
  readonly contests: readonly Pick<Contest, "host" | "outcome">[];
  /** Names that its parts may be given, see {@link possibleNames}. */
  readonly madeNames: readonly string[];
}

/** What a change of one entry did: these groups are gone, those are there in their place. */
export interface Regrouping {
  readonly before: readonly Group[];
  readonly after: readonly Group[];
  /** True if it is one group of the same entries, whose one served resource has other endpoints at most. */
  readonly isAmended: boolean;
}

/** A host that came to be claimed by several entries. */
export type ConflictListener = (contest: Contest) => void;

/**
 * Which entries have hosts or names in common, and what is served of them, kept up to date entry by entry. Entries that
 * share nothing with others, nearly all, are in no group: they cost two looks into a map.
 */
export class ConflictBook {
  readonly #rules: ConflictRules;
  /** The entries by subject, which the owner has brought up to date before {@link change} is called. */
  readonly #stored: ReadonlyMap<string, CachedResource>;
  readonly #onConflict: ConflictListener;
  readonly #index = new HostIndex();
  /** By subject: groups of several only. */
  readonly #groups = new Map<string, ContestedGroup>();
  /** By name: the group that may make it. */
  readonly #madeNames = new Map<string, ContestedGroup>();
  readonly #counts: Record<Outcome, number> = { merged: 0, unmergeable: 0, preferred: 0, separate: 0 };

  readonly #isTaken = (name: string) => this.#index.has(name);

  constructor(
    rules: ConflictRules,
    stored: ReadonlyMap<string, CachedResource>,
    onConflict: ConflictListener,
  ) {
    this.#rules = rules;
    this.#stored = stored;
    this.#onConflict = onConflict;
  }

  /** Hosts that several entries claim, by how that ended. */
  get counts(): Readonly<Record<Outcome, number>> {
    return this.#counts;
  }

  /** True if the subject's entry shares a host or a name with another one. */
  isContested(subject: string): boolean {
    return this.#groups.has(subject);
  }

  /** All groups of several entries, each once. */
  get groups(): Iterable<Group> {
    return new Set(this.#groups.values());
  }

  /** The entries of hosts that several claim which some client sees together, each once. */
  *contestedEntries(): Iterable<CachedResource> {
    for (const { contests, members } of new Set(this.#groups.values())) {
      const hosts = new Set(contests.map(({ host }) => host));
      yield* members.filter(({ claim }) => claim?.hosts.some((host) => hosts.has(host)));
    }
  }

  /** The group whose members claim a host, in lower case; undefined if one entry or none claims it. */
  groupOf(host: string): Group | undefined {
    for (const subject of this.#index.claimantsOf(host)) {
      const group = this.#groups.get(subject);
      if (group !== undefined) return group;
    }
    return undefined;
  }

  /** The entries that claim a host, in lower case, or a name (`<namespace>/<name>`). */
  claimantsOf(key: string): readonly CachedResource[] {
    return [...this.#index.claimantsOf(key)].flatMap((subject) => this.#stored.get(subject) ?? []);
  }

  /** What is decided for a group, in words: worked out anew, since nearly nobody asks. */
  contestsOf({ members }: Group): readonly Contest[] {
    return settle(members, this.#rules).contests;
  }

  /** What a client is served that sees only some members of a group. */
  servedOf(members: readonly CachedResource[], cursor: string): readonly CachedResource[] {
    if (members.length === 1) return members;
    const entryOf = entryReader();
    return servedParts(settle(members, this.#rules, this.#isTaken, entryOf).parts, cursor, entryOf);
  }

  /**
   * Takes in that a subject's entry is another one, new, or gone. Returns undefined if it shares nothing with others,
   * before and after. `cursor` is the place in the entry log where it happened.
   */
  change(
    before: CachedResource | undefined,
    after: CachedResource | undefined,
    cursor: string,
  ): Regrouping | undefined {
    const changed = after ?? before;
    if (changed === undefined) return undefined;
    this.#index.replace(before, after);
    const known = this.#groups.get(changed.subject);
    const amended = known && before && after && this.#amend(known, before, after, cursor);
    if (amended !== undefined) return amended;
    const maker = this.#madeNames.get(changed.name);
    const isShared = after !== undefined && this.#index.isShared(after);
    if (known === undefined && maker === undefined && !isShared) return undefined;
    const gone = new Set<Group>();
    for (const group of [known, maker]) if (group !== undefined) gone.add(group);
    if (known === undefined && before !== undefined) gone.add(alone(before));
    for (const subject of isShared ? this.#index.othersOf(after) : []) {
      const other = this.#stored.get(subject);
      const group = this.#groups.get(subject) ?? (other && alone(other));
      if (group !== undefined) gone.add(group);
    }
    const groups = this.#regroup(gone, changed.subject, cursor);
    return { before: [...gone], after: groups, isAmended: false };
  }

  /** The cheap way for the most frequent change by far: endpoints of one member, which decide nothing. */
  #amend(
    group: ContestedGroup,
    before: CachedResource,
    after: CachedResource,
    cursor: string,
  ): Regrouping | undefined {
    const [resource] = group.served;
    const served = resource && group.sole && amended(resource, group.sole, before, after, cursor);
    if (group.sole === undefined || served === undefined) return undefined;
    const swap = (each: CachedResource) => each === before ? after : each;
    const contents = group.sole.contents.map(swap);
    const now: ContestedGroup = {
      ...group,
      members: contents.length === group.members.length ? contents : group.members.map(swap),
      served: [served],
      sole: { identity: swap(group.sole.identity), contents },
    };
    for (const { subject } of now.members) this.#groups.set(subject, now);
    for (const name of now.madeNames) this.#madeNames.set(name, now);
    return { before: [group], after: [now], isAmended: true };
  }

  #regroup(gone: ReadonlySet<Group>, changed: string, cursor: string): readonly Group[] {
    const subjects = new Set([changed]);
    const known = new Set<string>();
    for (const group of gone) {
      for (const { subject } of group.members) subjects.add(subject);
      if (isContested(group)) this.#forget(group, known);
    }
    const earlier = new Map([...gone].flatMap(({ served }) => served.map((each) => [each.name, each])));
    return this.#index.groupsOf(subjects, (subject) => this.#stored.get(subject)).map((members) => {
      const [only] = members;
      if (only !== undefined && members.length === 1) return alone(only);
      const group = this.#settled(members, cursor, earlier, known);
      for (const { subject } of members) this.#groups.set(subject, group);
      for (const name of group.madeNames) this.#madeNames.set(name, group);
      for (const { outcome } of group.contests) this.#counts[outcome]++;
      return group;
    });
  }

  #settled(
    members: readonly CachedResource[],
    cursor: string,
    earlier: ReadonlyMap<string, CachedResource>,
    known: ReadonlySet<string>,
  ): ContestedGroup {
    const entryOf = entryReader();
    const { parts, contests } = settle(members, this.#rules, this.#isTaken, entryOf);
    for (const contest of contests) if (!known.has(contest.host)) this.#onConflict(contest);
    const madeNames = possibleNames(members);
    const served = servedParts(parts, cursor, entryOf).map((resource) => {
      // The very same resource, with its earlier place in the log, if nothing of it has changed.
      const before = earlier.get(resource.name);
      const isSame = before?.version === resource.version && before.subject === resource.subject;
      return isSame && resource.claim === undefined ? before : resource;
    });
    const [part] = parts;
    const sole = parts.length === 1 && part
      ? { identity: part.identity, contents: part.contents }
      : undefined;
    return {
      // One list for both, which hold the same in nearly all groups.
      members: sole?.contents.length === members.length ? sole.contents : members,
      served,
      sole,
      contests: contests.map(({ host, outcome }) => ({ host, outcome })),
      madeNames: madeNames.length === 0 ? noNames : madeNames,
    };
  }

  #forget(group: ContestedGroup, known: Set<string>): void {
    for (const { subject } of group.members) this.#groups.delete(subject);
    for (const name of group.madeNames) this.#madeNames.delete(name);
    for (const { host, outcome } of group.contests) {
      known.add(host);
      this.#counts[outcome]--;
    }
  }
}

/** One list for all groups that make no name. */
const noNames: readonly string[] = [];

function alone(resource: CachedResource): Group {
  const all = [resource];
  return { members: all, served: all };
}

function isContested(group: Group): group is ContestedGroup {
  return "contests" in group;
}
