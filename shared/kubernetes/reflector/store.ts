import type { ObjectKey, ReadEnded } from "../kubernetes.ts";

/** What an event of a watch changed. */
export type Change<T> =
  | { readonly type: "set"; readonly object: T; readonly before: T | undefined }
  | { readonly type: "deleted"; readonly before: T }
  | { readonly type: "unchanged" };

/** Differences between a complete read and what was known before. */
export type Differences<T> = Pick<ReadEnded<T>, "set" | "lost">;

/**
 * Trimmed objects by key. A read is gathered apart and compared as a whole, so that one that breaks off changes nothing,
 * and that what moves from one object to another is never gone in between.
 */
export class ReflectorStore<T> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #equals: (a: T, b: T) => boolean;
  #read: Map<ObjectKey, T> | undefined;

  constructor(equals: (a: T, b: T) => boolean) {
    this.#equals = equals;
  }

  /** What is known now. */
  get objects(): ReadonlyMap<ObjectKey, T> {
    return this.#objects;
  }

  /** A read begins; what an unfinished one had gathered is forgotten. */
  readStarted(): void {
    this.#read = new Map();
  }

  /** The read told of an object; undefined: it isn't wanted. */
  gather(key: ObjectKey, object: T | undefined): void {
    if (object === undefined) return void this.#read?.delete(key);
    const before = this.#objects.get(key);
    // One that didn't change is kept once.
    this.#read?.set(key, before !== undefined && this.#equals(before, object) ? before : object);
  }

  /** The read told of an object that can't be used: what was known of it stays. */
  keep(key: ObjectKey): void {
    const before = this.#objects.get(key);
    if (before !== undefined) this.#read?.set(key, before);
  }

  /** The read is complete: takes it over. `among`: the objects that there are, if it may have told of others. */
  readEnded(among?: ReadonlyMap<ObjectKey, unknown>): Differences<T> {
    const read = this.#read ?? new Map<ObjectKey, T>();
    if (among !== undefined) { for (const key of read.keys()) if (!among.has(key)) read.delete(key); }
    this.#read = undefined;
    const set = new Map<ObjectKey, { readonly object: T; readonly before: T | undefined }>();
    const lost = new Map<ObjectKey, T>();
    for (const [key, before] of this.#objects) {
      if (read.has(key)) continue;
      lost.set(key, before);
      this.#objects.delete(key);
    }
    for (const [key, object] of read) {
      const before = this.#objects.get(key);
      if (before === object) continue;
      set.set(key, { object, before });
      this.#objects.set(key, object);
    }
    return { set, lost };
  }

  /** A watch told of an object; undefined: it was deleted, or isn't wanted any more. */
  apply(key: ObjectKey, object: T | undefined): Change<T> {
    const before = this.#objects.get(key);
    if (object === undefined) {
      if (before === undefined) return { type: "unchanged" };
      this.#objects.delete(key);
      return { type: "deleted", before };
    }
    if (before !== undefined && this.#equals(before, object)) return { type: "unchanged" };
    this.#objects.set(key, object);
    return { type: "set", object, before };
  }
}
