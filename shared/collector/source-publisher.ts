import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Manifest } from "../model/manifest.ts";
import { encodeSubject, syncMarkerSubject } from "../model/subject.ts";
import { createSyncMarker } from "../model/sync-marker.ts";
import type { Logger } from "../runtime/log.ts";
import { Turns } from "../runtime/turns.ts";
import { ChangeSender } from "./change-sender.ts";
import type { ChangeTraces } from "./change-traces.ts";
import type { PublishBasis } from "./change-sender.ts";
import { HeldLosses } from "./held-losses.ts";
import type { WaitingLosses } from "./held-losses.ts";
import type { PublishedEntry } from "./known-entry.ts";
import type { Offer, PreparedOffer } from "./offers.ts";
import { tombstone } from "./publish-change.ts";
import type { Change } from "./publish-change.ts";
import { countServiceEntries } from "./publish-summary.ts";
import type { PublishSummary } from "./publish-summary.ts";
import { manifestHash, readManifest } from "./published-entry.ts";
import type { PublishedState } from "./published-state.ts";
import type { ShrinkPolicy } from "./shrink-guard.ts";
import type { Unit } from "./unit.ts";
import type { Share } from "./work-share.ts";

/** How a source publishes. */
export interface SourcePublisherOptions {
  readonly entryLog: EntryLog;
  readonly registry: string;
  readonly source: string;
  /** The source's part of the stream. Its owner applies the log's events. */
  readonly state: PublishedState;
  /** The units that this replica may publish. */
  readonly share: Share;
  readonly guard: ShrinkPolicy;
  /** A service without endpoints is deleted after this time, in milliseconds; 0 keeps it for ever. */
  readonly keepEmptyMs: number;
  /** What is gone is deleted at once, whatever its kind; see `RegistryView.deletesGone`. */
  readonly deletesGone?: boolean | undefined;
  /** Absent: changes aren't traced. */
  readonly traces?: ChangeTraces | undefined;
  /** Where this process serves HTTP, for the hints in its log. */
  readonly httpUrl: () => string | undefined;
  readonly log: Logger;
}

/** Under which conditions everything is compared. */
export interface ComparisonTerms {
  /**
   * Only these units were read, and no others are offered. Resources of the rest stay, and so do resources whose unit
   * isn't known: they may belong to the rest. Absent: everything was read.
   */
  readonly isRead?: ((unit: Unit) => boolean) | undefined;
  /** See `ShrinkGuard.review`. */
  readonly isMassLoss?: boolean;
  /** Absent: none. */
  readonly waiting?: WaitingLosses;
}

/** The result of one publish. */
export interface Published {
  readonly summary: PublishSummary;
  /** Units with a resource that the log refused for now: to be offered again. */
  readonly refused: ReadonlySet<Unit>;
  /** True if this replica may not publish any more under the term that it knows. */
  readonly fenced: boolean;
}

/**
 * Publishes one source's resources: compares with what is on the stream, publishes only differences of units that
 * this replica owns, and never lets a service vanish by accident (the promises are in ARCHITECTURE.md). It has no state
 * of its own but the losses that the mass-deletion guard holds: the rest is the stream, which it follows.
 *
 * Calls must not overlap; a collector has one loop.
 */
export class SourcePublisher {
  readonly #options: SourcePublisherOptions;
  readonly #losses: HeldLosses;
  readonly #sender: ChangeSender;
  #markerRefusal: string | undefined;

  constructor(options: SourcePublisherOptions) {
    this.#options = options;
    this.#losses = new HeldLosses(options);
    const { entryLog, share: { member }, state, traces, log } = options;
    const heldContent = (subject: string) => this.#losses.contentOf(subject);
    this.#sender = new ChangeSender({ entryLog, member, state, heldContent, traces, log });
  }

  /** Subjects whose losses are held back, with the milliseconds that they have been held. */
  held(): ReadonlyMap<string, number> {
    const now = performance.now();
    return new Map(Array.from(this.#losses.subjects, ([subject, since]) => [subject, now - since]));
  }

  /** True while the guard holds something. */
  get isHolding(): boolean {
    return this.#losses.subjects.size > 0;
  }

  /** Lets held losses through at the next comparison. Returns how many were held. */
  releaseHeld(): number {
    return this.#losses.release();
  }

  /** Resources of this source that are known. */
  get size(): number {
    return this.#options.state.size;
  }

  /** Subjects that the log refused at the last attempt, with its reasons. */
  get refusals(): ReadonlyMap<string, string> {
    return this.#sender.refusals;
  }

  /** Completes an offer by what {@link publishAll} asks of it. */
  prepare({ unit, manifest }: Offer): PreparedOffer {
    const hash = this.#options.share.owns(unit) ? manifestHash(manifest) : undefined;
    return { unit, manifest, subject: this.#subjectOf(manifest), hash };
  }

  /**
   * Compares a complete read with the stream. `offers` is all that the source has, of every unit, in the order in
   * which it is published: the guard measures the whole, also where other replicas publish. A ServiceEntry that is
   * published and not offered has lost its endpoints, as far as the guard lets it and `keepsMissing` doesn't forbid
   * it. Other resources that aren't offered stay as they are: {@link publishUnits} and {@link deleteNamed} know more.
   *
   * The guard's review is in the turn of the call; what follows it is in turns of the event loop.
   */
  async publishAll(
    offers: Iterable<PreparedOffer>,
    keepsMissing: boolean,
    signal: AbortSignal,
    { isRead, isMassLoss = false, waiting = "none" }: ComparisonTerms = {},
  ): Promise<Published> {
    const { state, share } = this.#options;
    const basis = this.#basis();
    const read = new Map<string, PreparedOffer>();
    for (const offer of offers) read.set(offer.subject, offer);
    const missing = (subject: string, unit: Unit | undefined) => {
      if (isRead === undefined || (unit !== undefined && isRead(unit))) return 0;
      return share.owns(unit ?? subject) ? "unread" : "foreign";
    };
    this.#losses.review(state.compare(read, missing), isMassLoss, waiting, read);
    const notOffered: { readonly subject: string; readonly stays: boolean }[] = [];
    const forgotten: string[] = [];
    for (const [subject, entry] of state.entries) {
      if (read.has(subject)) continue;
      const isOwn = share.owns(entry.unit ?? subject);
      if (!isOwn && (entry.sequence > 0 || !state.hasNewTerms)) continue;
      const stays = this.#losses.keeps(subject) || keepsMissing || missing(subject, entry.unit) !== 0 ||
        !this.#mayGo(entry);
      if (isOwn) notOffered.push({ subject, stays });
      else if (!stays) forgotten.push(subject);
    }
    // Another replica's share: otherwise what it doesn't publish again would be a loss at each comparison.
    for (const subject of forgotten) state.forgetLost(subject);
    const changes: Change[] = [];
    const turns = new Turns();
    for (const [subject, offer] of read) {
      if (turns.isOver) await turns.next();
      state.setUnit(subject, offer.unit);
      if (share.owns(offer.unit)) this.#addUpsert(changes, offer);
    }
    for (const { subject, stays } of notOffered) {
      if (turns.isOver) await turns.next();
      const entry = state.entries.get(subject);
      if (entry === undefined) continue;
      const unit = entry.unit ?? subject;
      if (stays) this.#addLost(changes, subject, entry, unit);
      else this.#addMissing(changes, subject, entry, unit);
    }
    return await this.#publish(changes, countServiceEntries(read.values()), basis, signal);
  }

  /**
   * Publishes units that the registry itself named, in this order. What a unit became before and doesn't now has lost
   * its endpoints (unless `keepsMissing`); the guard isn't asked, because the registry said so. What it holds stays
   * held. Units that this replica doesn't own are passed over. In turns of the event loop: a unit may be made when it is
   * asked for.
   */
  async publishUnits(
    units: Iterable<readonly [Unit, readonly Manifest[]]>,
    keepsMissing: boolean,
    signal: AbortSignal,
    turns = new Turns(),
  ): Promise<Published> {
    const { state, share } = this.#options;
    const basis = this.#basis();
    const changes: Change[] = [];
    let offeredEntries = 0;
    for (const [unit, manifests] of units) {
      if (turns.isOver) await turns.next();
      const offered = new Set<string>();
      const isOwn = share.owns(unit);
      for (const manifest of manifests) {
        const subject = this.#subjectOf(manifest);
        offered.add(subject);
        state.setUnit(subject, unit);
        if (!isOwn) continue;
        if (manifest.kind === "ServiceEntry") offeredEntries++;
        const specText = JSON.stringify(manifest.spec);
        this.#addUpsert(changes, {
          unit,
          manifest,
          subject,
          hash: manifestHash(manifest, specText),
          specText,
        });
      }
      if (!isOwn || keepsMissing) continue;
      for (const subject of state.subjectsOf(unit)) {
        const entry = state.entries.get(subject);
        if (offered.has(subject) || entry === undefined || !this.#mayGo(entry)) continue;
        if (this.#losses.keeps(subject)) continue;
        this.#addMissing(changes, subject, entry, unit);
      }
    }
    return await this.#publish(changes, offeredEntries, basis, signal);
  }

  /** Deletes resources without endpoints (Sidecars) that the collector names; there is nothing that they could lose. */
  async deleteNamed(
    names: Iterable<
      { readonly kind: string; readonly namespace: string; readonly name: string; readonly unit: Unit }
    >,
    signal: AbortSignal,
  ): Promise<Published> {
    const { registry, source, state, share } = this.#options;
    const changes = new Map<string, Change>();
    for (const { kind, namespace, name, unit } of names) {
      const subject = encodeSubject({ kind, namespace, name, registry, source });
      if (share.owns(unit) && state.entries.has(subject)) {
        changes.set(subject, tombstone(kind, subject, unit));
      }
    }
    return await this.#publish([...changes.values()], 0, this.#basis(), signal);
  }

  /** Says that the source has been read and published completely. False if this replica may not say so. */
  async publishMarker(signal: AbortSignal): Promise<boolean> {
    const { entryLog, registry, source, state, share, log } = this.#options;
    const { fence } = share;
    if (fence === undefined) return false;
    const marker = createSyncMarker(registry, source, state.size, this.#losses.subjects.size, state.streamId);
    const data = Buffer.from(JSON.stringify(marker));
    const [result] = await entryLog.publish(
      [{ subject: syncMarkerSubject(registry, source), data, fence }],
      signal,
    );
    const reason = result?.status === "refused" || result?.status === "rejected" ? result.reason : undefined;
    if (reason !== undefined && reason !== this.#markerRefusal) {
      log.error(
        { reason },
        "the entry log refuses the source's sync marker: new aggregators wait for it; the collector tries again",
      );
    }
    this.#markerRefusal = reason;
    return result?.status === "stored";
  }

  #subjectOf(manifest: Manifest): string {
    const { registry, source } = this.#options;
    return encodeSubject({ ...manifest.metadata, kind: manifest.kind, registry, source });
  }

  #basis(): PublishBasis {
    const { share: { fence }, state: { resets } } = this.#options;
    return { fence, resets };
  }

  #addUpsert(changes: Change[], offer: PreparedOffer): void {
    const { subject, unit } = offer;
    const before = this.#options.state.entries.get(subject);
    const manifest = this.#losses.complete(subject, offer.manifest);
    const isAsOffered = manifest === offer.manifest;
    const hash = isAsOffered && offer.hash !== undefined ? offer.hash : manifestHash(manifest);
    const isStored = before !== undefined && before.sequence > 0 && before.contentHash === hash;
    if (isStored && before.statedUnit === unit) return;
    const what = before === undefined ? "created" : "updated";
    const specText = isAsOffered ? offer.specText : undefined;
    changes.push({ kind: manifest.kind, subject, unit, manifest, hash, specText, what });
  }

  /** Of other kinds the collector itself says what is gone, see {@link deleteNamed}. */
  #mayGo({ kind }: PublishedEntry): boolean {
    return kind === "ServiceEntry" || this.#options.deletesGone === true;
  }

  #addMissing(changes: Change[], subject: string, entry: PublishedEntry, unit: Unit): void {
    const { keepEmptyMs, deletesGone } = this.#options;
    if (deletesGone === true) changes.push(tombstone(entry.kind, subject, unit));
    else if (entry.emptySince === undefined) {
      changes.push({ ...tombstone("ServiceEntry", subject, unit), what: "emptied" });
    } else if (keepEmptyMs > 0 && Date.now() - Date.parse(entry.emptySince) >= keepEmptyMs) {
      changes.push(tombstone("ServiceEntry", subject, unit));
    } else this.#addLost(changes, subject, entry, unit);
  }

  /** Copies resources that only the lost stream had onto the new one: a lost stream deletes no resource. */
  #addLost(changes: Change[], subject: string, entry: PublishedEntry, unit: Unit): void {
    if (entry.sequence > 0) return;
    const manifest = readManifest(entry.data);
    if (manifest === undefined) return;
    changes.push({ kind: entry.kind, subject, unit, manifest, hash: entry.contentHash, what: "created" });
  }

  /**
   * `offered`: how many ServiceEntries. `basis`: of the moment for which the changes were made; a later term or stream
   * must not take them.
   */
  async #publish(
    changes: readonly Change[],
    offered: number,
    basis: PublishBasis,
    signal: AbortSignal,
  ): Promise<Published> {
    const { counts, refused, fenced } = await this.#sender.send(changes, basis, signal);
    const summary = counts.summary(offered, this.#losses.subjects.size);
    return { summary, refused, fenced };
  }
}
