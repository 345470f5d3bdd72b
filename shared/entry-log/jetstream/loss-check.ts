import type { StreamFacts } from "./config.ts";
import { SubjectLedger } from "./ledger.ts";

/** How many subjects matched a reader's filter when the stream's last message was `lastSequence`. */
export interface SubjectCount {
  readonly lastSequence: number;
  readonly subjects: number;
  /** The server's clock, in milliseconds since 1970. */
  readonly serverTimeMs: number;
  /** When the answer came, by this process's monotonic clock, in milliseconds. */
  readonly atMs: number;
}

/** A listing costs about 100 bytes for each subject, so they keep this distance, in milliseconds, … */
const shortestPauseMs = 10_000;

/** … and this many times what the last one took. */
const pausePerDuration = 50;

/** Losses that as many new subjects hide are found by a listing after this time, in milliseconds. */
const safetyMs = 600_000;

/**
 * Notices that a stream lost messages which its reader has: a state machine, asked at each message and each moment of
 * rest.
 *
 * Who reads everything compares with what each look at the stream shows anyway: that costs nothing. Who reads a part
 * asks for a listing of its subjects when the stream as a whole has fewer than before, or than that part must have.
 */
export class LossCheck {
  readonly ledger = new SubjectLedger();
  readonly #readsAll: boolean;
  #look: StreamFacts | undefined;
  #counted: SubjectCount | undefined;
  #doubtful = false;
  #listing = false;
  #nextListingMs: number;
  #listedAt: { readonly lastSequence: number; readonly atMs: number };

  constructor(readsAll: boolean, nowMs: number) {
    this.#readsAll = readsAll;
    this.#nextListingMs = nowMs;
    this.#listedAt = { lastSequence: 0, atMs: nowMs };
  }

  /** Takes in the last look at the stream; the same one again changes nothing. */
  see(facts: StreamFacts): void {
    const before = this.#look;
    if (before === facts) return;
    this.#look = facts;
    if (this.#readsAll) this.#counted = facts;
    else if (before !== undefined && facts.subjects < before.subjects) this.#doubtful = true;
    // What was lost while the stream grew shows here only, as far as other sources' subjects don't hide it. Not while a
    // count is pending: the ledger can't go back to its sequence afterwards.
    else if (this.#counted === undefined && !this.#listing) {
      this.#doubtful ||= facts.subjects < this.ledger.expectedAt(facts.lastSequence, facts.serverTimeMs);
    }
    if (!this.#readsAll && facts.atMs - this.#listedAt.atMs > safetyMs) {
      this.#doubtful ||= facts.lastSequence !== this.#listedAt.lastSequence;
    }
  }

  /** True if the reader should list its subjects now; {@link listed} or {@link notListed} must follow. */
  wantsListing(nowMs: number): boolean {
    if (!this.#doubtful || this.#listing || nowMs < this.#nextListingMs) return false;
    this.#listing = true;
    return true;
  }

  /** The listing that was asked for, which took `durationMs`. */
  listed(count: SubjectCount, durationMs: number): void {
    this.#counted = count;
    this.#listedAt = count;
    this.#doubtful = false;
    this.notListed(count.atMs, durationMs);
  }

  /** The listing failed; it is asked for again in time. */
  notListed(nowMs: number, durationMs: number): void {
    this.#listing = false;
    this.#nextListingMs = nowMs + Math.max(shortestPauseMs, pausePerDuration * durationMs);
  }

  /**
   * How many subjects are missing at least; 0 as far as is known. `idleSinceMs`: when the reader had taken everything
   * that was stored, if it just had (monotonic). The last message of a stream may have gone by itself, so that nothing
   * shows that a reader has come so far, but its rest.
   */
  missing(idleSinceMs: number | undefined): number {
    const counted = this.#counted;
    if (counted === undefined) return 0;
    const { lastSequence, subjects, serverTimeMs, atMs } = counted;
    const hasAll = this.ledger.sequence >= lastSequence || (idleSinceMs !== undefined && idleSinceMs > atMs);
    if (!hasAll) return 0;
    this.#counted = undefined;
    return Math.max(0, this.ledger.expectedAt(lastSequence, serverTimeMs) - subjects);
  }
}

/** The pause after a loss, in milliseconds, and the longest; it doubles from loss to loss. */
const firstPauseMs = 5000;
const longestPauseMs = 300_000;

/**
 * Bounds how often a stream is read anew because it lost messages: one whose limits drop what was just published would
 * otherwise keep everybody busy for good.
 */
export class LossPause {
  #pauseMs = firstPauseMs;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** True if a loss may be acted on now; the next pause begins then. */
  ends(nowMs: number): boolean {
    const sinceMs = nowMs - this.#lastMs;
    if (sinceMs < this.#pauseMs) return false;
    const isNew = sinceMs > 2 * longestPauseMs;
    this.#pauseMs = isNew ? firstPauseMs : Math.min(2 * this.#pauseMs, longestPauseMs);
    this.#lastMs = nowMs;
    return true;
  }
}
