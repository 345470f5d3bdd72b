import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryLog, LogEvent } from "../../shared/entry-log/entry-log.ts";
import { cursorOf } from "../../shared/model/cursor.ts";
import type { Profile } from "../../shared/model/profile.ts";
import { resourceKinds } from "../../shared/model/manifest.ts";
import type { ResourceId } from "../../shared/model/subject.ts";
import { allSubjects, decodeSubject, syncMarkerKind } from "../../shared/model/subject.ts";
import { readSyncMarker } from "../../shared/model/sync-marker.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { Addressed } from "../../shared/virtual-addresses/addressed-host.ts";
import type { ResourceCache } from "./cache.ts";
import { isResourceKind } from "./cache.ts";
import { Confirmations } from "./confirmations.ts";
import { IngestMetrics } from "./ingest-metrics.ts";
import type { AggregatorMetrics } from "./metrics.ts";
import { manifestOf, prepareManifest, prepareResource } from "./present.ts";
import { Serving } from "./serving.ts";
import type { Rejection } from "./serving.ts";
import type { AggregatorState, StateHeader } from "./state/state-file.ts";
import type { SyncGate } from "./sync-gate.ts";
import { sourceKey } from "./sync-gate.ts";
import type { AddressKeeper } from "./virtual-addresses/address-keeper.ts";

export interface IngestOptions {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly profile: Profile;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
  /** Who has which virtual address, and who is given one; without it, nobody is. */
  readonly addresses?: { readonly keeper: AddressKeeper; readonly addressed: Addressed } | undefined;
  /** The state on disk, if one is kept. */
  readonly earlier?: EarlierState | undefined;
}

/** A state of earlier times that can be asked for; undefined if there is none that can be used. */
export interface EarlierState {
  header(): Promise<StateHeader | undefined>;
  load(): Promise<AggregatorState | undefined>;
}

/** After so many events the event loop gets a turn, so that a large snapshot doesn't hold up clients and probes. */
const eventsPerTurn = 200;

/**
 * Reads the entry log into the cache. A reset of the log removes nothing by itself: what a source had before stays
 * served until that source has published a new sync marker, and only what it did not publish again goes then.
 */
export class StreamIngest {
  readonly #options: IngestOptions;
  readonly #serving: Serving;
  readonly #confirmations = new Confirmations();
  readonly #metrics: IngestMetrics;
  #streamId = "";
  #sequence = 0;
  /** False until the log has been read to its end for the first time. */
  #hasRead = false;
  /** The state that is served, or was taken over, until the log has been read. */
  #restored: AggregatorState | undefined;
  #restoring: Promise<void> | undefined;
  #rolledBack = false;

  constructor(options: IngestOptions) {
    this.#options = options;
    const metrics = new IngestMetrics({ ...options, rejected: () => this.rejections.size });
    this.#metrics = metrics;
    this.#serving = new Serving({ ...options, onChange: metrics.changed });
  }

  /** How many entries wait for a virtual address. */
  get held(): number {
    return this.#serving.held;
  }

  /** When the state was written that is served in place of an entry log that can't be read; undefined if none is. */
  get servedStateOf(): string | undefined {
    return this.#hasRead ? undefined : this.#restored?.writtenAt;
  }

  /** Entries that are served though the log, as it is now, has not shown them (yet). */
  get unconfirmed(): number {
    return this.#confirmations.size;
  }

  /** True when the log has been read to its end once. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** Messages that are not served as they are, by subject. */
  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#serving.rejections;
  }

  /** Follows the log until the signal aborts. */
  async run(entryLog: EntryLog, signal: AbortSignal): Promise<void> {
    let events = 0;
    for await (const event of entryLog.follow(allSubjects, signal)) {
      if (events === 0) await this.#serving.ready();
      if (this.#restoring !== undefined) await this.#restoring;
      if (event.type === "caught-up" && !this.#hasRead) await this.#firstRead(event.sequence);
      this.#handle(event);
      if (++events % eventsPerTurn === 0) await nextTurn();
    }
  }

  /**
   * What is served now, to be kept for a start without the entry log; undefined as long as that isn't all of it, or
   * something in it is in doubt.
   */
  state(): Omit<AggregatorState, "stream" | "writtenAt"> | undefined {
    const { cache, gate, addresses } = this.#options;
    if (!this.#hasRead || !gate.open || this.held > 0 || this.#confirmations.size > 0) return undefined;
    // Resources never change, so a list of them is a consistent picture, whatever happens while it is written.
    const resources = resourceKinds.flatMap((kind) => [...cache.allStored(kind)]);
    return {
      streamId: this.#streamId,
      sequence: this.#sequence,
      markers: this.#confirmations.seen,
      entries: resources.map(({ subject, cursor, framed }) => ({
        subject,
        cursor,
        framed,
        virtual: this.#serving.isVirtual(subject),
      })),
      claims: [...addresses?.keeper.claims() ?? []],
    };
  }

  /**
   * Serves a state of earlier times, because the entry log can't be reached. When it can, everything in it is in doubt
   * as after a reset of the log.
   */
  async serve(state: AggregatorState): Promise<void> {
    this.#streamId = state.streamId;
    this.#restoring = this.#restore(state);
    await this.#restoring;
    this.#restoring = undefined;
    this.#serving.afterThese(() => this.#options.gate.openForState());
  }

  /** Takes over what the state has and the log doesn't, except for sources that have been read completely since. */
  async #restore(state: AggregatorState): Promise<void> {
    const { cache, gate, profile, addresses } = this.#options;
    addresses?.keeper.restore(state.claims);
    const markers = new Set(state.markers);
    let entries = 0;
    for (const { subject, cursor, framed, virtual } of state.entries) {
      if (++entries % eventsPerTurn === 0) await nextTurn();
      const id = decodeSubject(subject);
      if (
        id === undefined || !isResourceKind(id.kind) || !gate.states.has(sourceKey(id.registry, id.source))
      ) continue;
      if (cache.stored(id.kind, subject) !== undefined || this.#serving.holds(subject)) continue;
      if (this.#confirmations.isNewer(id.registry, id.source, markers)) continue;
      const manifest = manifestOf(id.kind, framed, virtual);
      const prepared = manifest && prepareManifest(subject, id, cursor, manifest, profile).prepared;
      if (prepared === undefined) continue;
      this.#confirmations.add(subject);
      this.#serving.present(prepared);
    }
    this.#confirmations.remember(state.markers);
    this.#restored = state;
  }

  /**
   * The log has been read for the first time. What a state of earlier times has beyond it was deleted meanwhile, if the
   * log is the same and goes on from there; it is kept, if the log is another or was rolled back.
   */
  async #firstRead(sequence: number): Promise<void> {
    this.#hasRead = true;
    const { log, gate, earlier } = this.#options;
    const known = this.#restored ?? await earlier?.header();
    const goesOn = known?.streamId === this.#streamId && known.sequence <= sequence && !this.#rolledBack;
    if (known === undefined || (goesOn && this.#restored === undefined)) return;
    if (!goesOn) {
      const state = this.#restored === undefined ? await earlier?.load() : undefined;
      if (state !== undefined) await this.#restore(state);
      log.warn(
        { writtenAt: known.writtenAt, unconfirmed: this.unconfirmed },
        "the entry log is not the one of the state on disk: keeping that until its sources have published anew",
      );
    } else {
      for (const { registry, source } of this.#confirmations.read) {
        this.#dropUnconfirmed(registry, source, sequence);
        this.#serving.afterThese(() => gate.markSynced(registry, source));
      }
    }
    this.#restored = undefined;
  }

  #handle(event: LogEvent): void {
    this.#metrics.count(event.type);
    switch (event.type) {
      case "reset":
        return this.#reset(event.streamId, event.reason);
      case "caught-up":
        return this.#caughtUp(event.sequence);
      case "put":
        return this.#put(event.subject, event.sequence, event.data);
      case "delete":
        return this.#delete(event.subject, event.sequence);
    }
  }

  #reset(streamId: string, reason: string): void {
    const { cache, log, metrics } = this.#options;
    const isFirst = this.#streamId === "";
    this.#streamId = streamId;
    this.#sequence = 0;
    if (isFirst) return;
    for (const kind of resourceKinds) {
      this.#confirmations.doubt(Array.from(cache.allStored(kind), ({ subject }) => subject));
    }
    this.#confirmations.doubt(this.#serving.heldSubjects);
    const { unconfirmed } = this;
    if (this.#hasRead) {
      metrics.resets.inc();
      log.warn({ reason, streamId, unconfirmed }, "entry log was reset, reading it anew");
    } else {log.info(
        { streamId, unconfirmed },
        "the entry log can be read, comparing it with the state on disk",
      );}
  }

  #caughtUp(sequence: number): void {
    const { cache, gate, log } = this.#options;
    this.#sequence = Math.max(this.#sequence, sequence);
    this.#serving.afterThese(() => gate.markCaughtUp());
    log.info({ sequence, ...cache.count("ServiceEntry") }, "read the entry log to its end");
    this.#metrics.update();
  }

  #put(subject: string, sequence: number, data: Uint8Array): void {
    this.#sequence = sequence;
    const wasInDoubt = this.#confirmations.confirm(subject);
    const id = decodeSubject(subject);
    if (wasInDoubt && !this.#hasRead) this.#compare(subject, id, sequence);
    if (id?.kind === syncMarkerKind) this.#marker(sequence, data);
    else if (id !== undefined && isResourceKind(id.kind)) this.#resource(subject, id, sequence, data);
  }

  /** An older message than the one that was served: the log has lost what came between. */
  #compare(subject: string, id: ResourceId | undefined, sequence: number): void {
    if (id === undefined || !isResourceKind(id.kind)) return;
    const cursor = this.#options.cache.stored(id.kind, subject)?.cursor ?? "";
    if (cursor.startsWith(`${this.#streamId}-`) && cursor > cursorOf(this.#streamId, sequence)) {
      this.#rolledBack = true;
    }
  }

  #resource(subject: string, id: ResourceId, sequence: number, data: Uint8Array): void {
    const { profile } = this.#options;
    const cursor = cursorOf(this.#streamId, sequence);
    const { prepared, violations } = prepareResource(subject, id, cursor, data, profile);
    this.#serving.judge(subject, violations, prepared !== undefined);
    if (prepared !== undefined) this.#serving.present(prepared);
  }

  #delete(subject: string, sequence: number): void {
    this.#sequence = sequence;
    this.#confirmations.confirm(subject);
    this.#remove(subject, sequence);
  }

  #remove(subject: string, sequence: number): void {
    this.#serving.remove(subject, cursorOf(this.#streamId, sequence));
  }

  #marker(sequence: number, data: Uint8Array): void {
    const marker = readSyncMarker(data);
    if (marker === undefined) {
      this.#options.log.warn("ignoring an unreadable sync marker");
      return;
    }
    const { registry, source, id } = marker.spec;
    if (!this.#confirmations.marker({ registry, source, id })) return;
    this.#dropUnconfirmed(registry, source, sequence);
    this.#serving.afterThese(() => this.#options.gate.markSynced(registry, source));
    this.#options.log.info({ registry, source, entries: marker.spec.entries }, "source is synced");
  }

  #dropUnconfirmed(registry: string, source: string, sequence: number): void {
    for (const subject of this.#confirmations.release(registry, source)) {
      this.#remove(subject, sequence);
      this.#options.log.info(
        { subject },
        "removed: its source did not publish it again",
      );
    }
  }
}
