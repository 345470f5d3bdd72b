import type { ResourceKind } from "../../shared/model/manifest.ts";
import { resourceKinds } from "../../shared/model/manifest.ts";
import { CatalogueView } from "./catalogue-view.ts";
import { ChangeLog } from "./change-log.ts";
import type { Change } from "./change-log.ts";
import { SegmentedResources } from "./segmented-resources.ts";
import { SetHash } from "./set-hash.ts";
import { versionMember, ViewIndex } from "./view-index.ts";

/** One served resource: its encoded bytes and a small index, nothing more. */
export interface CachedResource {
  /** The subject that it was published under: the identity on the stream. */
  readonly subject: string;
  readonly registry: string;
  readonly source: string;
  /** `<namespace>/<name>`: the identity towards xDS clients. */
  readonly name: string;
  /** Content hash, see `encode-resource.ts`. */
  readonly version: string;
  /** Place in the entry log, sorts as text. */
  readonly cursor: string;
  /** The label `istio.io/rev`, which limits a resource to clients of that revision. */
  readonly revision: string | undefined;
  /** Endpoints of a ServiceEntry; 0 for other kinds. */
  readonly endpoints: number;
  /** Field 2 of a DiscoveryResponse, ready to be joined. */
  readonly framed: Uint8Array;
}

/** All resources of one kind as one client may see them, ready to be sent. */
export interface Snapshot {
  /** Hash over all names and versions: equal content has an equal version on every replica. */
  readonly version: string;
  readonly resources: Iterable<CachedResource>;
  /** The encoded resources in shared pieces, ready to be sent in this order. */
  readonly pieces: () => Uint8Array[];
  readonly count: number;
}

/** The cache of one kind. */
class KindCache {
  /** By subject: everything that the stream has. */
  readonly stored = new Map<string, CachedResource>();
  /** By `<namespace>/<name>`: what is served. Of several subjects with one name, the smallest subject. */
  readonly served = new SegmentedResources();
  /** Subjects that are not served because another source has a resource of the same name. */
  readonly shadowed = new Set<string>();
  readonly log = new ChangeLog();
  readonly versions = new SetHash();
  /** By key of the view. */
  readonly indexes = new Map<string, ViewIndex>();
  /** By name: the subjects among {@link shadowed}. */
  readonly #waiting = new Map<string, Set<string>>();
  revisioned = 0;
  endpoints = 0;

  put(resource: CachedResource): boolean {
    this.stored.set(resource.subject, resource);
    const serving = this.served.get(resource.name);
    if (serving === undefined || serving.subject === resource.subject) {
      return this.#serve(resource, serving, resource.cursor);
    }
    if (serving.subject < resource.subject) {
      this.#shadow(resource);
      return false;
    }
    this.#shadow(serving);
    this.#unshadow(resource);
    return this.#serve(resource, serving, resource.cursor);
  }

  delete(subject: string, cursor: string | undefined): boolean {
    const resource = this.stored.get(subject);
    if (resource === undefined) return false;
    this.stored.delete(subject);
    this.#unshadow(resource);
    if (this.served.get(resource.name) !== resource) return false;
    const heir = this.#heirOf(resource.name);
    if (heir !== undefined) {
      this.#unshadow(heir);
      return this.#serve(heir, resource, cursor);
    }
    this.served.delete(resource.name);
    this.#count(resource, -1);
    this.#remember(resource.name, cursor, resource);
    return true;
  }

  /** What a view shows now; views without limits share one snapshot. */
  snapshot(view: CatalogueView): Snapshot {
    const { served, versions } = this;
    if (view.key === "") {
      const resources = { [Symbol.iterator]: () => served.values()[Symbol.iterator]() };
      return { version: versions.digest(), resources, pieces: () => served.pieces(), count: served.size };
    }
    let index = this.indexes.get(view.key);
    if (index === undefined) this.indexes.set(view.key, index = new ViewIndex(view, served, this.log));
    return index.snapshot();
  }

  #shadow({ name, subject }: CachedResource): void {
    this.shadowed.add(subject);
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) this.#waiting.set(name, waiting = new Set());
    waiting.add(subject);
  }

  #unshadow({ name, subject }: CachedResource): void {
    if (!this.shadowed.delete(subject)) return;
    const waiting = this.#waiting.get(name);
    waiting?.delete(subject);
    if (waiting?.size === 0) this.#waiting.delete(name);
  }

  #heirOf(name: string): CachedResource | undefined {
    const [subject] = [...this.#waiting.get(name) ?? []].sort();
    return subject === undefined ? undefined : this.stored.get(subject);
  }

  /** Replaces what is served under a name; true if clients have to be told. */
  #serve(
    resource: CachedResource,
    previous: CachedResource | undefined,
    cursor: string | undefined,
  ): boolean {
    this.served.set(resource.name, resource);
    if (previous?.version === resource.version && previous.registry === resource.registry) return false;
    if (previous !== undefined) this.#count(previous, -1);
    this.#count(resource, 1);
    this.#remember(resource.name, cursor, previous);
    return true;
  }

  #remember(name: string, cursor: string | undefined, previous: CachedResource | undefined): void {
    const before = previous === undefined
      ? undefined
      : { version: previous.version, registry: previous.registry, revision: previous.revision };
    this.log.append(name, cursor, before, this.served.size);
  }

  #count(resource: CachedResource, sign: 1 | -1): void {
    this.versions.toggle(versionMember(resource));
    this.endpoints += sign * resource.endpoints;
    if (resource.revision !== undefined) this.revisioned += sign;
  }
}

/**
 * What the aggregator serves: per kind, the encoded resources of all sources. Changes are announced per kind, once
 * for each, and only when a client would notice.
 */
export class ResourceCache {
  readonly #kinds: Readonly<Record<ResourceKind, KindCache>> = {
    ServiceEntry: new KindCache(),
    Sidecar: new KindCache(),
  };
  readonly #listeners = new Set<(kind: ResourceKind) => void>();

  /** Stores a resource; of two sources with a resource of one name, the one with the smaller subject is served. */
  put(kind: ResourceKind, resource: CachedResource): void {
    if (this.#kinds[kind].put(resource)) this.#announce(kind);
  }

  /** Removes what was stored under a subject. `cursor` is where in the entry log that happened. */
  delete(kind: ResourceKind, subject: string, cursor?: string): void {
    if (this.#kinds[kind].delete(subject, cursor)) this.#announce(kind);
  }

  /** What is stored under a subject, served or not. */
  stored(kind: ResourceKind, subject: string): CachedResource | undefined {
    return this.#kinds[kind].stored.get(subject);
  }

  /** Everything stored of one kind, also what is shadowed by another source's resource of the same name. */
  allStored(kind: ResourceKind): Iterable<CachedResource> {
    return this.#kinds[kind].stored.values();
  }

  /** The served resource of that name (`<namespace>/<name>`). */
  get(kind: ResourceKind, name: string): CachedResource | undefined {
    return this.#kinds[kind].served.get(name);
  }

  /** Subjects that are stored but not served, because another source has the name. */
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

  /** Forgets what was prepared for views that have no client any more. */
  keepViews(used: Iterable<CatalogueView>): void {
    const keys = new Set<string>();
    for (const view of used) keys.add(view.key).add(view.ofAnyRevision.key);
    for (const { indexes } of Object.values(this.#kinds)) {
      for (const key of indexes.keys()) if (!keys.has(key)) indexes.delete(key);
    }
  }

  /** The number of the last change of a kind. */
  head(kind: ResourceKind): number {
    return this.#kinds[kind].log.head;
  }

  /** Where in the entry log the last change of a kind happened; sorts as text. */
  position(kind: ResourceKind): string {
    return this.#kinds[kind].log.position;
  }

  /** The changes of a kind after the one of that number; undefined if they are not all remembered. */
  changesSince(kind: ResourceKind, number: number): readonly Change[] | undefined {
    return this.#kinds[kind].log.since(number);
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

/** True for the kinds that are served. */
export function isResourceKind(kind: string): kind is ResourceKind {
  return resourceKinds.some((known) => known === kind);
}
