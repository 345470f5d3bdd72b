/**
 * A message that goes by itself may be there or not for this time (milliseconds) before and after its end: the server
 * removes it a little later, and clocks differ.
 */
const uncertainMs = 60_000;

/**
 * How many subjects a stream must have, by what was read from it. A message of the stream goes only when another of its
 * subject replaces it, or when its own time to live is over: if there are fewer subjects than that leaves, somebody
 * purged a part of the stream, or a limit of the stream dropped it.
 *
 * Costs a set's entry for each subject; a reader's consumer holds the subjects themselves anyway.
 */
export class SubjectLedger {
  readonly #permanent = new Set<string>();
  /** Subjects whose message goes by itself, and when. */
  readonly #expiring = new Map<string, number>();
  /** Subjects that were new of late, or may have been gone before, and since which sequence they are there. */
  readonly #newAt = new Map<string, number>();
  #sequence = 0;

  /** The sequence of the last message that was noted. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Subjects that were noted, those included whose message is about to go by itself. */
  get size(): number {
    return this.#permanent.size + this.#expiring.size;
  }

  /** Notes a message; `expiresAtMs` (server's time, since 1970) if it goes by itself. */
  note(subject: string, sequence: number, expiresAtMs?: number): void {
    this.#sequence = sequence;
    if (!this.#permanent.has(subject)) this.#newAt.set(subject, sequence);
    if (expiresAtMs === undefined) {
      this.#expiring.delete(subject);
      this.#permanent.add(subject);
    } else {
      this.#permanent.delete(subject);
      this.#expiring.set(subject, expiresAtMs);
    }
  }

  /** Notes a message that this process stored, and that the reader may never see: a limit can drop it at once. */
  noteStored(subject: string, sequence: number): void {
    if (this.#permanent.has(subject) || this.#expiring.has(subject)) return;
    this.#newAt.set(subject, sequence);
    this.#permanent.add(subject);
  }

  /**
   * How many subjects the stream must have had at least when its last message was `sequence` and the server's clock
   * showed `nowMs`. Subjects that are there since a later message are left out.
   */
  expectedAt(sequence: number, nowMs: number): number {
    for (const [subject, since] of this.#newAt) {
      if (since <= sequence) this.#newAt.delete(subject);
    }
    let uncertain = 0;
    for (const [subject, expiresAtMs] of this.#expiring) {
      if (this.#newAt.has(subject)) continue;
      if (expiresAtMs < nowMs - uncertainMs) this.#expiring.delete(subject);
      else if (expiresAtMs < nowMs + uncertainMs) uncertain++;
    }
    return this.#permanent.size + this.#expiring.size - this.#newAt.size - uncertain;
  }
}
