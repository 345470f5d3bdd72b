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
  /**
   * 0 if the read doesn't have the resource at all. `unread`: it is this replica's to read, and hasn't been read yet.
   * `foreign`: another replica reads it, and judges its losses.
   */
  readonly readEndpoints: number | "unread" | "foreign";
}

/** A loss as a whole, in endpoints: how many there were, how many are left, and how many went. */
export interface Loss {
  readonly published: number;
  readonly read: number;
  readonly lost: number;
}

/** True if a loss is more than the policy lets through at once. */
export function isTooMuch(policy: ShrinkPolicy, { published, read, lost }: Loss): boolean {
  if (lost === 0 || policy.maxShrinkPercent >= 100) return false;
  if (read === 0) return true;
  return lost >= policy.minEndpoints && lost * 100 > published * policy.maxShrinkPercent;
}

/** The outcome of {@link ShrinkGuard.review}. */
export interface Review {
  /** The subjects that are held and since when. */
  readonly held: ReadonlyMap<string, number>;
  /** The subjects whose hold time ended without their endpoints having returned. */
  readonly expired: readonly string[];
}

/** Keeps what is held, and since when. The clock is passed in, in milliseconds of a monotonic clock. */
export class ShrinkGuard {
  readonly #policy: ShrinkPolicy;
  readonly #heldSinceMs = new Map<string, number>();
  /** Number of endpoints when the hold began; it ends when the registry shows this many again. */
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
   * Compares what is published with a complete read and returns the subjects whose losses are held.
   * A subject stays held until the read has as many endpoints again as there were, or its time is over: a registry
   * that fills up again must not release what is still missing by falling below the limit.
   *
   * Where a part is foreign or unread, the rest is taken for a sample of the whole: the limits apply to the sample, with
   * `minEndpoints` in proportion, and what is held counts as lost. Otherwise many replicas would each let through a
   * little of one large loss, and a replica's held losses would pass when its share goes to others.
   *
   * `isMassLoss`: the last minute lost too much already (`LossWindow`), so whatever is missing now is held. One comparison
   * after the other would let a little through otherwise, until nothing is left.
   */
  review(comparisons: Iterable<Comparison>, nowMs: number, isMassLoss = false): Review {
    let total = 0;
    let published = 0;
    let read = 0;
    let lost = 0;
    let heldLost = 0;
    const shrinking = new Map<string, number>();
    const stillHeld = new Set<string>();
    const expired: string[] = [];
    for (const { subject, publishedEndpoints, readEndpoints } of comparisons) {
      total += publishedEndpoints;
      const heldSince = this.#heldSinceMs.get(subject);
      if (typeof readEndpoints === "string") {
        if (readEndpoints === "unread" && heldSince !== undefined) stillHeld.add(subject);
        continue;
      }
      published += publishedEndpoints;
      read += readEndpoints;
      if (heldSince !== undefined) {
        const heldEndpoints = this.#heldEndpoints.get(subject) ?? 0;
        heldLost += Math.max(0, heldEndpoints - readEndpoints);
        const isBack = readEndpoints >= heldEndpoints;
        const isOver = this.#policy.holdTimeMs > 0 && nowMs - heldSince >= this.#policy.holdTimeMs;
        if (!isBack && !isOver) stillHeld.add(subject);
        if (!isBack && isOver) expired.push(subject);
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
    const isSample = published < total;
    const limits = isSample
      ? { ...this.#policy, minEndpoints: this.#policy.minEndpoints * published / total }
      : this.#policy;
    const loss = { published, read, lost: isSample && lost > 0 ? lost + heldLost : lost };
    if (isMassLoss || isTooMuch(limits, loss)) {
      for (const [subject, endpoints] of shrinking) {
        this.#heldSinceMs.set(subject, nowMs);
        this.#heldEndpoints.set(subject, endpoints);
      }
    }
    return { held: this.#heldSinceMs, expired };
  }

  /** Gives up all holds: the next review lets through what it sees. Returns how many there were. */
  release(): number {
    const released = this.#heldSinceMs.size;
    for (const subject of this.#heldSinceMs.keys()) this.#released.add(subject);
    this.#heldSinceMs.clear();
    this.#heldEndpoints.clear();
    return released;
  }
}
