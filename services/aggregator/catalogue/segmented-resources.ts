import { isComposed } from "./cached-resource.ts";
import type { CachedResource } from "./cached-resource.ts";

/** One part of the catalogue, and its resources joined into one piece of a response. */
interface Segment {
  readonly resources: Map<string, CachedResource>;
  joined: Uint8Array | undefined;
}

/** Enough that a change re-joins little, few enough that a response of all of them is few writes. */
const segmentCount = 64;

/**
 * Served resources by name, in segments: a change re-joins the bytes of one segment, and a full response is the row of
 * all joined segments. Which segment a name belongs to never changes.
 */
export class SegmentedResources {
  readonly #segments: readonly Segment[] = Array.from(
    { length: segmentCount },
    () => ({ resources: new Map(), joined: undefined }),
  );
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): CachedResource | undefined {
    return this.#segmentOf(name)?.resources.get(name);
  }

  set(name: string, resource: CachedResource): void {
    const segment = this.#segmentOf(name);
    if (segment === undefined) return;
    if (!segment.resources.has(name)) this.#size++;
    segment.resources.set(name, resource);
    segment.joined = undefined;
  }

  delete(name: string): void {
    const segment = this.#segmentOf(name);
    if (segment?.resources.delete(name) !== true) return;
    this.#size--;
    segment.joined = undefined;
  }

  *values(): Iterable<CachedResource> {
    for (const { resources } of this.#segments) yield* resources.values();
  }

  /** The bytes of all resources, in pieces that are shared: nobody may change them. */
  pieces(): Uint8Array[] {
    return this.#segments.filter(({ resources }) => resources.size > 0).map((segment) =>
      segment.joined ??= joinedOf(segment.resources)
    );
  }

  /** The same, each resource for itself: no copies. */
  loosePieces(): Uint8Array[] {
    return Array.from(this.values(), ({ framed }) => framed);
  }

  #segmentOf(name: string): Segment | undefined {
    return this.#segments[nameHash(name) % segmentCount];
  }
}

/**
 * The bytes of some resources in a row. Those that are composed of several sources' entries give up their own bytes for
 * a view of these: half of the memory that a host in two sources takes more than one in one.
 */
function joinedOf(resources: ReadonlyMap<string, CachedResource>): Uint8Array {
  const joined = Buffer.concat(Array.from(resources.values(), ({ framed }) => framed));
  let from = 0;
  for (const resource of resources.values()) {
    const to = from + resource.framed.length;
    if (isComposed(resource)) resource.framed = joined.subarray(from, to);
    from = to;
  }
  return joined;
}

/** FNV-1a over a name, 32 bits without sign: spreads alike names evenly, and in the same way for ever. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
