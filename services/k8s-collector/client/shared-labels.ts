type Labels = Readonly<Record<string, string>>;

/**
 * Gives equal labels the same object: a hundred thousand pods have some thousand sets of labels. Sets that no pod has
 * any more are let go of by the garbage collector.
 */
export class SharedLabels {
  readonly #leftOut: ReadonlySet<string>;
  readonly #sets = new Map<string, WeakRef<Labels>>();
  #sweepAt = 1024;

  /** `leftOut`: keys that are not kept. */
  constructor(leftOut: Iterable<string> = []) {
    this.#leftOut = new Set(leftOut);
  }

  /** These labels, in the order of their keys; the same object as for equal ones before. */
  of(labels: Labels): Labels {
    const entries: [string, string][] = [];
    let isSorted = true;
    let last = "";
    for (const name in labels) {
      if (this.#leftOut.has(name)) continue;
      if (name < last) isSorted = false;
      last = name;
      entries.push([name, labels[name] ?? ""]);
    }
    // API servers sort them.
    if (!isSorted) entries.sort(([a], [b]) => a < b ? -1 : 1);
    const key = JSON.stringify(entries);
    const known = this.#sets.get(key)?.deref();
    if (known !== undefined) return known;
    const set: Labels = Object.fromEntries(entries);
    this.#sets.set(key, new WeakRef(set));
    if (this.#sets.size >= this.#sweepAt) this.#sweep();
    return set;
  }

  #sweep(): void {
    for (const [key, set] of this.#sets) if (set.deref() === undefined) this.#sets.delete(key);
    this.#sweepAt = Math.max(1024, this.#sets.size * 2);
  }
}
