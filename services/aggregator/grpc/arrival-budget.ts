/** Smaller messages need no place: HTTP/2 has as much of a stream in its windows anyway. */
export const freeBytes = 64 * 1024;

/**
 * What all messages that are still arriving may hold together. A long message waits until there is room for all of it,
 * unread, so that HTTP/2's flow control stops its sender; it then has time enough, but not more, to arrive.
 */
export class ArrivalBudget {
  readonly #bytes: number;
  readonly #waiting = new Set<{ readonly bytes: number; readonly start: () => void }>();
  #used = 0;

  /** `bytes` is at least what the longest message takes. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** What is reserved now, in bytes. */
  get used(): number {
    return this.#used;
  }

  /** Calls `start` when there is room for a message, at once or later; returns the function that gives the room back. */
  reserve(bytes: number, start: () => void): () => void {
    const place = { bytes, start };
    this.#waiting.add(place);
    this.#startNext();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      if (!this.#waiting.delete(place)) this.#used -= bytes;
      this.#startNext();
    };
  }

  /** In the order of arrival: a long one isn't overtaken for ever. */
  #startNext(): void {
    for (const place of this.#waiting) {
      if (this.#used + place.bytes > this.#bytes) return;
      this.#waiting.delete(place);
      this.#used += place.bytes;
      place.start();
    }
  }
}
