import type { ResourceId } from "../../../shared/model/subject.ts";
import { readSyncMarker } from "../../../shared/model/sync-marker.ts";
import type { SyncMarker } from "../../../shared/model/sync-marker.ts";

/** Markers that are remembered, to tell old ones from new ones after a rollback. */
const rememberedMarkers = 10_000;

/** What a sync marker says of its source. */
export type MarkerSpec = SyncMarker["spec"];

/**
 * The marker in a message, or why it is ignored. A marker counts for the source of its subject only: to publish there
 * may be all that its publisher is allowed to. It counts for the stream that its publisher has read only.
 */
export function markerIn(
  { registry, source }: ResourceId,
  data: Uint8Array,
  streamId: string,
): MarkerSpec | string {
  const marker = readSyncMarker(data)?.spec;
  if (marker === undefined) {
    return "ignored an unreadable sync marker; the source counts as not read completely until its collector publishes another";
  }
  if (marker.stream !== undefined && marker.stream !== streamId) {
    return "ignored a sync marker of an earlier stream; the source counts as not read completely until its collector publishes another";
  }
  if (marker.registry === registry && marker.source === source) return marker;
  return `ignored a sync marker that names ${marker.registry}/${marker.source}, unlike its subject; find out who publishes it`;
}

/**
 * The sync markers of all sources. A marker proves that its source was read completely only if it was never seen
 * before: a log that was rolled back shows old markers again.
 */
export class Markers {
  readonly #seen = new Set<string>();
  /** The last marker of each source in the log as it is now. */
  readonly #current = new Map<string, MarkerSpec>();

  /** Ids of all markers that were believed, oldest first. */
  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** The last marker of each source in the log as it is now. */
  get current(): Iterable<MarkerSpec> {
    return this.#current.values();
  }

  /** The last marker of a source in the log as it is now. */
  of(registry: string, source: string): MarkerSpec | undefined {
    return this.#current.get(keyOf(registry, source));
  }

  /** Keeps a marker that the log has shown. */
  add(marker: MarkerSpec): void {
    this.#current.set(keyOf(marker.registry, marker.source), marker);
  }

  /** True if the marker was never believed before. */
  isNew({ id }: MarkerSpec): boolean {
    return !this.#seen.has(id);
  }

  /** Remembers markers that were believed, also in earlier times. */
  believe(ids: Iterable<string>): void {
    for (const id of ids) this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= rememberedMarkers) break;
      this.#seen.delete(oldest);
    }
  }

  /** Forgets the marker of a source: it was deleted. */
  remove(registry: string, source: string): void {
    this.#current.delete(keyOf(registry, source));
  }

  /** The log is read anew: it has to show its markers again. */
  reset(): void {
    this.#current.clear();
  }
}

function keyOf(registry: string, source: string): string {
  return `${registry}\0${source}`;
}
