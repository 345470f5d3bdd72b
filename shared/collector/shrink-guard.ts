/**
 * Guards against mass disappearance. A registry that restarted, lost its peers or answers half of what it has looks
 * healthy and has fewer services; state-of-the-world consumers would delete the rest. Losses beyond a limit are
 * therefore held: the old content stays published until the registry shows it again, or for the hold time.
 */

/** When losses are held, and for how long. */
export interface ShrinkPolicy {
  /** Losing more than this share of all endpoints of the source in one complete read is held; 100: nothing ever is. */
  readonly maxShrinkPercent: number;
  /** Losing fewer endpoints than this is never held, so that small registries can scale down. */
  readonly minEndpoints: number;
  /** How long a loss is held at most; 0: until the registry shows it again, or {@link ShrinkGuard.release}. */
  readonly holdTimeMs: number;
}

/** One published resource and what the last complete read has of it. */
export interface Comparison {
  readonly subject: string;
  readonly publishedEndpoints: number;
  /** 0 if the read doesn't have the resource at all. */
  readonly readEndpoints: number;
}

/** Keeps what is held, and since when. The clock is passed in, in milliseconds of a monotonic clock. */
export class ShrinkGuard {
  readonly #policy: ShrinkPolicy;
  readonly #heldSinceMs = new Map<string, number>();
  /** Endpoints when the hold began: so many must be shown again. */
  readonly #heldEndpoints = new Map<string, number>();
  /** Given up by {@link release}: the next review lets these through. */
  readonly #released = new Set<string>();

  constructor(policy: ShrinkPolicy) {
    this.#policy = policy;
  }

  /** The subjects that are held and since when. */
  get held(): ReadonlyMap<string, number> {
    return this.#heldSinceMs;
  }

  /**
   * Compares what is published with a complete read and answers the subjects whose losses are held.
   * A subject stays held until the read has as many endpoints again as there were, or its time is over: a registry
   * that fills up again must not release what is still missing by falling below the limit.
   */
  review(comparisons: Iterable<Comparison>, nowMs: number): ReadonlyMap<string, number> {
    let published = 0;
    let read = 0;
    let lost = 0;
    const shrinking = new Map<string, number>();
    const stillHeld = new Set<string>();
    for (const { subject, publishedEndpoints, readEndpoints } of comparisons) {
      published += publishedEndpoints;
      read += readEndpoints;
      const heldSince = this.#heldSinceMs.get(subject);
      if (heldSince !== undefined) {
        const isBack = readEndpoints >= (this.#heldEndpoints.get(subject) ?? 0);
        const isOver = this.#policy.holdTimeMs > 0 && nowMs - heldSince >= this.#policy.holdTimeMs;
        if (!isBack && !isOver) stillHeld.add(subject);
      } else if (readEndpoints < publishedEndpoints && !this.#released.has(subject)) {
        lost += publishedEndpoints - readEndpoints;
        shrinking.set(subject, publishedEndpoints);
      }
    }
    this.#released.clear();
    for (const subject of this.#heldSinceMs.keys()) {
      if (stillHeld.has(subject)) continue;
      this.#heldSinceMs.delete(subject);
      this.#heldEndpoints.delete(subject);
    }
    if (this.#isTooMuch(lost, published, read)) {
      for (const [subject, endpoints] of shrinking) {
        this.#heldSinceMs.set(subject, nowMs);
        this.#heldEndpoints.set(subject, endpoints);
      }
    }
    return this.#heldSinceMs;
  }

  /** Gives up all holds: the next review lets through what it sees. Answers how many there were. */
  release(): number {
    const released = this.#heldSinceMs.size;
    for (const subject of this.#heldSinceMs.keys()) this.#released.add(subject);
    this.#heldSinceMs.clear();
    this.#heldEndpoints.clear();
    return released;
  }

  #isTooMuch(lost: number, published: number, read: number): boolean {
    if (lost === 0 || this.#policy.maxShrinkPercent >= 100) return false;
    if (read === 0) return true;
    return lost >= this.#policy.minEndpoints && lost * 100 > published * this.#policy.maxShrinkPercent;
  }
}
