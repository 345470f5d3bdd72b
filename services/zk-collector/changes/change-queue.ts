import type { DebounceRules } from "./watching-debounce.ts";
import { WatchingDebounce } from "./watching-debounce.ts";

/**
 * A loss waits for what may follow: Dubbo and Curator delete a node that exists and create it again, which is no
 * change at all. One of several providers is missed by nobody for that moment, the last one is. In milliseconds.
 */
const lossDelayMs = { oneOfSeveral: 2, last: 50 };

interface Waiting {
  dueAtMs: number;
  /** True if providers went. */
  lost: boolean;
}

/** What is to be converted and published again, and when. The clock is passed in, in milliseconds of a monotonic one. */
export class ChangeQueue {
  readonly #debounceRules: DebounceRules | undefined;
  readonly #debounces = new Map<string, WatchingDebounce>();
  readonly #waiting = new Map<string, Waiting>();

  constructor(debounce: DebounceRules | undefined) {
    this.#debounceRules = debounce;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Takes note that something changed; `cameOrWent` is how many providers there are more, or fewer, `isEmpty` whether
   * none is left.
   */
  mark(key: string, cameOrWent: number, isEmpty: boolean, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    // What came after a loss belongs to it: both are published at once, at the time of the second.
    const dueAtMs = nowMs + (cameOrWent >= 0 ? 0 : isEmpty ? lossDelayMs.last : lossDelayMs.oneOfSeveral) +
      this.#debounce(key, nowMs);
    const lost = cameOrWent < 0 || waiting?.lost === true;
    this.#waiting.set(key, { dueAtMs, lost });
  }

  /** Puts back what couldn't be published. */
  putBack(keys: Iterable<string>, nowMs: number): void {
    for (const key of keys) {
      if (!this.#waiting.has(key)) this.#waiting.set(key, { dueAtMs: nowMs, lost: true });
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
      debounce = new WatchingDebounce(this.#debounceRules);
      this.#debounces.set(key, debounce);
    }
    return debounce.delayMs(nowMs);
  }
}
