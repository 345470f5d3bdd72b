/** What is served under one name, before and after: the hosts that it has endpoints of, see {@link liveHostsOf}. */
export interface Replacement {
  /** Undefined if nothing was served. */
  readonly before: readonly string[] | undefined;
  /** Undefined if nothing is served any more. */
  readonly after: readonly string[] | undefined;
}

/** A replacement that takes endpoints away from some hosts, and may bring them to others. */
interface Shift<Each> {
  readonly each: Each;
  readonly gives: readonly string[];
  readonly takes: readonly string[];
}

/**
 * The order in which replacements are told: what is new, what loses nothing, what loses a host or its last endpoint,
 * what goes. Of those that lose one and get another, the one that gets it comes before the one that loses it. So a
 * client that is sent one resource after the other has endpoints of each host all the time, also where a host moves
 * from one entry to another and both stay. Only entries that swap their hosts leave a gap. Costs as much as there are
 * replacements and hosts that move.
 */
export function gainsFirst<Each>(
  replacements: readonly Each[],
  hostsOf: (each: Each) => Replacement,
): readonly Each[] {
  if (replacements.length < 2) return replacements;
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
  return [...fresh, ...keeping, ...takersFirst(shifts, covered), ...going];
}

/** Who takes a host over comes before who gives it away, unless it is covered, or they go round in a circle. */
function takersFirst<Each>(shifts: readonly Shift<Each>[], covered: ReadonlySet<string>): readonly Each[] {
  if (shifts.length < 2) return shifts.map(({ each }) => each);
  const takers = Map.groupBy(
    shifts.flatMap((shift) => shift.takes.map((host) => ({ host, shift }))),
    ({ host }) => host,
  );
  const begun = new Set<Shift<Each>>();
  const ordered: Each[] = [];
  // Not by recursion: a chain may be as long as a backlog.
  const open: { readonly shift: Shift<Each>; readonly before: Iterator<Shift<Each>> }[] = [];
  const begin = (shift: Shift<Each>) => {
    if (begun.has(shift)) return;
    begun.add(shift);
    const before = shift.gives.filter((host) => !covered.has(host))
      .flatMap((host) => (takers.get(host) ?? []).map((taker) => taker.shift));
    open.push({ shift, before: before.values() });
  };
  for (const shift of shifts) {
    begin(shift);
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      const next = last.before.next();
      if (next.done !== true) begin(next.value);
      else {
        ordered.push(last.shift.each);
        open.pop();
      }
    }
  }
  return ordered;
}

const none: readonly string[] = [];

/** Those of the first that the second lacks. Lists of hosts are short, and most are the same list. */
function missing(some: readonly string[], others: readonly string[]): readonly string[] {
  if (some === others) return none;
  if (others.length > 8) {
    const known = new Set(others);
    return some.filter((host) => !known.has(host));
  }
  return some.filter((host) => !others.includes(host));
}
