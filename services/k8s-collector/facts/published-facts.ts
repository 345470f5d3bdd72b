import { hash } from "node:crypto";

/** What is on the stream of a cluster's facts: enough to tell whether a fact has to be published. */
export class PublishedFacts {
  readonly #entries = new Map<string, { readonly digest: string; readonly sequence: number }>();

  /** Facts on the stream. */
  get size(): number {
    return this.#entries.size;
  }

  /** Subjects of all facts. */
  subjects(): IterableIterator<string> {
    return this.#entries.keys();
  }

  has(subject: string): boolean {
    return this.#entries.has(subject);
  }

  /** True if a subject has this content; `null`: none. */
  isPublished(subject: string, data: Uint8Array | null): boolean {
    const digest = this.#entries.get(subject)?.digest;
    return data === null ? digest === undefined : digest === digestOf(data);
  }

  /**
   * A subject has this content (`null`: none) since the message with that sequence. True if that is news: an own message
   * that comes back, or one that was replaced since, is none.
   */
  seen(subject: string, data: Uint8Array | null, sequence: number): boolean {
    const known = this.#entries.get(subject);
    if (known !== undefined && known.sequence >= sequence) return false;
    const digest = data === null ? undefined : digestOf(data);
    if (digest === undefined) this.#entries.delete(subject);
    else this.#entries.set(subject, { digest, sequence });
    return digest !== known?.digest;
  }

  /** Nothing is known any more. */
  clear(): void {
    this.#entries.clear();
  }
}

/**
 * 96 bits: there are 100,000 subjects, and a collision would have to meet an earlier content of the same one. One character
 * for each byte; a part of a longer text would keep the whole text in memory.
 */
function digestOf(data: Uint8Array): string {
  return hash("sha256", data, "buffer").toString("latin1", 0, 12);
}
