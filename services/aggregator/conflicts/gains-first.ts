import { knots } from "./knots.ts";

/** What is served under one name, before and after: the hosts that it has endpoints of, see {@link liveHostsOf}. */
export interface Replacement {
  /** Undefined if nothing was served; `unknown` if something was, and of which hosts isn't known any more. */
  readonly before: readonly string[] | undefined | typeof unknown;
  /** Undefined if nothing is served any more. */
  readonly after: readonly string[] | undefined;
}

/** Hosts that are not known any more. */
export const unknown = "unknown";

/** A replacement that takes endpoints away from some hosts, and may bring them to others. */
interface Shift<Each> {
  readonly each: Each;
  readonly gives: readonly string[] | typeof unknown;
  readonly takes: readonly string[];
}

/**
 * The order in which replacements are told: what is new, what loses nothing, what loses a host or its last endpoint,
 * what goes. Of those that lose one and get another, the one that gets it comes before the one that loses it. Some can't
 * be ordered: those that pass hosts on in a circle, and those that may do so because their earlier hosts are unknown.
 * They are one list of the result, all others are lists of one. A client that is sent one list after the other, each at
 * once, has endpoints of each host all the time. Costs as much as there are replacements and hosts that move.
 */
export function gainsFirst<Each>(
  replacements: readonly Each[],
  hostsOf: (each: Each) => Replacement,
): readonly (readonly Each[])[] {
  const fresh: Each[] = [];
  const keeping: Each[] = [];
  const shifts: Shift<Each>[] = [];
  const going: Each[] = [];
  /** Hosts that some replacement has, and no shift gives it: whoever gives such a host away need not wait. */
  const covered = new Set<string>();
  const cover = (hosts: readonly string[]) => {
    for (const host of hosts) covered.add(host);
  };
  for (const each of replacements) {
    const { before, after } = hostsOf(each);
    if (after === undefined) {
      going.push(each);
      continue;
    }
    if (before === unknown) {
      shifts.push({ each, gives: unknown, takes: after });
      continue;
    }
    const gives = before === undefined ? none : missing(before, after);
    if (gives.length > 0) {
      const takes = missing(after, before ?? none);
      shifts.push({ each, gives, takes });
      cover(missing(after, takes));
      continue;
    }
    cover(after);
    if (before === undefined) fresh.push(each);
    else keeping.push(each);
  }
  return [...fresh.map(alone), ...keeping.map(alone), ...takersFirst(shifts, covered), ...going.map(alone)];
}

/** Who takes a host over comes before who gives it away, unless it is covered. */
function takersFirst<Each>(
  shifts: readonly Shift<Each>[],
  covered: ReadonlySet<string>,
): readonly (readonly Each[])[] {
  if (shifts.length < 2) return shifts.map(({ each }) => [each]);
  const takers = new Map<string, Shift<Each>[]>();
  for (const shift of shifts) {
    for (const host of shift.takes) {
      if (covered.has(host)) continue;
      const known = takers.get(host);
      if (known === undefined) takers.set(host, [shift]);
      else known.push(shift);
    }
  }
  // One that may give anything away waits for all that take something: by way of a node of its own, since each of
  // many may wait for each.
  const anything = "anything";
  type Node = Shift<Each> | typeof anything;
  const waitsFor = (node: Node): Iterable<Node> => {
    if (node === anything) return new Set([...takers.values()].flat());
    if (node.gives === unknown) return [anything];
    return node.gives.flatMap((host) => takers.get(host) ?? []);
  };
  return knots<Node>(shifts, waitsFor)
    .map((knot) => knot.flatMap((node) => node === anything ? [] : [node.each]))
    .filter(({ length }) => length > 0);
}

const none: readonly string[] = [];

function alone<Each>(each: Each): readonly Each[] {
  return [each];
}

/** Those of the first that the second lacks. Lists of hosts are short, and most are the same list. */
function missing(some: readonly string[], others: readonly string[]): readonly string[] {
  if (some === others) return none;
  if (others.length > 8) {
    const known = new Set(others);
    return some.filter((host) => !known.has(host));
  }
  return some.filter((host) => !others.includes(host));
}
