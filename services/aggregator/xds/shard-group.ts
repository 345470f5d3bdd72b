/** One stream of an istiod to a listener with a part of the catalogue. */
interface Member {
  readonly index: number;
  /** True once others may leave to it what belongs to its part: its client has it. */
  has: boolean;
  /** True if the group settled with it: it belongs to a distribution that is served as a whole. */
  isForming: boolean;
  /** The parts whose resources it isn't shown; undefined: it isn't shown anything yet. */
  leavesTo: ReadonlySet<number> | undefined;
}

/**
 * After so long without a further stream, an istiod that isn't connected to every listener is believed to know of no
 * more of them: it was configured for another number of parts.
 */
const settleMs = 2_000;

/**
 * How long a stream that was lost counts as there. Its istiod keeps what it got from it and comes back, after a minute
 * at most; to spread its part over the others for that time would only cost.
 */
const absenceMs = 90_000;

/**
 * How long a group that has just settled waits for the next acknowledgement. Then the other streams are shown what
 * belongs to the silent one, which costs and harms nothing.
 */
const patienceMs = 5_000;

/** What is remembered of a stream that was lost. */
interface Lost {
  readonly atMs: number;
  readonly leavesTo: ReadonlySet<number> | undefined;
  /** True if it was told to leave something to others and didn't acknowledge that. */
  readonly isLeaving: boolean;
}

/** Where a group begins. */
interface Beginning {
  /** The number of listeners that share the catalogue. */
  readonly of: number;
  /** The number of listeners after them that had parts once and have none any longer; undefined: 0. */
  readonly retired?: number | undefined;
  /** The lowest part that this istiod had from an earlier group, see {@link ShardGroup.lowest}; undefined: not known. */
  readonly lowestBefore?: number | undefined;
}

/**
 * The streams of one istiod to the listeners that share the catalogue, as a pure state machine: decides which parts each
 * of them is shown, such that nothing is missing at the istiod at any time, whatever number of listeners it knows of.
 *
 * **Settling.** An istiod connects to all of its `configSources` within milliseconds. Nothing is answered until it has
 * come to every listener, or to no further one for a while (it keeps what it has until then). What belongs to a listener
 * that it doesn't know is shown on those that it does.
 *
 * **The first answers.** The istiod may have everything already, in a distribution over other streams that nobody
 * remembers. A stream may then be answered without a resource only after the istiod has that from the stream where it
 * belongs now. Resources only ever move to streams that were not there before, with the hash of `shards.ts` to higher
 * parts: so the streams are answered from the highest part down, each after the ACK of the last. The exception is an
 * istiod that had nothing from the lowest part: what has no other place moves there from above. That part is then
 * answered first.
 *
 * **Later streams** are shown what belongs to their part, and to parts that nobody has. When all of them have it, and no
 * further one comes for a while, the others leave it to them. An istiod is sent several things twice then, but never
 * lacks one.
 *
 * **Refreshing.** An istiod with an event-driven ServiceEntry registry (1.22 was seen to; the newest has another) drops a
 * service when *any* of its sources drops it, even if another one has it, and takes it again only when its version
 * changes. So when something may have moved and all is acknowledged, every part is sent once more, under other versions:
 * {@link generationOf}.
 *
 * **Retired listeners** had a part when there were more of them, and an istiod that still has sources for them keeps what
 * these brought, deleted services among it. Their streams are answered last: with nothing, and only while everything is
 * acknowledged on streams to the others. Until then the istiod keeps what it has, without a limit of time.
 */
export class ShardGroup {
  readonly #of: number;
  readonly #retired: number;
  readonly #lowestBefore: number | undefined;
  readonly #members = new Map<number, Member>();
  /** By part: its last stream, if that is gone and counts as there. */
  readonly #lost = new Map<number, Lost>();
  #lastJoinMs = 0;
  /** False if a further stream was expected when the group last looked. */
  #wasQuiet = false;
  #isSettled = false;
  /** When the group stops to wait for acknowledgements before it answers; undefined: it has stopped. */
  #patientUntilMs: number | undefined;
  /** The part that has to be acknowledged before any other is answered. */
  #first: number | undefined;
  /** Of the streams that are gone. */
  #highestShown: number | undefined;
  /** Streams that were told to leave something to others and have not acknowledged that. */
  readonly #leaving = new Set<number>();
  /** Streams that may have to show more than they did and have not had that acknowledged. */
  readonly #growing = new Set<number>();
  #needsRefresh = false;
  /** By part. */
  readonly #generations = new Map<number, number>();

  constructor({ of, retired = 0, lowestBefore }: Beginning) {
    this.#of = of;
    this.#retired = retired;
    this.#lowestBefore = lowestBefore;
    this.#highestShown = lowestBefore;
  }

  /** True if no stream is left: the group is to be forgotten. */
  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /**
   * The lowest part that the istiod is known to have, for the group that comes after this one. If nothing is
   * acknowledged, no part that is lower than one that was shown counts as there. Undefined: it was shown nothing.
   */
  get lowest(): number | undefined {
    const there = [...this.#lost.keys()];
    for (const { index, has } of this.#live()) if (has) there.push(index);
    return there.length > 0 ? Math.min(...there) : this.#highestShown;
  }

  /** A stream (`id`) was opened to the listener of part `index`. */
  join(id: number, index: number, nowMs: number): void {
    // One that comes back within the time still has what it was shown, and is shown that again.
    const lost = this.#lost.get(index);
    this.#lost.delete(index);
    this.#members.set(id, { index, has: lost !== undefined, isForming: false, leavesTo: lost?.leavesTo });
    if (lost?.isLeaving === true) {
      this.#leaving.add(id);
      this.#needsRefresh = true;
    }
    // Others may have gone in the meantime, so it may have to show more than it did.
    if (lost !== undefined) this.#growing.add(id);
    this.#lastJoinMs = nowMs;
    this.#work(nowMs);
  }

  /** The stream is gone. */
  leave(id: number, nowMs: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const { index, has, leavesTo } = member;
    const isRetired = this.#isRetired(member);
    if (leavesTo !== undefined && !isRetired) this.#highestShown = Math.max(this.#highestShown ?? 0, index);
    this.#members.delete(id);
    const isLeaving = this.#leaving.delete(id);
    this.#growing.delete(id);
    const isLast = this.#members.values().every((other) => other.index !== index);
    if (has && isLast && !isRetired) this.#lost.set(index, { atMs: nowMs, leavesTo, isLeaving });
    this.#work(nowMs);
  }

  /** True if others wait for the stream's acknowledgement. */
  isWaitingFor(id: number): boolean {
    const isAwaited = this.#members.get(id)?.has === false || this.#leaving.has(id) || this.#growing.has(id);
    return this.#isSettled && isAwaited;
  }

  /** The stream's client has acknowledged all that it was shown, and there is nothing else to show. */
  acknowledge(id: number, nowMs: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#leaving.delete(id);
    this.#growing.delete(id);
    if (!member.has) {
      member.has = true;
      this.#needsRefresh = true;
      if (this.#patientUntilMs !== undefined) this.#patientUntilMs = nowMs + patienceMs;
    }
    this.#work(nowMs);
  }

  /** To be called when {@link waitMs} is over. */
  tick(nowMs: number): void {
    if (this.#patientUntilMs !== undefined && nowMs >= this.#patientUntilMs) this.#patientUntilMs = undefined;
    for (const [index, { atMs }] of this.#lost) if (nowMs - atMs >= absenceMs) this.#lost.delete(index);
    this.#work(nowMs);
  }

  /** How long until time changes something; undefined if it won't. */
  waitMs(nowMs: number): number | undefined {
    const members = this.#members.values().toArray();
    const ends = Array.from(this.#lost.values(), ({ atMs }) => atMs + absenceMs);
    const isQuietLater = !this.#isSettled || (this.#needsRefresh && members.every(({ has }) => has));
    // The last look decides, not the clock: what has become due since then still has to be done.
    if (isQuietLater && !this.#wasQuiet) ends.push(this.#lastJoinMs + settleMs);
    if (this.#patientUntilMs !== undefined && members.some((member) => this.#isHeld(member))) {
      ends.push(this.#patientUntilMs);
    }
    return ends.length === 0 ? undefined : Math.max(Math.min(...ends) - nowMs, 0);
  }

  /**
   * The parts among which the catalogue is shared as far as this stream is concerned, ascending (see `Shard.present`);
   * undefined while nothing is to be answered. Without its own, a retired one, it is shown nothing of the catalogue.
   */
  presentFor(id: number): readonly number[] | undefined {
    const own = this.#members.get(id);
    if (!this.#isSettled || own?.leavesTo === undefined) return undefined;
    if (this.#isRetired(own)) return Array.from({ length: this.#of }, (_, index) => index);
    return [...new Set([own.index, ...own.leavesTo])].sort((a, b) => a - b);
  }

  /** How often the stream's part was refreshed: another number means other versions (see `Shard.generation`). */
  generationOf(id: number): number {
    return this.#generations.get(this.#members.get(id)?.index ?? -1) ?? 0;
  }

  #work(nowMs: number): void {
    this.#wasQuiet = this.#isQuiet(nowMs);
    // Without a stream that brings something, nothing can be taken from a retired one.
    if (!this.#isSettled && this.#wasQuiet && this.#live().length > 0) this.#settle(nowMs);
    if (!this.#isSettled) return;
    for (const [id, member] of this.#members) {
      const { leavesTo } = member;
      const there = this.#thereFor(member);
      if (leavesTo === undefined || this.#isRetired(member)) continue;
      member.leavesTo = leavesTo.intersection(there);
      if (member.leavesTo.size < leavesTo.size) this.#growing.add(id);
    }
    for (const member of this.#members.values()) {
      if (member.leavesTo === undefined && !this.#isHeld(member)) member.leavesTo = this.#thereFor(member);
    }
    if (!this.#wasQuiet || this.#members.values().some(({ has }) => !has)) return;
    this.#leave();
    if (this.#needsRefresh && this.#leaving.size === 0) this.#refresh();
  }

  /** True if no further stream is expected. */
  #isQuiet(nowMs: number): boolean {
    const present = new Set(Array.from(this.#members.values(), ({ index }) => index));
    return present.size === this.#of + this.#retired || nowMs - this.#lastJoinMs >= settleMs;
  }

  #settle(nowMs: number): void {
    this.#isSettled = true;
    this.#patientUntilMs = nowMs + patienceMs;
    const lowest = Math.min(...this.#live().map(({ index }) => index));
    if (this.#lowestBefore !== undefined && lowest < this.#lowestBefore) this.#first = lowest;
    else for (const member of this.#members.values()) member.isForming = true;
  }

  /** The parts that may be left out of what the stream is shown. Those below it, of one distribution, take nothing away from it. */
  #thereFor(own: Member): Set<number> {
    const there = new Set(this.#lost.keys());
    for (const { index, has, isForming } of this.#live()) {
      if (has || (isForming && own.isForming && index < own.index)) there.add(index);
    }
    there.delete(own.index);
    return there;
  }

  /** True if the stream isn't answered yet, because another one has to be acknowledged before. */
  #isHeld(own: Member): boolean {
    if (this.#isRetired(own)) return !this.#isAllAcknowledged();
    if (own.has || this.#patientUntilMs === undefined) return false;
    const others = this.#live().filter(({ has }) => !has);
    const first = this.#first;
    if (first !== undefined) return own.index !== first && others.some(({ index }) => index === first);
    return own.isForming && others.some(({ index, isForming }) => isForming && index > own.index);
  }

  #isRetired({ index }: Member): boolean {
    return index >= this.#of;
  }

  /** The streams that bring something. */
  #live(): readonly Member[] {
    return this.#members.values().filter((member) => !this.#isRetired(member)).toArray();
  }

  /** True if the istiod is known to have everything, from streams to listeners that aren't retired, all of them there. */
  #isAllAcknowledged(): boolean {
    const live = this.#live();
    const isAtRest = this.#growing.size === 0 && this.#lost.size === 0;
    return isAtRest && live.length > 0 && live.every(({ has }) => has);
  }

  /** Everybody has what belongs to its part: the others need not show it any longer. */
  #leave(): void {
    for (const [id, member] of this.#members) {
      if (this.#isRetired(member)) continue;
      const there = this.#thereFor(member);
      if (member.leavesTo === undefined || there.isSubsetOf(member.leavesTo)) continue;
      member.leavesTo = there;
      this.#leaving.add(id);
      this.#needsRefresh = true;
    }
  }

  #refresh(): void {
    this.#needsRefresh = false;
    // A lost stream comes back to an istiod that may have dropped what it brought.
    for (const index of new Set([...this.#live().map((member) => member.index), ...this.#lost.keys()])) {
      this.#generations.set(index, (this.#generations.get(index) ?? 0) + 1);
    }
  }
}
