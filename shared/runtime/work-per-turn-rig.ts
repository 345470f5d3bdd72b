/** So long a piece of work takes at least, in milliseconds: many of them don't fit into one turn. */
const pieceMs = 1;

/** Does one piece of work, which takes a millisecond. */
export function spin(): void {
  const endMs = performance.now() + pieceMs;
  while (performance.now() < endMs);
}

/** Counts slow work by turns of the event loop. */
export class WorkPerTurn {
  /** Pieces of each turn that had some; the last one may go on. */
  readonly #counts: number[] = [];
  #isTurnCounted = false;

  /** Does one piece of work, and counts it. */
  work(): void {
    if (!this.#isTurnCounted) {
      this.#isTurnCounted = true;
      this.#counts.push(0);
      setImmediate(() => void (this.#isTurnCounted = false));
    }
    spin();
    this.#counts.push((this.#counts.pop() ?? 0) + 1);
  }

  /** Pieces in all. */
  get total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The longest turn, in milliseconds, however slow the machine is. */
  get longestMs(): number {
    return Math.max(...this.#counts) * pieceMs;
  }
}
