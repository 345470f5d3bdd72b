/**
 * Values that thousands of pods have in common, kept once each: at 100,000 pods that is most of the memory.
 */

/** Beyond this many different values there is little to share: they are forgotten then, and learned again. */
const mostValues = 50_000;

/** Short texts such as names of nodes. */
export class TextPool {
  readonly #texts = new Map<string, string>();

  /** The one string with this content. */
  get(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= mostValues) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }
}

/** Sets of labels: the pods of a ReplicaSet have the same. Nobody may change one. */
export class LabelPool {
  readonly #sets = new Map<string, Readonly<Record<string, string>>>();

  /** The one object with this content. */
  get(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const text = JSON.stringify(labels);
    const known = this.#sets.get(text);
    if (known !== undefined) return known;
    if (this.#sets.size >= mostValues) this.#sets.clear();
    this.#sets.set(text, labels);
    return labels;
  }
}
