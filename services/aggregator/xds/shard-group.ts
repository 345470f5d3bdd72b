/** One stream of an istiod to a listener with a part of the catalogue. */
interface Member {
  readonly index: number;
  /** True once others may leave to it what belongs to its part: its client has it. */
  counts: boolean;
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
 * The streams of one istiod to the listeners that share the catalogue, as a pure state machine: decides which parts each
 * of them is shown, such that nothing is missing at the istiod at any time, whatever number of listeners it knows of.
 *
 * An istiod connects to all of its `configSources` within milliseconds. Nothing is answered until it has come to every
 * listener, or to no further one for a while (it keeps what it has until then). What belongs to a listener that it
 * doesn't know is shown on those that it does. When it comes to a further one later, the others go on showing what
 * belongs there until the istiod has acknowledged it: it is never without it, and twice is harmless, since istiod takes
 * the first of several sources that have a resource.
 */
export class ShardGroup {
  readonly #of: number;
  readonly #members = new Map<number, Member>();
  /** By part: when its last stream went. */
  readonly #lostAtMs = new Map<number, number>();
  #lastJoinMs = 0;
  #isSettled = false;

  /** `of`: the number of listeners. */
  constructor(of: number) {
    this.#of = of;
  }

  /** True if no stream is left: the group is to be forgotten. */
  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** A stream (`id`) was opened to the listener of part `index`. */
  join(id: number, index: number, nowMs: number): void {
    // One that comes back within the time still has what it was shown.
    const counts = this.#lostAtMs.delete(index);
    this.#members.set(id, { index, counts });
    this.#lastJoinMs = nowMs;
    this.#settle(nowMs);
  }

  /** The stream is gone. */
  leave(id: number, nowMs: number): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    if (member?.counts !== true) return;
    if (this.#members.values().every(({ index }) => index !== member.index)) {
      this.#lostAtMs.set(member.index, nowMs);
    }
  }

  /** True if others still show what belongs to this stream. */
  isWaitingFor(id: number): boolean {
    return this.#isSettled && this.#members.get(id)?.counts === false;
  }

  /** The stream's client has acknowledged all that it was shown. */
  acknowledge(id: number): void {
    const member = this.#members.get(id);
    if (member !== undefined) member.counts = true;
  }

  /** To be called when {@link waitMs} is over. */
  tick(nowMs: number): void {
    this.#settle(nowMs);
    for (const [index, lostAtMs] of this.#lostAtMs) {
      if (nowMs - lostAtMs >= absenceMs) this.#lostAtMs.delete(index);
    }
  }

  /** How long until time changes something; undefined if it won't. */
  waitMs(nowMs: number): number | undefined {
    const ends = Array.from(this.#lostAtMs.values(), (lostAtMs) => lostAtMs + absenceMs);
    if (!this.#isSettled) ends.push(this.#lastJoinMs + settleMs);
    return ends.length === 0 ? undefined : Math.max(Math.min(...ends) - nowMs, 0);
  }

  /**
   * The parts among which the catalogue is shared as far as this stream is concerned, ascending (see `Shard.present`);
   * undefined while nothing is to be answered.
   */
  presentFor(id: number): readonly number[] | undefined {
    const own = this.#members.get(id);
    if (!this.#isSettled || own === undefined) return undefined;
    const present = new Set([own.index, ...this.#lostAtMs.keys()]);
    for (const { index, counts } of this.#members.values()) if (counts) present.add(index);
    return [...present].sort((a, b) => a - b);
  }

  #settle(nowMs: number): void {
    if (this.#isSettled) return;
    const present = new Set(Array.from(this.#members.values(), ({ index }) => index));
    if (present.size < this.#of && nowMs - this.#lastJoinMs < settleMs) return;
    this.#isSettled = true;
    for (const member of this.#members.values()) member.counts = true;
  }
}
