import type { EntryLog, LogRecord, PublishResult } from "../entry-log/entry-log.ts";
import type { Manifest, SidecarManifest } from "../model/manifest.ts";
import { manifestBytes } from "../model/manifest-bytes.ts";
import { decodeSubject, encodeSubject, sourceFilter, syncMarkerSubject } from "../model/subject.ts";
import { createSyncMarker } from "../model/sync-marker.ts";
import { MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { LastContents } from "./last-contents.ts";
import { mergeHeld } from "./merge-held.ts";
import { tombstone } from "./publish-change.ts";
import type { Change } from "./publish-change.ts";
import { countServiceEntries, SummaryCounts } from "./publish-summary.ts";
import type { PublishSummary } from "./publish-summary.ts";
import { PublishedEntries } from "./published-entries.ts";
import { emptied, manifestHash, manifestsOf } from "./published-entry.ts";
import { ShrinkGuard } from "./shrink-guard.ts";
import type { ShrinkPolicy } from "./shrink-guard.ts";

/** How a source publishes. */
export interface SourcePublisherOptions {
  readonly entryLog: EntryLog;
  readonly registry: string;
  readonly source: string;
  readonly guard: ShrinkPolicy;
  /** A service without endpoints is deleted after this time, in milliseconds; 0 keeps it for ever. */
  readonly keepEmptyMs: number;
  /** While this is true, a service that isn't in a complete read keeps its endpoints. */
  readonly keepsMissing?: () => boolean;
  readonly log: Logger;
}

const batchSize = 1000;

/**
 * Publishes one source's resources: compares with what is on the stream, publishes only differences, and never lets
 * a service vanish by accident. The state is the stream itself: a new publisher reads back what the last one left.
 *
 * Calls must not overlap; a collector has one loop.
 */
export class SourcePublisher implements Disposable {
  readonly #options: SourcePublisherOptions;
  readonly #guard: ShrinkGuard;
  readonly #published = new PublishedEntries();
  readonly #lastContents: LastContents;
  readonly #stopWatching: () => void;
  /** Sidecars that a read-back found and that nobody has asked for. */
  #foundSidecars: SidecarManifest[] = [];
  #needsReadBack = true;
  #markerDue = true;

  constructor(options: SourcePublisherOptions) {
    this.#options = options;
    this.#guard = new ShrinkGuard(options.guard);
    this.#lastContents = new LastContents(options.entryLog, options.log);
    this.#stopWatching = options.entryLog.onReset((reason) => {
      options.log.warn({ reason }, "entry log was reset, everything is compared and published again");
      this.#needsReadBack = true;
      this.#markerDue = true;
    });
  }

  /** True when the next publish has to be a {@link publishAll}: at the start, and after the entry log was reset. */
  get needsCompleteRead(): boolean {
    return this.#needsReadBack || this.#markerDue;
  }

  /** Subjects whose losses are held back, with the milliseconds that they have been held. */
  held(): ReadonlyMap<string, number> {
    const now = performance.now();
    return new Map(Array.from(this.#guard.held, ([subject, since]) => [subject, now - since]));
  }

  /** True while there are services without endpoints, whose time runs out some day. */
  get keepsEmpty(): boolean {
    return this.#lastContents.known.size > 0;
  }

  /** Lets held losses through at the next complete read. Answers how many were held. */
  releaseHeld(): number {
    return this.#guard.release();
  }

  /** Published resources of this source. */
  get size(): number {
    return this.#published.size;
  }

  /**
   * Reads back what is published, if that is due ({@link publishAll} does, too), and answers the Sidecars that were
   * found since the last call: a collector that generates Sidecars keeps its state in them.
   */
  async readBack(signal: AbortSignal): Promise<readonly SidecarManifest[]> {
    if (this.#needsReadBack) await this.#readBack(signal);
    const found = this.#foundSidecars;
    this.#foundSidecars = [];
    return found;
  }

  /**
   * Publishes a complete read: `manifests` is all that the source has, in the order in which it is published. A
   * ServiceEntry that is published and not in it has lost its endpoints, as far as the guard lets it. Other resources
   * that aren't in it stay as they are: {@link publishChanges} deletes them. Ends with a sync marker if one is due.
   */
  async publishAll(manifests: Iterable<Manifest>, signal: AbortSignal): Promise<PublishSummary> {
    if (this.#needsReadBack) await this.#readBack(signal);
    const read = new Map<string, Manifest>();
    for (const manifest of manifests) read.set(this.#subjectOf(manifest), manifest);
    const held = this.#guard.review(this.#published.compare(read), performance.now());
    await this.#lastContents.keep(held.keys(), signal);
    const changes: Change[] = [];
    for (const [subject, manifest] of read) this.#addUpsert(changes, subject, manifest);
    const keepsMissing = this.#options.keepsMissing?.() === true;
    for (const subject of this.#published.subjects()) {
      if (read.has(subject) || held.has(subject) || keepsMissing) continue;
      if (decodeSubject(subject)?.kind === "ServiceEntry") this.#addMissing(changes, subject);
    }
    const summary = await this.#publish(changes, countServiceEntries(read.values()), signal);
    if (held.size > 0) this.#reportHeld(held);
    if (this.#markerDue && !this.#needsReadBack) await this.#publishMarker(signal);
    return summary;
  }

  /**
   * Publishes changes that the registry itself named, in this order. `gone` are ServiceEntries that have no endpoint
   * any more; the guard isn't asked, because the registry said so instance by instance. What it holds stays held.
   * Resources of other kinds among `gone` have no endpoints to lose: they are deleted at once.
   */
  async publishChanges(
    upserts: Iterable<Manifest>,
    gone: Iterable<{ readonly kind: string; readonly namespace: string; readonly name: string }>,
    signal: AbortSignal,
  ): Promise<PublishSummary> {
    if (this.#needsReadBack) {
      throw new MeshError("entry-log-unavailable", "A complete read must be published first");
    }
    const changes: Change[] = [];
    const offered = [...upserts];
    for (const manifest of offered) this.#addUpsert(changes, this.#subjectOf(manifest), manifest);
    for (const id of gone) {
      const { registry, source } = this.#options;
      const subject = encodeSubject({ ...id, registry, source });
      if (this.#published.get(subject) === undefined || this.#guard.held.has(subject)) continue;
      if (id.kind === "ServiceEntry") this.#addMissing(changes, subject);
      else changes.push(tombstone(id.kind, subject));
    }
    return await this.#publish(changes, countServiceEntries(offered), signal);
  }

  [Symbol.dispose](): void {
    this.#stopWatching();
  }

  #subjectOf(manifest: Manifest): string {
    const { registry, source } = this.#options;
    return encodeSubject({ ...manifest.metadata, kind: manifest.kind, registry, source });
  }

  async #readBack(signal: AbortSignal): Promise<void> {
    const { entryLog, registry, source, log } = this.#options;
    this.#needsReadBack = false;
    const before = new Map(this.#lastContents.known);
    this.#published.clear();
    this.#foundSidecars = [];
    try {
      const entries = entryLog.readBack(sourceFilter(registry, source), signal);
      for await (const { subject, sequence, manifest } of manifestsOf(entries, log)) {
        const entry = this.#published.remember(subject, sequence, manifest, manifestHash(manifest));
        if (entry.emptySince !== undefined) this.#lastContents.set(subject, manifest);
        if (manifest.kind === "Sidecar") this.#foundSidecars.push(manifest);
      }
    } catch (error) {
      this.#needsReadBack = true;
      throw error;
    }
    // What only the lost stream knew goes back onto it: nothing is deleted because a stream was.
    const lost = [...before].filter(([subject]) => this.#published.get(subject) === undefined);
    const changes = lost.map(([subject, manifest]): Change => (
      { kind: manifest.kind, subject, manifest, hash: manifestHash(manifest), what: "created" }
    ));
    await this.#publish(changes, 0, signal);
    log.info({ entries: this.#published.size }, "read back what is published");
  }

  #addUpsert(changes: Change[], subject: string, read: Manifest): void {
    const before = this.#published.get(subject);
    const held = this.#guard.held.has(subject) ? this.#lastContents.known.get(subject) : undefined;
    if (held === undefined) this.#lastContents.delete(subject);
    const manifest = held === undefined ? read : mergeHeld(held, read);
    const hash = manifestHash(manifest);
    if (before?.contentHash === hash) return;
    changes.push({
      kind: manifest.kind,
      subject,
      manifest,
      hash,
      what: before === undefined ? "created" : "updated",
    });
  }

  #addMissing(changes: Change[], subject: string): void {
    const before = this.#published.get(subject);
    if (before === undefined) return;
    const { keepEmptyMs } = this.#options;
    if (before.emptySince === undefined) {
      changes.push({ ...tombstone("ServiceEntry", subject), what: "emptied" });
    } else if (keepEmptyMs > 0 && Date.now() - Date.parse(before.emptySince) >= keepEmptyMs) {
      changes.push(tombstone("ServiceEntry", subject));
    }
  }

  async #publish(changes: readonly Change[], offered: number, signal: AbortSignal): Promise<PublishSummary> {
    const counts = new SummaryCounts();
    for (let start = 0; start < changes.length; start += batchSize) {
      const completed = await Promise.all(
        changes.slice(start, start + batchSize).map((change) => this.#withContent(change, signal)),
      );
      const batch = completed.filter((change) => change !== undefined);
      const records = batch.map(({ subject, manifest }): LogRecord => ({
        subject,
        data: manifest === undefined ? null : manifestBytes(manifest),
        expectedSequence: this.#published.get(subject)?.sequence ?? 0,
      }));
      const results = await this.#options.entryLog.publish(records, signal);
      for (const [index, change] of batch.entries()) {
        const result = results[index];
        if (result !== undefined && this.#settle(change, result)) counts.add(change);
      }
    }
    return counts.summary(offered, this.#guard.held.size);
  }

  /** Completes a change: the time of creation, and for an emptied service its last content. Undefined if that is lost. */
  async #withContent(change: Change, signal: AbortSignal): Promise<Change | undefined> {
    const now = new Date().toISOString();
    const creationTimestamp = this.#published.get(change.subject)?.creationTimestamp ?? now;
    let { manifest, hash } = change;
    if (change.what === "emptied") {
      const last = await this.#lastContents.of(change.subject, signal);
      if (last === undefined) return undefined;
      manifest = emptied(last, now);
      hash = manifestHash(manifest);
    }
    if (manifest === undefined) return change;
    return {
      ...change,
      hash,
      manifest: { ...manifest, metadata: { ...manifest.metadata, creationTimestamp } },
    };
  }

  /** Takes note of what the log answered to one change; true if it was stored. */
  #settle({ subject, manifest, hash, what }: Change, result: PublishResult): boolean {
    const { log } = this.#options;
    switch (result.status) {
      case "conflict":
        log.warn({ subject }, "another collector wrote this resource, it is read back and compared again");
        this.#needsReadBack = true;
        return false;
      case "rejected":
        log.error({ subject, reason: result.reason }, "the entry log refuses this resource, it is skipped");
        return false;
      case "stored":
        if (manifest === undefined) {
          this.#published.delete(subject);
          this.#lastContents.delete(subject);
        } else {
          this.#published.remember(subject, result.sequence, manifest, hash);
          if (what === "emptied") this.#lastContents.set(subject, manifest);
        }
        return true;
    }
  }

  #reportHeld(held: ReadonlyMap<string, number>): void {
    this.#options.log.warn(
      { held: held.size, examples: [...held.keys()].slice(0, 5) },
      "the registry lost more than the guard lets through at once; the old endpoints stay until they return, " +
        "the hold time is over, or POST /held/release",
    );
  }

  async #publishMarker(signal: AbortSignal): Promise<void> {
    const { entryLog, registry, source } = this.#options;
    const marker = createSyncMarker(registry, source, this.#published.size);
    this.#markerDue = false;
    try {
      await entryLog.publish(
        [{ subject: syncMarkerSubject(registry, source), data: Buffer.from(JSON.stringify(marker)) }],
        signal,
      );
    } catch (error) {
      this.#markerDue = true;
      throw error;
    }
  }
}
