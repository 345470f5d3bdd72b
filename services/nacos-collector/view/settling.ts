import type { BeliefTimes } from "./belief.ts";

/** The longest wait for providers, in multiples of {@link BeliefTimes.settleMs}, however many come meanwhile. */
const longestSettles = 10;

/**
 * Whether a service that a server doesn't show may be one whose providers haven't registered there yet. A state machine
 * without I/O and clock; times are milliseconds of a monotonic clock. Its rules:
 *
 * - A server may have been started just before our first connection to it. So that connection has to be
 *   {@link BeliefTimes.settleMs} old, and no instance may have come for {@link BeliefTimes.spreadMs}.
 * - The same holds for a later connection by which a service is read for the first time: one that is new, or that
 *   another replica has read so far. Of other services it is known what they had ({@link ServiceBelief}).
 */
export class Settling {
  readonly #times: BeliefTimes;
  #sinceMs = Number.POSITIVE_INFINITY;
  #dueMs = Number.POSITIVE_INFINITY;
  #isOver = false;

  constructor(times: BeliefTimes) {
    this.#times = times;
  }

  /** False until {@link end} found that the time is over. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** When {@link end} is to be called; undefined: there is nothing to wait for. */
  get dueMs(): number | undefined {
    return this.#isOver ? undefined : this.#dueMs;
  }

  /** There is a connection, the first one or another. */
  connected(nowMs: number): void {
    this.#sinceMs = nowMs;
    if (!this.#isOver) this.#dueMs = nowMs + this.#times.settleMs;
  }

  /** A service was read for the first time. Returns true if the time, which was over, begins again. */
  firstRead(nowMs: number): boolean {
    const dueMs = this.#sinceMs + this.#times.settleMs;
    if (!this.#isOver || nowMs >= dueMs) return false;
    this.#isOver = false;
    this.#dueMs = dueMs;
    return true;
  }

  /** An instance came. */
  grew(nowMs: number): void {
    const { settleMs, spreadMs } = this.#times;
    const latestMs = this.#sinceMs + longestSettles * settleMs;
    if (!this.#isOver) this.#dueMs = Math.max(this.#dueMs, Math.min(nowMs + spreadMs, latestMs));
  }

  /** Returns true, once, when the time is over. */
  end(nowMs: number): boolean {
    if (this.#isOver || nowMs < this.#dueMs) return false;
    return this.#isOver = true;
  }
}
