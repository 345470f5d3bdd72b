import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import type { ResourceCacheOptions } from "../catalogue/cache.ts";
import { Catalogue, emptyCatalogue } from "../catalogue/catalogue.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import type { ViewScope } from "../catalogue/catalogue-view.ts";
import { resourceOf, subjectOf } from "../conflicts/conflict-rig.ts";
import type { RigEntry } from "../conflicts/conflict-rig.ts";
import type { ChangeView } from "./protocol.ts";

/** The type URLs that the tests ask for. */
export const entries = "networking.istio.io/v1/ServiceEntry";
export const sidecars = "networking.istio.io/v1/Sidecar";
export const gateways = "networking.istio.io/v1/Gateway";

/** A resource's traits, where a test cares. */
export interface RigResource {
  readonly kind?: ResourceKind;
  readonly revision?: string;
  readonly registry?: string;
}

/** The world around a protocol's stream: a real cache that a test changes, a gate and a clock. */
export class World {
  readonly cache: ResourceCache;
  isOpen = true;
  nowMs = 0;
  readonly #catalogue: Catalogue;
  #sequence = 0;

  constructor(maxPartBytes = 1_000_000, options: ResourceCacheOptions = {}, maxCircleBytes?: number) {
    this.cache = new ResourceCache(options);
    this.#catalogue = new Catalogue(this.cache, () => this.isOpen, maxPartBytes, maxCircleBytes);
  }

  /** Serves a resource under a name, with that content, which is its version, too. */
  put(
    name: string,
    content: string,
    { kind = "ServiceEntry", revision, registry = "eureka" }: RigResource = {},
  ) {
    this.cache.put(kind, {
      subject: `${registry}.${name}`,
      registry,
      source: "default",
      name,
      version: revision === undefined ? content : `${content}@${revision}`,
      cursor: this.#nextCursor(),
      revision,
      endpoints: 0,
      framed: Buffer.from(content),
    });
  }

  /** Stores an entry as a source has it. */
  putEntry(entry: RigEntry): void {
    this.cache.put("ServiceEntry", { ...resourceOf(entry), cursor: this.#nextCursor() });
  }

  /** Has an entry no longer. */
  deleteEntry(entry: RigEntry): void {
    this.cache.delete("ServiceEntry", subjectOf(entry), this.#nextCursor());
  }

  /** Serves a name no longer. */
  delete(name: string, kind: ResourceKind = "ServiceEntry"): void {
    const subject = this.cache.get(kind, name)?.subject;
    if (subject !== undefined) this.cache.delete(kind, subject, this.#nextCursor());
  }

  /** What a client sees. */
  view(scope: Partial<ViewScope> = {}): ChangeView {
    const view = new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
    return {
      catalogue: (kind) => kind === undefined ? emptyCatalogue : this.#catalogue.of(kind, view),
      nowMs: this.nowMs,
    };
  }

  /** All names and versions of a kind, in order. */
  content(kind: ResourceKind = "ServiceEntry", scope: Partial<ViewScope> = {}): Record<string, string> {
    const view = new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
    return sortedContent(
      [...this.cache.snapshot(kind, view).resources].map(({ name, version }) => [name, version]),
    );
  }

  #nextCursor(): string {
    return `s-${String(++this.#sequence).padStart(6, "0")}`;
  }
}

/** Names and versions, in order of the names. */
export function sortedContent(content: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries([...content].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A world with entries `n/a`, `n/b` … of version 1. */
export function worldOf(...names: readonly string[]): World {
  const world = new World();
  for (const name of names) world.put(`n/${name}`, "1");
  return world;
}
