import type { ZookeeperSource } from "../config/mod.ts";

/** Slime's `WatchingDebounce`. Durations are milliseconds. */
export type DebounceRules = NonNullable<ZookeeperSource["watchingDebounce"]>;

/** An interface that wasn't converted for this time, in milliseconds, isn't one that changes again and again. */
const quietMs = 3_600_000;

/**
 * Slime's debounce of one interface: one that changes again and again waits before it is converted. An event sooner
 * than `debounceDuration` after the last conversion counts up, a later one counts down; from `triggerCount` on each
 * conversion is put off, the longer the more events come. The clock is passed in.
 */
export class WatchingDebounce {
  readonly #rules: DebounceRules;
  #convertedAtMs = Number.NEGATIVE_INFINITY;
  #count = 0;
  #overflow = 0;

  constructor(rules: DebounceRules) {
    this.#rules = rules;
  }

  /** How long to put off the conversion that an event asks for, in milliseconds; 0 for not at all. */
  delayMs(nowMs: number): number {
    const { triggerCount, debounceDuration, delay, maxDelay } = this.#rules;
    if (triggerCount <= 0) return 0;
    if (nowMs - this.#convertedAtMs < debounceDuration) {
      this.#count++;
      if (this.#count > triggerCount) {
        this.#count = triggerCount;
        this.#overflow++;
      }
    } else {
      this.#count = Math.max(0, this.#count - 1);
      this.#overflow = 0;
    }
    if (this.#count < triggerCount) return 0;
    return Math.min(maxDelay, delay * Math.floor(1 + this.#overflow / triggerCount));
  }

  /** True if the interface has been quiet for so long that it starts anew. */
  isQuiet(nowMs: number): boolean {
    return nowMs - this.#convertedAtMs >= Math.max(quietMs, this.#rules.debounceDuration);
  }

  /** To be called when the interface was converted. */
  converted(nowMs: number): void {
    this.#convertedAtMs = nowMs;
  }
}
