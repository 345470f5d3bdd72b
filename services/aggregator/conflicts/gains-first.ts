import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { EntryReader } from "./entry-reader.ts";
import { entryReader } from "./entry-reader.ts";

/** What is served under one name, before and after; undefined: nothing. */
export interface Replacement {
  readonly before: CachedResource | undefined;
  readonly after: CachedResource | undefined;
}

/** A replacement that takes endpoints away from some hosts, and may bring them to others. */
interface Shift<Each> {
  readonly each: Each;
  /** In lower case: istiod compares them so. */
  readonly gives: ReadonlySet<string>;
  readonly takes: ReadonlySet<string>;
}

/**
 * The order in which replacements of one regrouping are told: what is new, what loses nothing, what loses a host or its
 * last endpoint, what goes. Of those that lose one and get another, the one that gets it comes before the one that loses
 * it. So a client that is sent one resource after the other has endpoints of each host all the time, also where a host
 * moves from one entry to another and both stay. Only entries that swap their hosts leave a gap.
 */
export function gainsFirst<Each extends Replacement>(replacements: readonly Each[]): readonly Each[] {
  if (replacements.length < 2) return replacements;
  const entryOf = entryReader();
  const fresh: Each[] = [];
  const keeping: Each[] = [];
  const shifts: Shift<Each>[] = [];
  const going: Each[] = [];
  for (const each of replacements) {
    const { before, after } = each;
    if (before === undefined) fresh.push(each);
    else if (after === undefined) going.push(each);
    else {
      const gives = gained(after, before, entryOf);
      if (gives.size === 0) keeping.push(each);
      else shifts.push({ each, gives, takes: gained(before, after, entryOf) });
    }
  }
  return [...fresh, ...keeping, ...takersFirst(shifts), ...going];
}

/** Who takes a host over comes before who gives it away, unless they go round in a circle. */
function takersFirst<Each>(shifts: readonly Shift<Each>[]): readonly Each[] {
  if (shifts.length < 2) return shifts.map(({ each }) => each);
  const begun = new Set<Shift<Each>>();
  const ordered: Each[] = [];
  const visit = (shift: Shift<Each>) => {
    if (begun.has(shift)) return;
    begun.add(shift);
    for (const other of shifts) if (haveCommon(other.takes, shift.gives)) visit(other);
    ordered.push(shift.each);
  };
  for (const shift of shifts) visit(shift);
  return ordered;
}

const none: ReadonlySet<string> = new Set();

/** The hosts for which one has endpoints, and the other has none. */
function gained(other: CachedResource, one: CachedResource, entryOf: EntryReader): ReadonlySet<string> {
  if (one === other || one.endpoints === 0) return none;
  const hosts = hostsOf(one, entryOf);
  if (other.endpoints === 0) return hosts;
  const others = hostsOf(other, entryOf);
  return new Set([...hosts].filter((host) => !others.has(host)));
}

function haveCommon(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const host of a) if (b.has(host)) return true;
  return false;
}

function hostsOf(resource: CachedResource, entryOf: EntryReader): ReadonlySet<string> {
  return new Set(entryOf(resource).hosts.map((host) => host.toLowerCase()));
}
