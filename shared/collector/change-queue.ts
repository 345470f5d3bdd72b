import type { DebounceRules } from "./watching-debounce.ts";
import { WatchingDebounce } from "./watching-debounce.ts";

/**
 * How long a loss waits for what may follow, in milliseconds: Dubbo and Curator delete a node that exists and create it
 * again, which is no change at all. For that moment the loss of one of several instances does no harm, that of the
 * last one does.
 */
export interface LossDelays {
  readonly oneOfSeveralMs: number;
  readonly lastMs: number;
}

interface Waiting {
  dueAtMs: number;
  /** True if providers went. */
  lost: boolean;
}

/** So few are kept without a look at them. */
const minDebounces = 1_000;

/** What is to be converted and published again, and when. The clock is passed in, in milliseconds of a monotonic one. */
export class ChangeQueue {
  readonly #debounceRules: DebounceRules | undefined;
  readonly #debounces = new Map<string, WatchingDebounce>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #lossDelays: LossDelays;
  /** At this number of debounces those of quiet units are forgotten. */
  #pruneAt = minDebounces;

  constructor(debounce: DebounceRules | undefined, lossDelays: LossDelays) {
    this.#debounceRules = debounce;
    this.#lossDelays = lossDelays;
  }

  /** Units that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** True for a unit that waits. */
  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /**
   * Records that something changed. `cameOrWent` is how many instances came (above 0) or went (below 0), `isEmpty`
   * says whether none is left.
   */
  mark(key: string, cameOrWent: number, isEmpty: boolean, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    // What came after a loss belongs to it: both are published at once, at the time of the second.
    const dueAtMs = nowMs +
      (cameOrWent >= 0 ? 0 : isEmpty ? this.#lossDelays.lastMs : this.#lossDelays.oneOfSeveralMs) +
      this.#debounce(key, nowMs);
    const lost = cameOrWent < 0 || waiting?.lost === true;
    this.#waiting.set(key, { dueAtMs, lost });
  }

  /** Puts back what couldn't be published. */
  putBack(keys: Iterable<string>, dueAtMs: number): void {
    for (const key of keys) {
      if (!this.#waiting.has(key)) this.#waiting.set(key, { dueAtMs, lost: true });
    }
  }

  /** Takes what is due; without `losses` only what lost no provider. */
  takeDue(nowMs: number, losses: boolean): Set<string> {
    const due = new Set<string>();
    for (const [key, { dueAtMs, lost }] of this.#waiting) {
      if (dueAtMs > nowMs || (lost && !losses)) continue;
      due.add(key);
      this.#waiting.delete(key);
      this.#debounces.get(key)?.converted(nowMs);
    }
    return due;
  }

  /** Units whose last changes are remembered, for the debounce. */
  get remembered(): number {
    return this.#debounces.size;
  }

  /** Forgets everything: all of it was published. */
  clear(): void {
    this.#waiting.clear();
  }

  /** How long until {@link takeDue} takes something, in milliseconds; undefined if nothing waits for that. */
  msUntilDue(nowMs: number, losses: boolean): number | undefined {
    let next: number | undefined;
    for (const { dueAtMs, lost } of this.#waiting.values()) {
      if (!lost || losses) next = Math.min(next ?? dueAtMs, dueAtMs);
    }
    return next === undefined ? undefined : Math.max(0, next - nowMs);
  }

  #debounce(key: string, nowMs: number): number {
    if (this.#debounceRules === undefined) return 0;
    let debounce = this.#debounces.get(key);
    if (debounce === undefined) {
      this.#pruneDebounces(nowMs);
      debounce = new WatchingDebounce(this.#debounceRules);
      this.#debounces.set(key, debounce);
    }
    return debounce.delayMs(nowMs);
  }

  /** Names come and go for as long as the process runs. */
  #pruneDebounces(nowMs: number): void {
    if (this.#debounces.size < this.#pruneAt) return;
    for (const [key, debounce] of this.#debounces) {
      if (!this.#waiting.has(key) && debounce.isQuiet(nowMs)) this.#debounces.delete(key);
    }
    this.#pruneAt = Math.max(minDebounces, 2 * this.#debounces.size);
  }
}
