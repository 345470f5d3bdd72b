/** Something that waits, with its place in the order of arrival. */
interface Held<Entry> {
  readonly place: number;
  entry: Entry;
}

/**
 * Entries that can't be served yet, by subject, in the order in which they came; and what must not happen before them.
 * Everything else goes on meanwhile.
 */
export class HeldEntries<Entry> {
  readonly #held = new Map<string, Held<Entry>>();
  readonly #actions: { readonly place: number; readonly action: () => void }[] = [];
  #lastPlace = 0;

  /** The subjects that wait. */
  get subjects(): Iterable<string> {
    return this.#held.keys();
  }

  get size(): number {
    return this.#held.size;
  }

  has(subject: string): boolean {
    return this.#held.has(subject);
  }

  /** Lets the entry wait. It takes the place of an older one of its subject. */
  hold(subject: string, entry: Entry): void {
    const before = this.#held.get(subject);
    if (before === undefined) this.#held.set(subject, { place: ++this.#lastPlace, entry });
    else before.entry = entry;
  }

  /** What waits for the subject. */
  get(subject: string): Entry | undefined {
    return this.#held.get(subject)?.entry;
  }

  /** Ends the waiting of a subject, after its entry was served or has become void. */
  done(subject: string): void {
    if (this.#held.delete(subject)) this.#act();
  }

  /** Calls back when all that waits now has ended waiting; at once if nothing does. */
  afterThese(action: () => void): void {
    this.#actions.push({ place: this.#lastPlace, action });
    this.#act();
  }

  #act(): void {
    // A map keeps the order of arrival, so the first is the one that has waited for longest.
    const [first] = this.#held.values();
    const place = first?.place ?? Number.POSITIVE_INFINITY;
    for (let next = this.#actions[0]; next !== undefined && next.place < place; next = this.#actions[0]) {
      this.#actions.shift();
      next.action();
    }
  }
}
