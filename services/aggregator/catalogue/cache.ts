import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { CatalogueView } from "./catalogue-view.ts";
import { ConflictRules } from "../conflicts/conflict-rules.ts";
import type { ConflictBook, ConflictListener } from "../conflicts/conflict-book.ts";
import type { CachedResource, Snapshot } from "./cached-resource.ts";
import type { Change } from "./change-log.ts";
import { KindCache } from "./kind-cache.ts";

/** How conflicts are decided, and who wants to know of them. */
export interface ResourceCacheOptions {
  readonly rules?: ConflictRules;
  /** Called with each host that comes to be claimed by several entries. */
  readonly onConflict?: ConflictListener;
  /** Called with each change of what a source has, before it is made; `position` is its place in the entry log. */
  readonly onStored?: StoredListener;
}

/** Is told what a source had under a subject, and what it has. */
export type StoredListener = (
  kind: ResourceKind,
  before: CachedResource | undefined,
  after: CachedResource | undefined,
  position: string,
) => void;

/**
 * What the aggregator serves: per kind, the encoded resources of all sources. Changes are announced per kind, once
 * for each, and only when a client would notice.
 */
export class ResourceCache {
  readonly #kinds: Readonly<Record<ResourceKind, KindCache>>;
  readonly #listeners = new Set<(kind: ResourceKind) => void>();
  readonly #onStored: StoredListener;

  constructor(options: ResourceCacheOptions = {}) {
    const { rules = ConflictRules.standard, onConflict = () => {}, onStored = () => {} } = options;
    this.#onStored = onStored;
    this.#kinds = {
      ServiceEntry: new KindCache(rules, onConflict),
      Sidecar: new KindCache(rules, onConflict),
    };
  }

  /** Stores a resource. What is served of several with one host or name, the rules decide. */
  put(kind: ResourceKind, resource: CachedResource): void {
    this.#onStored(kind, this.stored(kind, resource.subject), resource, resource.cursor);
    if (this.#kinds[kind].put(resource)) this.#announce(kind);
  }

  /** Removes what was stored under a subject. `cursor` is where in the entry log that happened. */
  delete(kind: ResourceKind, subject: string, cursor?: string): void {
    this.#onStored(kind, this.stored(kind, subject), undefined, cursor ?? "");
    if (this.#kinds[kind].delete(subject, cursor)) this.#announce(kind);
  }

  /** What is stored under a subject, served or not. */
  stored(kind: ResourceKind, subject: string): CachedResource | undefined {
    return this.#kinds[kind].stored.get(subject);
  }

  /** Everything stored of one kind, each entry as its source has it. */
  allStored(kind: ResourceKind): Iterable<CachedResource> {
    return this.#kinds[kind].stored.values();
  }

  /** The served resource of that name (`<namespace>/<name>`). */
  get(kind: ResourceKind, name: string): CachedResource | undefined {
    return this.#kinds[kind].served.get(name);
  }

  /** True if a stored resource of that name, served or not, is of an Istio revision. */
  isRevisioned(kind: ResourceKind, name: string): boolean {
    return this.#kinds[kind].conflicts.claimantsOf(name).some(({ revision }) => revision !== undefined);
  }

  /** Which ServiceEntries have a host in common with others. */
  get conflicts(): ConflictBook {
    return this.#kinds.ServiceEntry.conflicts;
  }

  /** What a view shows under a name (`<namespace>/<name>`). */
  shown(kind: ResourceKind, view: CatalogueView, name: string): CachedResource | undefined {
    return this.#kinds[kind].shown(view, name);
  }

  /** All that a view shows of a kind. Unlike {@link snapshot} it keeps nothing for the next time. */
  allShown(kind: ResourceKind, view: CatalogueView): Iterable<CachedResource> {
    return this.#kinds[kind].allShown(view);
  }

  /** Subjects that are not served under their name, because another source has the name. */
  shadowed(kind: ResourceKind): ReadonlySet<string> {
    return this.#kinds[kind].shadowed;
  }

  /** Figures for metrics and the debug API. */
  count(kind: ResourceKind): { readonly resources: number; readonly endpoints: number } {
    const cache = this.#kinds[kind];
    return { resources: cache.served.size, endpoints: cache.endpoints };
  }

  /**
   * What a view shows of a kind. Costs as much as there were changes since it was last asked for with that view; the
   * first time, a look at every resource.
   */
  snapshot(kind: ResourceKind, view: CatalogueView = CatalogueView.everything): Snapshot {
    return this.#kinds[kind].snapshot(this.effective(kind, view));
  }

  /** The view that shows the same of a kind and is shared by the most clients: revisions don't matter while no resource has one. */
  effective(kind: ResourceKind, view: CatalogueView): CatalogueView {
    return this.#kinds[kind].revisioned === 0 ? view.ofAnyRevision : view;
  }

  /** Has the changes of what a view shows remembered from now on. */
  prepare(kind: ResourceKind, view: CatalogueView): void {
    this.#kinds[kind].prepare(view);
  }

  /** Forgets what was prepared for views that have no client any more. */
  keepViews(used: Iterable<CatalogueView>): void {
    const keys = new Set<string>();
    const filterKeys = new Set<string>();
    for (const view of used) {
      for (const each of [view, view.ofAnyRevision]) {
        keys.add(each.key);
        filterKeys.add(each.filterKey);
      }
    }
    for (const cache of Object.values(this.#kinds)) cache.keepViews(keys, filterKeys);
  }

  /** The number of the last change of a kind. */
  head(kind: ResourceKind): number {
    return this.#kinds[kind].log.head;
  }

  /** Where in the entry log the last change of a kind happened; sorts as text. */
  position(kind: ResourceKind): string {
    return this.#kinds[kind].log.position;
  }

  /**
   * The changes of a kind after the one of that number, those of other views among them; undefined if they are not all
   * remembered.
   */
  changesSince(
    kind: ResourceKind,
    number: number,
    view: CatalogueView = CatalogueView.everything,
  ): readonly Change[] | undefined {
    return this.#kinds[kind].changesSince(number, view);
  }

  /** All changes of a kind that are remembered, oldest first. */
  rememberedChanges(kind: ResourceKind): readonly Change[] {
    return this.#kinds[kind].log.remembered;
  }

  /** Forgets the changes up to that number, because everybody has them. */
  forgetChanges(kind: ResourceKind, number: number): void {
    this.#kinds[kind].log.forget(number);
  }

  /** Calls back after each change of a kind. Answers the function that ends it. */
  onChange(listener: (kind: ResourceKind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #announce(kind: ResourceKind): void {
    for (const listener of this.#listeners) listener(kind);
  }
}
