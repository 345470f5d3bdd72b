/** A change of what is served under a name. */
interface RingEntry {
  readonly number: number;
  readonly name: string;
}

/**
 * The names that changed last, by the number of the change: what a browser that slept has missed. Bounded; a reader
 * that fell behind it has to read everything.
 */
export class ChangeRing {
  readonly #capacity: number;
  #entries: RingEntry[] = [];
  /** The changes after this one are known. */
  #floor: number;

  /** `head`: the number of the last change before the first that is added. */
  constructor(head: number, capacity = 20_000) {
    this.#floor = head;
    this.#capacity = capacity;
  }

  /** Adds changes in their order. */
  add(changes: Iterable<RingEntry>): void {
    for (const { number, name } of changes) this.#entries.push({ number, name });
    // In large steps, so that a change costs the same however many are remembered.
    if (this.#entries.length > 2 * this.#capacity) this.#forget(this.#entries.length - this.#capacity);
  }

  /** Changes up to that number were missed. */
  lose(head: number): void {
    this.#entries = [];
    this.#floor = head;
  }

  /** Each name that changed after that number, once; undefined if not all are known. */
  since(number: number): ReadonlySet<string> | undefined {
    if (number < this.#floor) return undefined;
    const names = new Set<string>();
    for (let index = this.#entries.length - 1; index >= 0; index--) {
      const entry = this.#entries[index];
      if (entry === undefined || entry.number <= number) break;
      names.add(entry.name);
    }
    return names;
  }

  #forget(count: number): void {
    this.#floor = this.#entries[count - 1]?.number ?? this.#floor;
    this.#entries = this.#entries.slice(count);
  }
}
