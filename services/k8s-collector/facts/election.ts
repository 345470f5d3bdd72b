import { leaseDurationMs } from "../../../shared/model/collector-lease.ts";

/** Who publishes the facts of a cluster, as the stream says. */
export interface KnownTerm {
  /** New with every term. */
  readonly id: string;
  /** Of its message: the fence. */
  readonly sequence: number;
}

/**
 * Decides when a replica takes over the facts of a cluster: when there is no publisher, or when the present one has given
 * no sign of life for the time of a lease. Without I/O; the clock is passed in, in milliseconds of a monotonic one.
 *
 * That two replicas take one another for dead does no harm: the fence lets the later term publish alone.
 */
export class Election {
  #term: KnownTerm | undefined;
  /** The last sign of the publisher; at the start it is given the time to give one. */
  #heardAtMs: number;
  #ownId: string | undefined;

  constructor(nowMs: number) {
    this.#heardAtMs = nowMs;
  }

  /** The term that is on the stream. */
  get term(): KnownTerm | undefined {
    return this.#term;
  }

  /** The term, if it is this replica's own. */
  get own(): KnownTerm | undefined {
    return this.#term !== undefined && this.#term.id === this.#ownId ? this.#term : undefined;
  }

  /** A term was written, by whomever; undefined: there is none any more. */
  termSeen(term: KnownTerm | undefined, nowMs: number): void {
    this.#term = term;
    this.#heardAtMs = nowMs;
  }

  /** The publisher gave a sign of life. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** The publisher has given its lease back. */
  givenBack(): void {
    this.#heardAtMs = Number.NEGATIVE_INFINITY;
  }

  /** This replica is about to write a term. */
  standing(id: string): void {
    this.#ownId = id;
  }

  /** How long until this replica should take over, in milliseconds; 0: now. Undefined while it publishes itself. */
  takeOverInMs(nowMs: number): number | undefined {
    if (this.own !== undefined) return undefined;
    if (this.#term === undefined) return 0;
    return Math.max(0, this.#heardAtMs + leaseDurationMs - nowMs);
  }
}
