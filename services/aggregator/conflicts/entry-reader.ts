import type { CachedResource } from "../catalogue/cached-resource.ts";
import { readEntry } from "../output-stage/compose/entry-bytes.ts";
import type { EntryBytes } from "../output-stage/compose/entry-bytes.ts";

/** Takes entries apart. */
export type EntryReader = (resource: CachedResource) => EntryBytes;

/** A reader that takes each entry apart once. It holds what it has read: one for each change is enough. */
export function entryReader(): EntryReader {
  const entries = new Map<CachedResource, EntryBytes>();
  return (resource) => {
    let entry = entries.get(resource);
    if (entry === undefined) entries.set(resource, entry = readEntry(resource.framed));
    return entry;
  };
}
