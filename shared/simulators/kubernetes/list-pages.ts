import type { StoredObject } from "./object-history.ts";

/** The rest of a list that a client reads page by page. */
interface Rest {
  readonly objects: readonly StoredObject[];
  /** Of the first page: all pages show the state of that moment. */
  readonly revision: number;
}

/** One page. */
export interface Page {
  readonly objects: readonly StoredObject[];
  readonly revision: number;
  readonly continueToken: string | undefined;
  readonly remaining: number;
}

/** Lists that are being read page by page. */
export class ListPages {
  readonly #rests = new Map<string, Rest>();
  #next = 1;

  /** The first page of a list, or all of it if `limit` is 0. */
  first(objects: readonly StoredObject[], revision: number, limit: number): Page {
    return this.#cut({ objects, revision }, limit);
  }

  /** The page of a token; undefined if it has expired. */
  following(token: string, limit: number): Page | undefined {
    const rest = this.#rests.get(token);
    return rest === undefined ? undefined : this.#cut(rest, limit);
  }

  /** Lets all tokens expire. */
  expire(): void {
    this.#rests.clear();
  }

  #cut({ objects, revision }: Rest, limit: number): Page {
    const remaining = limit > 0 ? Math.max(0, objects.length - limit) : 0;
    if (remaining === 0) return { objects, revision, continueToken: undefined, remaining };
    const continueToken = `page-${this.#next++}`;
    this.#rests.set(continueToken, { objects: objects.slice(limit), revision });
    return { objects: objects.slice(0, limit), revision, continueToken, remaining };
  }
}
