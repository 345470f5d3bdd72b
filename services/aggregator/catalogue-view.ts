import type { ResourceTraits } from "./change-log.ts";
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
  readonly #namespaces: ReadonlySet<string>;
  readonly #registries: ReadonlySet<string>;
  readonly #revisions: ReadonlySet<string>;
  #anyRevision: CatalogueView | undefined;

  constructor(scope: ViewScope) {
    this.scope = scope;
    this.#namespaces = new Set(scope.namespaces);
    this.#registries = new Set(scope.registries);
    this.#revisions = new Set(scope.revisions);
    const { shard } = scope;
    const limits = [this.#revisions, this.#namespaces, this.#registries].map((names) => [...names].sort());
    const isLimited = shard !== undefined || limits.some(({ length }) => length > 0);
    this.key = isLimited
      ? JSON.stringify([
        ...limits,
        shard === undefined ? [] : [shard.index, shard.of, ...shard.present ?? []],
      ])
      : "";
  }

  /** False for names that it never shows: of other namespaces, of other shards. */
  couldShow(name: string): boolean {
    const { shard } = this.scope;
    if (shard !== undefined && !isInShard(nameHash(name), shard)) return false;
    return this.#namespaces.size === 0 || this.#namespaces.has(name.slice(0, name.indexOf("/")));
  }

  /** True if a resource of that name and kind of origin is shown. */
  shows(name: string, { registry, revision }: ResourceTraits): boolean {
    if (this.#registries.size > 0 && !this.#registries.has(registry)) return false;
    if (revision !== undefined && this.#revisions.size > 0 && !this.#revisions.has(revision)) return false;
    return this.couldShow(name);
  }

  /** The same view without regard to revisions: what it amounts to while no resource has one. */
  get ofAnyRevision(): CatalogueView {
    if (this.#revisions.size === 0) return this;
    return this.#anyRevision ??= new CatalogueView({ ...this.scope, revisions: [] });
  }
}
