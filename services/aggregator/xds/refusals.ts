import type { CachedResource } from "../catalogue/cached-resource.ts";

/** The longest wait before a refused resource is sent again, whatever its history. */
const longestBackoffMs = 5 * 60_000;

/** A wait of less would be a storm: a client that refuses everything would be sent everything without a pause. */
const shortestBackoffMs = 1000;

/** A resource that the client refused, or whose removal it refused. */
interface Refusal {
  /** Of the refused content; undefined for a removal. */
  readonly version: string | undefined;
  /** How often it was refused on its own. */
  attempts: number;
  retryAtMs: number;
  /** With how many others it may be sent again: halved each time, so that the bad one is found. */
  together: number;
}

/** What a response carried, as far as it can be refused. */
export interface Carried {
  readonly resources: readonly CachedResource[];
  readonly removed: readonly string[];
}

/**
 * The resources that one client refused, of one type. They are not sent again before a wait that doubles each time,
 * unless they change. A refusal that names nothing concerns all that the response carried; those are tried again in
 * halves until the bad one is alone.
 */
export class Refusals {
  readonly #byName = new Map<string, Refusal>();
  readonly #backoffMs: number;

  constructor(backoffMs: number) {
    this.#backoffMs = Math.max(backoffMs, shortestBackoffMs);
  }

  get size(): number {
    return this.#byName.size;
  }

  /** The names, at most so many of them. */
  names(limit: number): string[] {
    return this.#byName.keys().take(limit).toArray();
  }

  /** Notes what was refused. `together` is how many were refused at once without one being named. */
  add(name: string, version: string | undefined, together: number, nowMs: number): void {
    const attempts = (this.#byName.get(name)?.attempts ?? 0) + (together === 1 ? 1 : 0);
    const waitMs = Math.min(
      this.#backoffMs * 2 ** Math.max(attempts - 1, 0),
      Math.max(longestBackoffMs, this.#backoffMs),
    );
    this.#byName.set(name, {
      version,
      attempts,
      retryAtMs: nowMs + waitMs,
      together: Math.ceil(together / 2),
    });
  }

  /** True if exactly that content (undefined: removal) was refused; anything else under the name is news. */
  holds(name: string, version: string | undefined): boolean {
    const refusal = this.#byName.get(name);
    if (refusal === undefined) return false;
    if (refusal.version === version) return true;
    this.#byName.delete(name);
    return false;
  }

  /** Forgets what the client has now, or no longer asks for. */
  delete(name: string): void {
    this.#byName.delete(name);
  }

  /** Forgets the names for which `isWanted` is false. */
  keep(isWanted: (name: string) => boolean): void {
    for (const name of this.#byName.keys()) if (!isWanted(name)) this.#byName.delete(name);
  }

  /** What may be tried again now, in one response. */
  due(nowMs: number): string[] {
    const names: string[] = [];
    let limit = Number.POSITIVE_INFINITY;
    for (const [name, { retryAtMs, together }] of this.#byName) {
      if (retryAtMs > nowMs) continue;
      limit = Math.min(limit, together);
      if (names.length >= limit) break;
      names.push(name);
    }
    return names;
  }

  /** When the next retry is due; undefined if there is none. */
  get nextAtMs(): number | undefined {
    let next: number | undefined;
    for (const { retryAtMs } of this.#byName.values()) {
      if (next === undefined || retryAtMs < next) next = retryAtMs;
    }
    return next;
  }
}

/**
 * What looks like the name of a resource in an error text. istiod and Envoy write `namespace/name`, sometimes behind
 * the kind, in quotes, or followed by a colon.
 */
export function mentionedNames(error: string): Set<string> {
  const names = new Set<string>();
  for (const token of error.split(/[\s"'`,;()[\]{}<>=|]+/)) {
    for (let text = token; text.includes("/"); text = text.slice(0, -1)) {
      const [namespace = "", name = ""] = text.split("/").slice(-2);
      if (namespace !== "" && name !== "") names.add(`${namespace}/${name}`);
      if (!/[.:!?]$/.test(text)) break;
    }
  }
  return names;
}

/** The names that an error text mentions, of those that the response carried. */
export function namesInError(error: string, carried: Carried): string[] {
  const mentioned = mentionedNames(error);
  const names = carried.resources.map(({ name }) => name).filter((name) => mentioned.has(name));
  return [...names, ...carried.removed.filter((name) => mentioned.has(name))];
}
