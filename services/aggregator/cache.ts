import { createHash } from "node:crypto";
import type { ResourceKind } from "../../shared/model/manifest.ts";
import { resourceKinds } from "../../shared/model/manifest.ts";
import { SegmentedResources } from "./segmented-resources.ts";

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
  readonly versions = new SetHash();
  revisioned = 0;
  endpoints = 0;

  put(resource: CachedResource): boolean {
    this.stored.set(resource.subject, resource);
    const serving = this.served.get(resource.name);
    if (serving === undefined || serving.subject === resource.subject) return this.#serve(resource, serving);
    if (serving.subject < resource.subject) {
      this.shadowed.add(resource.subject);
      return false;
    }
    this.shadowed.add(serving.subject);
    this.shadowed.delete(resource.subject);
    return this.#serve(resource, serving);
  }

  delete(subject: string): CachedResource | undefined {
    const resource = this.stored.get(subject);
    if (resource === undefined) return undefined;
    this.stored.delete(subject);
    this.shadowed.delete(subject);
    if (this.served.get(resource.name) !== resource) return undefined;
    const heir = this.#heirOf(resource.name);
    if (heir !== undefined) {
      this.shadowed.delete(heir.subject);
      this.#serve(heir, resource);
      return resource;
    }
    this.served.delete(resource.name);
    this.#count(resource, -1);
    return resource;
  }

  #heirOf(name: string): CachedResource | undefined {
    let heir: CachedResource | undefined;
    for (const subject of this.shadowed) {
      const resource = this.stored.get(subject);
      if (resource?.name === name && (heir === undefined || subject < heir.subject)) heir = resource;
    }
    return heir;
  }

  /** Replaces what is served under a name; true if clients have to be told. */
  #serve(resource: CachedResource, previous: CachedResource | undefined): boolean {
    this.served.set(resource.name, resource);
    if (previous !== undefined) this.#count(previous, -1);
    this.#count(resource, 1);
    return previous?.version !== resource.version;
  }

  #count(resource: CachedResource, sign: 1 | -1): void {
    this.versions.toggle(`${resource.name}\0${resource.version}`);
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

  /** Removes what was stored under a subject. */
  delete(kind: ResourceKind, subject: string): void {
    if (this.#kinds[kind].delete(subject) !== undefined) this.#announce(kind);
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
   * What a client of the given revision sees. A resource with the label `istio.io/rev` is for clients of exactly that
   * revision; a client without revision sees everything (istiod filters in the same way).
   */
  snapshot(kind: ResourceKind, revision: string | undefined): Snapshot {
    const { served, versions, revisioned } = this.#kinds[kind];
    if (revision === undefined || revisioned === 0) {
      const resources = { [Symbol.iterator]: () => served.values()[Symbol.iterator]() };
      return { version: versions.digest(), resources, pieces: () => served.pieces(), count: served.size };
    }
    const visible: CachedResource[] = [];
    const visibleVersions = new SetHash();
    for (const resource of served.values()) {
      if (resource.revision !== undefined && resource.revision !== revision) continue;
      visible.push(resource);
      visibleVersions.toggle(`${resource.name}\0${resource.version}`);
    }
    const pieces = () => [Buffer.concat(visible.map(({ framed }) => framed))];
    return { version: visibleVersions.digest(), resources: visible, pieces, count: visible.length };
  }

  /** True if clients of different revisions see different resources of that kind. */
  dependsOnRevision(kind: ResourceKind): boolean {
    return this.#kinds[kind].revisioned > 0;
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

/**
 * A hash of a set of strings that is kept up to date in constant time per change: the exclusive-or of their hashes.
 * The order in which members came doesn't matter, so replicas agree.
 */
class SetHash {
  readonly #sum = Buffer.alloc(16);

  /** Adds the member if it is absent, removes it if it is present. */
  toggle(member: string): void {
    const hash = createHash("sha256").update(member).digest();
    for (let index = 0; index < this.#sum.length; index++) {
      this.#sum[index] = (this.#sum[index] ?? 0) ^ (hash[index] ?? 0);
    }
  }

  digest(): string {
    return this.#sum.toString("base64url");
  }
}
