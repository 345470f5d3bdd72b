import { setImmediate } from "node:timers";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryLog, LogEvent } from "../../shared/entry-log/entry-log.ts";
import type { Violation } from "../../shared/istio/mod.ts";
import { cursorOf } from "../../shared/model/cursor.ts";
import type { Profile } from "../../shared/model/profile.ts";
import { resourceKinds } from "../../shared/model/manifest.ts";
import type { ResourceId } from "../../shared/model/subject.ts";
import { allSubjects, decodeSubject, syncMarkerKind } from "../../shared/model/subject.ts";
import { SyncMarker } from "../../shared/model/sync-marker.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { ResourceCache } from "./cache.ts";
import { isResourceKind } from "./cache.ts";
import type { AggregatorMetrics } from "./metrics.ts";
import { presentResource } from "./present.ts";
import type { SyncGate } from "./sync-gate.ts";

export interface IngestOptions {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly profile: Profile;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
}

/** A message on the stream that is not served as it is. */
export interface Rejection {
  readonly violations: readonly Violation[];
  /** What clients get in its place. */
  readonly serving: "nothing" | "the last good version" | "it all the same";
}

/** After so many events the event loop gets a turn, so that a large snapshot doesn't hold up clients and probes. */
const eventsPerTurn = 200;

/** Markers that are remembered, to tell old ones from new ones after a rollback. */
const rememberedMarkers = 10_000;

/**
 * Reads the entry log into the cache. A reset of the log removes nothing by itself: what a source had before stays
 * served until that source has published a new sync marker, and only what it did not publish again goes then.
 */
export class StreamIngest {
  readonly #options: IngestOptions;
  readonly #rejections = new Map<string, Rejection>();
  /** Subjects known from before a reset that the log has not shown since. */
  readonly #unconfirmed = new Set<string>();
  readonly #seenMarkers = new Set<string>();
  /** Events by type that the metrics don't have yet. */
  readonly #uncounted = new Map<LogEvent["type"], number>();
  #metricsScheduled = false;
  #streamId = "";

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /** Messages that are not served as they are, by subject. */
  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#rejections;
  }

  /** Follows the log until the signal aborts. */
  async run(entryLog: EntryLog, signal: AbortSignal): Promise<void> {
    let events = 0;
    for await (const event of entryLog.follow(allSubjects, signal)) {
      this.#handle(event);
      if (++events % eventsPerTurn === 0) await nextTurn();
    }
  }

  #handle(event: LogEvent): void {
    this.#uncounted.set(event.type, (this.#uncounted.get(event.type) ?? 0) + 1);
    this.#metricsAreDue();
    switch (event.type) {
      case "reset":
        return this.#reset(event.streamId, event.reason);
      case "caught-up":
        return this.#caughtUp(event.sequence);
      case "put":
        return this.#put(event.subject, event.sequence, event.data);
      case "delete":
        return this.#delete(event.subject);
    }
  }

  #reset(streamId: string, reason: string): void {
    const { cache, log, metrics } = this.#options;
    const isFirst = this.#streamId === "";
    this.#streamId = streamId;
    if (isFirst) return;
    metrics.resets.inc();
    for (const kind of resourceKinds) {
      for (const { subject } of cache.allStored(kind)) this.#unconfirmed.add(subject);
    }
    log.warn(
      { reason, streamId, unconfirmed: this.#unconfirmed.size },
      "entry log was reset, reading it anew",
    );
  }

  #caughtUp(sequence: number): void {
    const { cache, gate, log } = this.#options;
    gate.markCaughtUp();
    log.info({ sequence, ...cache.count("ServiceEntry") }, "read the entry log to its end");
    this.#updateMetrics();
  }

  #put(subject: string, sequence: number, data: Uint8Array): void {
    this.#unconfirmed.delete(subject);
    const id = decodeSubject(subject);
    if (id?.kind === syncMarkerKind) this.#marker(data);
    else if (id !== undefined && isResourceKind(id.kind)) this.#resource(subject, id, sequence, data);
  }

  #resource(subject: string, id: ResourceId, sequence: number, data: Uint8Array): void {
    const { cache, profile, log } = this.#options;
    const { resource, violations } = presentResource(
      subject,
      id,
      cursorOf(this.#streamId, sequence),
      data,
      profile,
    );
    if (isResourceKind(id.kind) && resource !== undefined) cache.put(id.kind, resource);
    if (violations.length === 0) {
      this.#rejections.delete(subject);
    } else {
      const known = isResourceKind(id.kind) && cache.stored(id.kind, subject) !== undefined;
      const serving = resource !== undefined
        ? "it all the same"
        : known
        ? "the last good version"
        : "nothing";
      this.#rejections.set(subject, { violations, serving });
      log.warn({ subject, serving, violations: violations.slice(0, 3) }, "resource breaks Istio's rules");
    }
  }

  #delete(subject: string): void {
    this.#unconfirmed.delete(subject);
    this.#rejections.delete(subject);
    this.#remove(subject);
  }

  #remove(subject: string): void {
    const kind = decodeSubject(subject)?.kind;
    if (kind !== undefined && isResourceKind(kind)) this.#options.cache.delete(kind, subject);
  }

  #marker(data: Uint8Array): void {
    const marker = readMarker(data);
    if (marker === undefined) {
      this.#options.log.warn("ignoring an unreadable sync marker");
      return;
    }
    const { registry, source, id } = marker.spec;
    if (this.#seenMarkers.has(id)) return;
    this.#seenMarkers.add(id);
    for (const oldest of this.#seenMarkers) {
      if (this.#seenMarkers.size <= rememberedMarkers) break;
      this.#seenMarkers.delete(oldest);
    }
    this.#dropUnconfirmed(registry, source);
    this.#options.gate.markSynced(registry, source);
    this.#options.log.info({ registry, source, entries: marker.spec.entries }, "source is synced");
  }

  #dropUnconfirmed(registry: string, source: string): void {
    for (const subject of this.#unconfirmed) {
      const id = decodeSubject(subject);
      if (id?.registry !== registry || id.source !== source) continue;
      this.#unconfirmed.delete(subject);
      this.#rejections.delete(subject);
      this.#remove(subject);
      this.#options.log.info(
        { subject },
        "removed: its source did not publish it again after the log was reset",
      );
    }
  }

  /** One update per turn of the event loop, shared by all its events: a large snapshot has very many. */
  #metricsAreDue(): void {
    if (this.#metricsScheduled) return;
    this.#metricsScheduled = true;
    setImmediate(() => {
      this.#metricsScheduled = false;
      this.#updateMetrics();
    });
  }

  #updateMetrics(): void {
    const { cache, metrics } = this.#options;
    for (const [type, count] of this.#uncounted) metrics.events.inc({ type }, count);
    this.#uncounted.clear();
    metrics.rejected.set(this.#rejections.size);
    for (const kind of resourceKinds) metrics.resources.set({ kind }, cache.count(kind).resources);
    metrics.endpoints.set(cache.count("ServiceEntry").endpoints);
  }
}

function readMarker(data: Uint8Array): SyncMarker | undefined {
  try {
    return SyncMarker.safeParse(JSON.parse(Buffer.from(data).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}
