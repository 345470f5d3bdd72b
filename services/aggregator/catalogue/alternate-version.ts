import { patchVersion } from "../output-stage/encode/patch-version.ts";
import type { CachedResource } from "./cached-resource.ts";

/** By generation; made once for all views that show them, and given up with the resource. */
const known = new WeakMap<CachedResource, Map<number, CachedResource>>();

/** Not in the alphabet of content hashes (base64url): no resource has such a version of its own. */
const mark = "~";

/** Generations begin again after so many: nobody is that far behind. */
const cycle = 32;

/**
 * The same resource under the version of a generation, of which 0 is its own. A client that compares versions takes it
 * for changed; the content that it replaces is the same.
 */
export function alternateOf(resource: CachedResource, generation: number): CachedResource {
  if (generation === 0) return resource;
  const digit = (generation % cycle).toString(cycle);
  const version = `${resource.version.slice(0, -2)}${mark}${digit}`;
  let alternates = known.get(resource);
  if (alternates === undefined) known.set(resource, alternates = new Map());
  let alternate = alternates.get(generation % cycle);
  if (alternate === undefined) {
    alternate = { ...resource, version, framed: patchVersion(resource.framed, version) };
    alternates.set(generation % cycle, alternate);
  }
  return alternate;
}
