import type { HostClaim } from "../conflicts/host-claim.ts";

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
  /** What an entry of a source claims; undefined for kinds without hosts, and for what is composed of several. */
  readonly claim?: HostClaim | undefined;
  /** Field 2 of a DiscoveryResponse, ready to be joined. */
  readonly framed: Uint8Array;
}

/** A resource that is composed of entries of several sources. Its bytes may be moved, as they are, to another place. */
export interface ComposedResource extends CachedResource {
  readonly isComposed: true;
  /** The hosts that it has endpoints of, see {@link liveHostsOf}. */
  readonly liveHosts: readonly string[];
  framed: Uint8Array;
}

/** True for what is composed of several sources' entries. */
export function isComposed(resource: CachedResource): resource is ComposedResource {
  return "isComposed" in resource;
}

const noHosts: readonly string[] = [];

/** The hosts of a resource that has endpoints, in lower case; empty for one without, and for other kinds. */
export function liveHostsOf(resource: CachedResource): readonly string[] {
  if (isComposed(resource)) return resource.liveHosts;
  const { claim } = resource;
  return claim === undefined || claim.isEmpty ? noHosts : claim.hosts;
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
