import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { gainsFirst, unknown } from "../conflicts/gains-first.ts";
import { liveHostsOf } from "./cached-resource.ts";
import type { CachedResource } from "./cached-resource.ts";
import type { ResourceCache } from "./cache.ts";
import type { CatalogueView } from "./catalogue-view.ts";
import { everyView } from "./change-log.ts";
import type { ResourceTraits } from "./change-log.ts";
import { resourceBytes } from "../output-stage/encode/delta-resource.ts";

/** A resource that a view doesn't show any more. */
export interface Removal {
  /** `<namespace>/<name>`. */
  readonly name: string;
  /** Where in the entry log it went. */
  readonly position: string;
  /** True if it had, or has now, the label `istio.io/rev`. */
  readonly revisioned: boolean;
}

/** What a client of a view has to be sent, in parts that each fit into one message. */
export interface Batch {
  /** The client has every change up to this number when it has the batch. */
  readonly to: number;
  /** The same as a place in the entry log. */
  readonly position: string;
  /**
   * Shared by all clients of the view, so that their encoding can be, too. A client that is sent one part after the other
   * has endpoints of each host all the time: what takes a host over is not in a later part than what gives it away, see
   * {@link gainsFirst}.
   */
  readonly parts: readonly (readonly CachedResource[])[];
  readonly removals: readonly Removal[];
}

/** What protocols that send changes ask about one kind. */
export interface KindCatalogue {
  /** False while nothing may be answered: what is left out would count as deleted. */
  readonly isOpen: boolean;
  /** The number of the last change, in this view or not. */
  readonly head: number;
  /** The same as a place in the entry log. */
  readonly position: string;
  /** All that is shown. */
  everything(): Batch;
  /** What changed after the change of that number; undefined if that was too long ago to be known. */
  since(number: number): Batch | undefined;
  /** What a client lacks that has these versions, by name; without removals. */
  beyond(versions: Readonly<Record<string, string>>): Batch;
  /** The resource of that name, if it is shown. */
  get(name: string): CachedResource | undefined;
}

/** Of a type that we have nothing of. */
export const emptyCatalogue: KindCatalogue = {
  isOpen: true,
  head: 0,
  position: "0",
  everything: () => nothing,
  since: () => nothing,
  beyond: () => nothing,
  get: () => undefined,
};

const nothing: Batch = { to: 0, position: "0", parts: [], removals: [] };

/** Batches of one view since the last change of a kind. */
interface Memo {
  /** Held by the clients that are being sent it, and given back with the last of them. */
  everything: WeakRef<Batch> | undefined;
  /** By the number that they begin after. */
  readonly since: Map<number, Batch | undefined>;
}

/** What was worked out since the last change of a kind, by key of the view. */
interface Memos {
  readonly head: number;
  readonly ofViews: Map<string, Memo>;
}

/**
 * The cache as protocols see it that send changes: what to send for the step from one change to another, worked out
 * once for all clients with equal views.
 */
export class Catalogue {
  readonly #cache: ResourceCache;
  readonly #isOpen: () => boolean;
  readonly #maxPartBytes: number;
  readonly #maxCircleBytes: number;
  readonly #memos = new Map<ResourceKind, Memos>();

  /**
   * Parts have at most `maxPartBytes`, or are one resource, or several of at most `maxCircleBytes` that have to arrive
   * at once, because they pass hosts on in a circle.
   */
  constructor(
    cache: ResourceCache,
    isOpen: () => boolean,
    maxPartBytes: number,
    maxCircleBytes = maxPartBytes,
  ) {
    this.#cache = cache;
    this.#isOpen = isOpen;
    this.#maxPartBytes = maxPartBytes;
    this.#maxCircleBytes = maxCircleBytes;
  }

  /** One kind as a view shows it. */
  of(kind: ResourceKind, view: CatalogueView): KindCatalogue {
    const cache = this.#cache;
    // From now on, changes of what it shows are remembered.
    cache.prepare(kind, view);
    return {
      isOpen: this.#isOpen(),
      head: cache.head(kind),
      position: cache.position(kind),
      everything: () => this.#everything(kind, view),
      since: (number) => this.#since(kind, view, number),
      beyond: (versions) => this.#beyond(kind, view, versions),
      get: (name) => cache.shown(kind, view, name),
    };
  }

  #memo(kind: ResourceKind, view: CatalogueView): Memo {
    const head = this.#cache.head(kind);
    let memos = this.#memos.get(kind);
    if (memos?.head !== head) this.#memos.set(kind, memos = { head, ofViews: new Map() });
    let memo = memos.ofViews.get(view.key);
    if (memo === undefined) memos.ofViews.set(view.key, memo = { everything: undefined, since: new Map() });
    return memo;
  }

  #everything(kind: ResourceKind, anyView: CatalogueView): Batch {
    const view = this.#cache.effective(kind, anyView);
    const memo = this.#memo(kind, view);
    let batch = memo.everything?.deref();
    if (batch === undefined) {
      batch = this.#batch(kind, [...this.#cache.allShown(kind, view)], () => new Map(), []);
      memo.everything = new WeakRef(batch);
    }
    return batch;
  }

  #since(kind: ResourceKind, view: CatalogueView, number: number): Batch | undefined {
    // The view with its revisions: a resource that has lost its label has a trace in the past only.
    const memo = this.#memo(kind, view);
    if (memo.since.has(number)) return memo.since.get(number);
    const batch = this.#changed(kind, view, number);
    memo.since.set(number, batch);
    return batch;
  }

  #changed(kind: ResourceKind, view: CatalogueView, number: number): Batch | undefined {
    const changes = this.#cache.changesSince(kind, number, view);
    if (changes === undefined) return undefined;
    // Of several changes of one name: what there was before the first, in the place of the last.
    const last = new Map<string, { before: ResourceTraits | undefined; position: string }>();
    for (const { name, before: served, position, audience } of changes) {
      if (audience !== everyView && audience !== view.filterKey || !view.couldShow(name)) continue;
      // Of what is decided for this view alone, all is shown.
      const isKnown = served !== undefined && (audience !== everyView || view.shows(name, served));
      const before = isKnown ? served : undefined;
      const earlier = last.get(name);
      if (earlier !== undefined) last.delete(name);
      last.set(name, { before: earlier === undefined ? before : earlier.before, position });
    }
    const resources: CachedResource[] = [];
    const earlier = new Map<string, readonly string[]>();
    const removals: Removal[] = [];
    for (const [name, { before, position }] of last) {
      const resource = this.#cache.shown(kind, view, name);
      if (resource !== undefined) {
        if (resource.version === before?.version) continue;
        resources.push(resource);
        if (before !== undefined) earlier.set(name, before.liveHosts);
      } else if (before !== undefined) {
        const revisioned = before.revision !== undefined || this.#cache.isRevisioned(kind, name);
        removals.push({ name, position, revisioned });
      }
    }
    return this.#batch(kind, resources, () => earlier, removals);
  }

  #beyond(kind: ResourceKind, view: CatalogueView, versions: Readonly<Record<string, string>>): Batch {
    const resources: CachedResource[] = [];
    const changed = new Map<string, string>();
    for (const resource of this.#everything(kind, view).parts.flat()) {
      const version = versions[resource.name];
      if (version === resource.version) continue;
      resources.push(resource);
      if (version !== undefined) changed.set(resource.name, version);
    }
    return this.#batch(kind, resources, () => this.#earlier(kind, changed), []);
  }

  /** The hosts that resources of these versions had endpoints of, by name: equal versions have equal content. */
  #earlier(kind: ResourceKind, versions: ReadonlyMap<string, string>): EarlierHosts {
    const wanted = new Set(versions.values());
    const known = new Map<string, readonly string[]>();
    for (const { before } of this.#cache.rememberedChanges(kind)) {
      if (before !== undefined && wanted.has(before.version)) known.set(before.version, before.liveHosts);
    }
    return new Map(Array.from(versions, ([name, version]) => [name, known.get(version) ?? unknown]));
  }

  /** `earlierOf` is asked only if the order matters. */
  #batch(
    kind: ResourceKind,
    resources: readonly CachedResource[],
    earlierOf: () => EarlierHosts,
    removals: readonly Removal[],
  ): Batch {
    const cache = this.#cache;
    return {
      to: cache.head(kind),
      position: cache.position(kind),
      parts: this.#parts(resources, earlierOf),
      removals,
    };
  }

  #parts(resources: readonly CachedResource[], earlierOf: () => EarlierHosts) {
    const parts = partsOf(resources, this.#maxPartBytes);
    if (parts.length < 2) return parts;
    const earlier = earlierOf();
    // All of one part arrives at once, and of what is new nothing gives a host away.
    if (earlier.size === 0) return parts;
    const hostsOf = (resource: CachedResource) => ({
      before: earlier.get(resource.name),
      after: liveHostsOf(resource),
    });
    return partsOfCircles(gainsFirst(resources, hostsOf), this.#maxPartBytes, this.#maxCircleBytes);
  }
}

/** The hosts that resources had endpoints of before, by name: of those that a client has. */
type EarlierHosts = ReadonlyMap<string, readonly string[] | typeof unknown>;

/** Cuts a list into parts of at most so many bytes each; a single larger resource is a part of its own. */
export function partsOf(
  resources: readonly CachedResource[],
  maxBytes: number,
): readonly (readonly CachedResource[])[] {
  return partsOfCircles(resources.map((resource) => [resource]), maxBytes, maxBytes);
}

/** The same of lists, of which none is cut that has at most `maxCircleBytes`. */
function partsOfCircles(
  circles: readonly (readonly CachedResource[])[],
  maxBytes: number,
  maxCircleBytes: number,
): readonly (readonly CachedResource[])[] {
  const parts: CachedResource[][] = [];
  let part: CachedResource[] = [];
  let bytes = 0;
  const add = (resources: readonly CachedResource[], size: number) => {
    if (part.length > 0 && bytes + size > maxBytes) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(...resources);
    bytes += size;
  };
  for (const circle of circles) {
    const size = circle.reduce((sum, resource) => sum + resourceBytes(resource), 0);
    if (circle.length === 1 || size <= maxCircleBytes) add(circle, size);
    else for (const resource of circle) add([resource], resourceBytes(resource));
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
