/** What there is to say about a server that can't be reached, or can be again. Times are milliseconds. */
export type ReachabilityNews =
  | { readonly type: "lost"; readonly reason: string }
  | { readonly type: "still-lost"; readonly reason: string; readonly forMs: number }
  | { readonly type: "back"; readonly afterMs: number };

/** Connecting takes a moment, which is no failure yet, in milliseconds. */
const graceMs = 1_000;

/** The first repetition comes after this time, in milliseconds; each pause is twice the last one, up to the longest. */
const firstPauseMs = 15_000;
const longestPauseMs = 10 * 60_000;

/**
 * Decides when a failing server (a registry, NATS) is worth a line in the log: at once, then with growing pauses, and when it is over.
 * The clock is passed in, in milliseconds of a monotonic clock.
 */
export class Reachability {
  #failingSinceMs: number | undefined;
  #told = false;
  #nextLineAtMs = 0;
  #pauseMs = firstPauseMs;

  /** Since when it can't be reached, in milliseconds of the clock; undefined if it can. */
  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  /** True if it can't be reached, and for longer than connecting takes. */
  get isTold(): boolean {
    return this.#told;
  }

  /** Takes in how it is now; `error` is undefined if it can be reached. Returns what there is to say. */
  see(error: string | undefined, nowMs: number): ReachabilityNews | undefined {
    if (error === undefined) {
      const sinceMs = this.#failingSinceMs;
      const wasTold = this.#told;
      this.#failingSinceMs = undefined;
      this.#told = false;
      return sinceMs !== undefined && wasTold ? { type: "back", afterMs: nowMs - sinceMs } : undefined;
    }
    this.#failingSinceMs ??= nowMs;
    const forMs = nowMs - this.#failingSinceMs;
    if (!this.#told) {
      if (forMs < graceMs) return undefined;
      this.#told = true;
      this.#pauseMs = firstPauseMs;
      this.#nextLineAtMs = nowMs + this.#pauseMs;
      return { type: "lost", reason: error };
    }
    if (nowMs < this.#nextLineAtMs) return undefined;
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
    this.#nextLineAtMs = nowMs + this.#pauseMs;
    return { type: "still-lost", reason: error, forMs };
  }
}
