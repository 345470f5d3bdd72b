import type { ObjectKey, ReflectorEvent } from "../../../shared/kubernetes/kubernetes.ts";

/**
 * Doubts a complete read that finds nothing where there was something: an API server over an empty store answers like that,
 * and the mass-deletion guard, which looks at all clusters together, lets a small one go. What is missing counts as lost
 * after a time, or as soon as the cluster has something again.
 */
export class EmptyDoubt<T> implements Disposable {
  readonly #limitMs: number;
  readonly #onOver: (lost: ReadonlyMap<ObjectKey, T>) => void;
  #doubted = new Map<ObjectKey, T>();
  #timer: NodeJS.Timeout | undefined;

  /** `limitMs`: how long it doubts; 0: without end. `onOver` is called with what is lost after all. */
  constructor(limitMs: number, onOver: (lost: ReadonlyMap<ObjectKey, T>) => void) {
    this.#limitMs = limitMs;
    this.#onOver = onOver;
  }

  /** True while something counts as present that wasn't found. */
  get isDoubting(): boolean {
    return this.#doubted.size > 0;
  }

  /** The event as it is to be taken; `present` is the number of objects after it. */
  see(event: ReflectorEvent<T>, present: number): ReflectorEvent<T> {
    switch (event.type) {
      case "set": {
        const before = event.before ?? this.#doubted.get(event.key);
        this.#doubted.delete(event.key);
        return { ...event, before };
      }
      case "read-ended": {
        if (present === 0 && (event.lost.size > 0 || this.isDoubting)) {
          this.#begin(event.lost);
          return { ...event, lost: new Map() };
        }
        if (!this.isDoubting) return event;
        const set = new Map(Array.from(event.set, ([key, { object, before }]) => (
          [key, { object, before: before ?? this.#doubted.get(key) }] as const
        )));
        const lost = new Map([...event.lost, ...this.#doubted].filter(([key]) => !set.has(key)));
        this[Symbol.dispose]();
        return { ...event, set, lost };
      }
      case "deleted":
      case "read-started":
      case "invalid":
      case "failed":
      case "silent":
        return event;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#doubted = new Map();
  }

  #begin(lost: ReadonlyMap<ObjectKey, T>): void {
    for (const [key, before] of lost) this.#doubted.set(key, before);
    if (this.#limitMs === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      const over = this.#doubted;
      this[Symbol.dispose]();
      this.#onOver(over);
    }, this.#limitMs);
  }
}
