import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import { cursorOf } from "../../../shared/model/cursor.ts";
import type { ResourceId } from "../../../shared/model/subject.ts";
import {
  allSubjects,
  decodeSubject,
  isBookkeepingKind,
  syncMarkerKind,
} from "../../../shared/model/subject.ts";
import { isResourceKind } from "../../../shared/model/manifest.ts";
import { Doubts } from "./doubts.ts";
import type { Doubt, SourceName } from "./doubts.ts";
import { IngestMetrics } from "./ingest-metrics.ts";
import { Losses } from "./losses.ts";
import type { Reader } from "./losses.ts";
import type { IngestOptions } from "./ingest-options.ts";
import { markerIn, Markers } from "./markers.ts";
import type { MarkerSpec } from "./markers.ts";
import { prepareResource } from "../output-stage/present.ts";
import { isFirstRead, needsStateOnDisk, step, streamIdOf } from "./phase.ts";
import type { Effect, Phase, PhaseEvent } from "./phase.ts";
import { restoreState, savedEntries } from "./saved-state.ts";
import { Serving } from "./serving.ts";
import type { Rejection } from "./serving.ts";
import type { AggregatorState } from "../state/state-file.ts";

/** After so many events the event loop gets a turn, so that a large snapshot doesn't hold up clients and probes. */
const eventsPerTurn = 200;

/** How often holds and last good versions are looked at, in milliseconds. */
const tickMs = 1000;

/**
 * Reads the entry log into the cache. A reset of the log removes nothing by itself: what a source had before stays
 * served until that source has published a new sync marker, and only what it did not publish again goes then, within
 * the limits of the guard.
 */
export class StreamIngest {
  readonly #options: IngestOptions;
  readonly #serving: Serving;
  readonly #doubts: Doubts;
  readonly #losses: Losses;
  readonly #markers = new Markers();
  readonly #metrics: IngestMetrics;
  readonly #now: () => number;
  #phase: Phase = { name: "waiting" };
  /** The place in the log. */
  #sequence = 0;
  #restoring: Promise<void> | undefined;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#doubts = new Doubts(options.guard);
    const metrics = new IngestMetrics({
      ...options,
      rejected: () => this.rejections.size,
      doubts: this.#doubts,
    });
    this.#metrics = metrics;
    this.#serving = new Serving({ ...options, onChange: metrics.changed, now: this.#now });
    this.#losses = new Losses({
      doubts: this.#doubts,
      log: options.log,
      now: this.#now,
      endpointsOf: (subject) => this.#serving.endpointsOf(subject),
      remove: (subject) => this.#serving.remove(subject, this.#cursor),
      releaseHint: options.releaseHint ??
        ((registry) => `POST /meshregistry/collectors/${registry}/held/release`),
    });
  }

  /** How many entries wait for a virtual address. */
  get held(): number {
    return this.#serving.held;
  }

  /** True if the subject is served with virtual addresses. */
  isVirtual(subject: string): boolean {
    return this.#serving.isVirtual(subject);
  }

  /** What waits for a virtual address before it is served, by subject. */
  get waiting(): Iterable<readonly [string, Manifest]> {
    return this.#serving.waiting;
  }

  /** How far the log is known. */
  get phase(): Phase["name"] {
    return this.#phase.name;
  }

  /** When the state was written that is served in place of an entry log that can't be read; undefined if none is. */
  get servedStateOf(): string | undefined {
    return "earlier" in this.#phase ? this.#phase.earlier.writtenAt : undefined;
  }

  /** Entries that are served though the log, as it is now, has not shown them (yet). */
  get unconfirmed(): number {
    return this.#doubts.size;
  }

  /** The served resources of a source that are in doubt, and why. */
  doubtsOf(source: SourceName): ReadonlyMap<string, Doubt> {
    return this.#doubts.of(source);
  }

  /** The endpoints that are served of a subject, or wait for its address. */
  endpointsOf(subject: string): number {
    return this.#serving.endpointsOf(subject);
  }

  /** The last sync marker of a source in the log as it is now. */
  markerOf({ registry, source }: SourceName): MarkerSpec | undefined {
    return this.#markers.of(registry, source);
  }

  /** True when the log has been read to its end once. */
  get hasRead(): boolean {
    return !isFirstRead(this.#phase);
  }

  /** Messages that are not served as they are, by subject. */
  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#serving.rejections;
  }

  /** Follows the log until the signal aborts. */
  async run(entryLog: EntryLog, signal: AbortSignal): Promise<void> {
    const reader = { entryLog, signal };
    const timer = setInterval(() => this.tick(), tickMs);
    try {
      let events = 0;
      for await (const event of entryLog.follow(allSubjects, signal)) {
        if (events === 0) await this.#serving.ready();
        if (this.#restoring !== undefined) await this.#restoring;
        await this.#handle(event, reader);
        if (++events % eventsPerTurn === 0) await nextTurn();
      }
    } finally {
      clearInterval(timer);
    }
  }

  /** Ends holds, and gives up last good versions, whose time is over. */
  tick(): void {
    this.#losses.expire();
    this.#serving.expireLastGood(this.#cursor);
    this.#metrics.changed();
  }

  /** Ends what is held of a source, because somebody asked for it. Returns how many resources that were. */
  release(source: SourceName, by: string): number {
    const released = this.#losses.release(source, by);
    this.#metrics.changed();
    return released;
  }

  /** What is served now, to be kept for a start without the entry log; undefined as long as that isn't all of it. */
  state(): Omit<AggregatorState, "stream" | "writtenAt"> | undefined {
    const { cache, gate, addresses } = this.#options;
    if (this.#phase.name !== "following" || !gate.open || this.held > 0) return undefined;
    return {
      streamId: this.#phase.streamId,
      sequence: this.#sequence,
      markers: this.#markers.seen,
      doubts: this.#doubts.size,
      entries: savedEntries(cache, this.#serving, this.#doubts, this.#now()),
      claims: [...addresses?.keeper.claims() ?? []],
    };
  }

  /**
   * Serves a state of earlier times, because the entry log can't be reached. When it can, everything in it is in doubt
   * as after a reset of the log.
   */
  async serve(state: AggregatorState): Promise<void> {
    this.#phase = step(this.#phase, { type: "state-served", earlier: state }).phase;
    this.#restoring = this.#restore(state, "all");
    await this.#restoring;
    this.#restoring = undefined;
    this.#serving.afterThese(() => this.#options.gate.openForState());
  }

  async #restore(state: AggregatorState, which: "all" | "doubtful"): Promise<void> {
    const { profile, addresses } = this.#options;
    addresses?.keeper.restore(state.claims);
    await restoreState(state, which, {
      serving: this.#serving,
      doubts: this.#doubts,
      profile,
      nowMs: this.#now(),
    });
    this.#markers.believe(state.markers);
  }

  get #cursor(): string {
    return cursorOf(streamIdOf(this.#phase), this.#sequence);
  }

  async #advance(event: PhaseEvent, reader: Reader): Promise<void> {
    const { phase, effects } = step(this.#phase, event);
    this.#phase = phase;
    for (const effect of effects) await this.#do(effect, reader);
  }

  async #do(effect: Effect, reader: Reader): Promise<void> {
    switch (effect) {
      case "doubt-all": {
        this.#serving.forgetUnusable();
        const why = this.#phase.name === "comparing" ? "unread" : "unconfirmed";
        return this.#doubts.begin(this.#serving.resources(), { why });
      }
      case "drop-unread":
        for (const marker of this.#markers.current) await this.#losses.review(marker, ["unread"], reader);
        return this.#doubts.keepUnread();
      case "adopt-doubts":
        return await this.#adopt("doubtful");
      case "adopt-state":
        await this.#adopt("all");
        return this.#keepUnread();
      case "doubt-unread":
        return this.#keepUnread();
    }
  }

  async #adopt(which: "all" | "doubtful"): Promise<void> {
    const state = await this.#options.earlier?.load();
    if (state !== undefined) await this.#restore(state, which);
  }

  #keepUnread(): void {
    this.#doubts.keepUnread();
    this.#options.log.warn(
      { unconfirmed: this.unconfirmed },
      "the entry log is not the one of the state on disk; the resources of that state stay served until their " +
        "sources have been read anew",
    );
  }

  async #handle(event: LogEvent, reader: Reader): Promise<void> {
    this.#metrics.count(event.type);
    switch (event.type) {
      case "reset":
        return await this.#reset(event.streamId, event.reason, reader);
      case "caught-up":
        return await this.#caughtUp(event.sequence, reader);
      case "put":
        return await this.#traced(
          event,
          () => this.#put(event.subject, event.sequence, event.data, reader),
        );
      case "delete":
        return await this.#traced(event, () => this.#delete(event.subject, event.sequence));
      case "unusable":
        return this.#unusable(event.subject, event.sequence, event.reason);
    }
  }

  /** Takes in a message that may carry a trace's context. What is read at the start has been traced before. */
  async #traced(
    { subject, provenance }: Extract<LogEvent, { type: "put" | "delete" }>,
    work: () => void | Promise<void>,
  ): Promise<void> {
    const { traces, gate } = this.#options;
    const traceparent = provenance?.traceparent;
    if (traces === undefined || traceparent === undefined || !gate.open) return await work();
    const kind = decodeSubject(subject)?.kind;
    if (kind === undefined || !isResourceKind(kind)) return await work();
    await traces.ingest(kind, subject, traceparent, work);
  }

  async #reset(streamId: string, reason: string, reader: Reader): Promise<void> {
    const { log, metrics } = this.#options;
    const before = this.#phase.name;
    this.#sequence = 0;
    this.#markers.reset();
    await this.#advance({ type: "reset", streamId }, reader);
    const { unconfirmed } = this;
    if (before === "waiting") return;
    if (this.hasRead) {
      metrics.resets.inc();
      log.warn(
        { reason, streamId, unconfirmed },
        "the entry log was reset; everything stays served until its source has been read anew",
      );
    } else log.info({ streamId, unconfirmed }, "the entry log can be read, comparing it with what is served");
  }

  async #caughtUp(sequence: number, reader: Reader): Promise<void> {
    const { cache, gate, earlier, log } = this.#options;
    this.#sequence = Math.max(this.#sequence, sequence);
    const onDisk = needsStateOnDisk(this.#phase) ? await earlier?.header() : undefined;
    // It may have been decided meanwhile to serve that state.
    if (this.#restoring !== undefined) await this.#restoring;
    await this.#advance({ type: "caught-up", sequence, onDisk }, reader);
    for (const marker of this.#markers.current) await this.#believe(marker, reader);
    this.#serving.afterThese(() => gate.markCaughtUp());
    log.info({ sequence, ...cache.count("ServiceEntry") }, "read the entry log to its end");
    this.#metrics.update();
  }

  async #put(subject: string, sequence: number, data: Uint8Array, reader: Reader): Promise<void> {
    this.#sequence = sequence;
    const wasInDoubt = this.#doubts.confirm(subject);
    const id = decodeSubject(subject);
    if (id === undefined) return;
    if (wasInDoubt && this.#isOlder(subject, id, sequence)) {
      await this.#advance({ type: "older-message" }, reader);
    }
    if (id.kind === syncMarkerKind) await this.#marker(id, data, reader);
    else if (isResourceKind(id.kind)) this.#resource(subject, id, sequence, data);
    else if (!isBookkeepingKind(id.kind)) this.#serving.notKnown(subject, id.kind);
  }

  /** True for an older message than the one that is served: the log has lost what came between. */
  #isOlder(subject: string, { kind }: ResourceId, sequence: number): boolean {
    if (this.#phase.name !== "comparing" || !isResourceKind(kind)) return false;
    const cursor = this.#options.cache.stored(kind, subject)?.cursor ?? "";
    const { streamId } = this.#phase;
    return cursor.startsWith(`${streamId}-`) && cursor > cursorOf(streamId, sequence);
  }

  #resource(subject: string, id: ResourceId, sequence: number, data: Uint8Array): void {
    const { profile } = this.#options;
    const cursor = cursorOf(streamIdOf(this.#phase), sequence);
    const { prepared, violations } = prepareResource(subject, id, cursor, data, profile);
    this.#serving.judge(subject, violations, prepared !== undefined);
    if (prepared !== undefined) this.#serving.present(prepared);
  }

  #unusable(subject: string, sequence: number, reason: string): void {
    this.#sequence = sequence;
    this.#doubts.confirm(subject);
    const kind = decodeSubject(subject)?.kind;
    if (kind === undefined || !isResourceKind(kind)) return;
    this.#serving.judge(subject, [{ rule: "M1", severity: "error", path: "", message: reason }], false);
  }

  #delete(subject: string, sequence: number): void {
    this.#sequence = sequence;
    this.#doubts.deleted(subject);
    const id = decodeSubject(subject);
    if (id?.kind === syncMarkerKind) this.#markers.remove(id.registry, id.source);
    else this.#serving.remove(subject, this.#cursor);
  }

  async #marker(id: ResourceId, data: Uint8Array, reader: Reader): Promise<void> {
    const { registry, source } = id;
    const marker = markerIn(id, data, streamIdOf(this.#phase));
    if (typeof marker === "string") return this.#options.log.warn({ registry, source }, marker);
    this.#markers.add(marker);
    // While the log is read, entries that were published before the marker may still come: they were replaced since.
    if (this.#phase.name === "following") await this.#believe(marker, reader);
  }

  /** Whatever its source has not published again goes, if the marker was never seen before. */
  async #believe(marker: MarkerSpec, reader: Reader): Promise<void> {
    const { registry, source, id, entries, held } = marker;
    if (this.#markers.isNew(marker)) {
      if (!(await this.#losses.review(marker, ["unread", "unconfirmed"], reader))) return;
      this.#markers.believe([id]);
      this.#options.log.info({ registry, source, entries, held }, "source was read completely");
    }
    this.#serving.afterThese(() => this.#options.gate.markSynced(registry, source));
  }
}
