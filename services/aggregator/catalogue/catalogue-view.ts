import { alternateOf } from "./alternate-version.ts";
import type { CachedResource } from "./cached-resource.ts";
import type { Origin } from "./change-log.ts";
import { nameHash } from "./segmented-resources.ts";
import { isInShard } from "./shards.ts";
import type { Shard } from "./shards.ts";

/** What one client may see. Empty lists and undefined mean no limit. */
export interface ViewScope {
  /**
   * Istio revisions. A resource with the label `istio.io/rev` is for clients of that revision; one without is for all
   * (istiod filters in the same way).
   */
  readonly revisions: readonly string[];
  readonly namespaces: readonly string[];
  readonly registries: readonly string[];
  readonly shard: Shard | undefined;
}

/**
 * A part of the catalogue. Clients with equal views ({@link key}) share everything that is made for one of them:
 * versions, snapshots, changes and encoded messages.
 */
export class CatalogueView {
  /** All of it. */
  static readonly everything = new CatalogueView({
    revisions: [],
    namespaces: [],
    registries: [],
    shard: undefined,
  });

  readonly scope: ViewScope;
  /** Equal for equal views; empty for {@link everything}. */
  readonly key: string;
  /** Equal for views that admit the same resources, whatever their shard; empty if all are. */
  readonly filterKey: string;
  /** True if a client's own filters make it: few clients share it. */
  readonly isOfClient: boolean;
  readonly #namespaces: ReadonlySet<string>;
  readonly #registries: ReadonlySet<string>;
  readonly #revisions: ReadonlySet<string>;
  #anyRevision: CatalogueView | undefined;

  constructor(scope: ViewScope, isOfClient = false) {
    this.scope = scope;
    this.isOfClient = isOfClient;
    this.#namespaces = new Set(scope.namespaces);
    this.#registries = new Set(scope.registries);
    this.#revisions = new Set(scope.revisions);
    const { shard } = scope;
    const limits = [this.#revisions, this.#namespaces, this.#registries].map((names) => [...names].sort());
    const isFiltered = limits.some(({ length }) => length > 0);
    this.filterKey = isFiltered ? JSON.stringify(limits) : "";
    this.key = isFiltered || shard !== undefined
      ? JSON.stringify([
        ...limits,
        shard === undefined ? [] : [shard.index, shard.of, ...shard.present ?? []],
        shard?.generation ?? 0,
      ])
      : "";
  }

  /** False for names that it never shows: of other namespaces, of other shards. */
  couldShow(name: string): boolean {
    const { shard } = this.scope;
    if (shard !== undefined && !isInShard(nameHash(name), shard)) return false;
    return this.#hasNamespaceOf(name);
  }

  /** True if a resource of that name and kind of origin is shown, if it shares no host with others. */
  shows(name: string, origin: Origin): boolean {
    return this.#isWanted(origin) && this.couldShow(name);
  }

  /** True if the resource is looked at in this view. Conflicts are decided among those, and then {@link couldShow}. */
  admits(resource: CachedResource): boolean {
    return this.#isWanted(resource) && this.#hasNamespaceOf(resource.name);
  }

  #isWanted({ registry, revision }: Origin): boolean {
    if (this.#registries.size > 0 && !this.#registries.has(registry)) return false;
    return revision === undefined || this.#revisions.size === 0 || this.#revisions.has(revision);
  }

  #hasNamespaceOf(name: string): boolean {
    return this.#namespaces.size === 0 || this.#namespaces.has(name.slice(0, name.indexOf("/")));
  }

  /** The resource as it is shown: under its own version or another one. */
  versionOf(resource: CachedResource): CachedResource {
    return alternateOf(resource, this.scope.shard?.generation ?? 0);
  }

  /** The same view without regard to revisions: what it amounts to while no resource has one. */
  get ofAnyRevision(): CatalogueView {
    if (this.#revisions.size === 0) return this;
    return this.#anyRevision ??= new CatalogueView({ ...this.scope, revisions: [] }, this.isOfClient);
  }
}
