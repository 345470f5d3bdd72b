import type { CachedResource } from "../catalogue/cached-resource.ts";
import { differInEndpointsOnly, patchEntry } from "../output-stage/compose/patch-entry.ts";
import { newest, sourceText } from "./served-parts.ts";
import type { Part } from "./settlement.ts";

/** What a served resource is made of. */
export type Ingredients = Pick<Part, "identity" | "contents">;

/**
 * What is served of a group now that endpoints of one member have changed, and nothing else has: who is merged or
 * preferred stays decided. Undefined if it has to be decided anew. `served` is the only resource that is served of the
 * group.
 */
export function amended(
  served: CachedResource,
  { identity, contents }: Ingredients,
  before: CachedResource,
  after: CachedResource,
  cursor: string,
): CachedResource | undefined {
  if (after.claim === undefined || before.endpoints === 0 || after.endpoints === 0) return undefined;
  const isItself = served === before;
  if (isItself || !contents.includes(before)) {
    if (!differInEndpointsOnly(before.framed, after.framed)) return undefined;
    return isItself ? after : served;
  }
  // One entry with another name or fewer hosts: its endpoints have no label of their source.
  if (contents.length === 1 && identity === before) return undefined;
  // An endpoint that two sources have is there once: the second comes to light when the first goes.
  if (contents.reduce((sum, { endpoints }) => sum + endpoints, 0) !== served.endpoints) return undefined;
  const place = newest([
    cursor,
    ...contents.map((each) => (each === before ? after : each).cursor),
    identity.cursor,
  ]);
  const patched = patchEntry({
    composed: served.framed,
    endpoints: served.endpoints,
    before: before.framed,
    after: after.framed,
    source: sourceText(after),
    cursor: place,
  });
  if (patched === undefined) return undefined;
  const { framed, version, endpoints } = patched;
  // With its earlier place in the log, if nothing of it has changed.
  if (version === served.version) return served;
  return { ...served, cursor: place, version, endpoints, framed };
}
