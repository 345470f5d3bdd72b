import type { LogEvent, Provenance } from "../entry-log/entry-log.ts";
import { isResourceKind } from "../model/manifest.ts";
import type { Manifest } from "../model/manifest.ts";
import { decodeSubject, termKind } from "../model/subject.ts";
import { readTerm } from "../model/term.ts";
import { endpointCount, manifestHash, readManifest } from "./published-entry.ts";
import { copyOf, entryOf, mayStayUnread, unreadableEntry, UnreadEntry } from "./known-entry.ts";
import type { PublishedEntry } from "./known-entry.ts";
import type { Unit } from "./unit.ts";
import type { Comparison } from "./shrink-guard.ts";

/** A term as it lies on the stream. */
export interface PublishedTerm {
  readonly id: string;
  readonly number: number;
  readonly members: readonly string[];
  /** The fencing token: the sequence of the term's message. */
  readonly sequence: number;
}

/** The meaning of an event for the source. `changed`: another publisher wrote (or deleted) a resource. */
export type Applied =
  | { readonly type: "nothing" }
  | { readonly type: "reset"; readonly reason: string }
  | { readonly type: "caught-up" }
  | { readonly type: "term"; readonly term: PublishedTerm | undefined }
  /** The stream has lost messages without this reader's having noticed: it is to be read anew. */
  | { readonly type: "outdated" }
  | { readonly type: "changed"; readonly subject: string; readonly unit: Unit | undefined };

const nothing: Applied = { type: "nothing" };

/** Maximum number of deleted resources whose time of creation is remembered; with more, the first are forgotten. */
const rememberedDeletions = 10_000;

/**
 * The source's part of the stream, followed: what this replica, others and their predecessors published. Pure state.
 *
 * A reset of the stream removes nothing here: what is lost with it stays known, without a place on the stream, so that
 * the mass-deletion guard measures a loss by what there was before, and so that it can be published again.
 */
export class PublishedState {
  readonly #self: string;
  readonly #entries = new Map<string, PublishedEntry>();
  readonly #subjectsOfUnit = new Map<Unit, Set<string>>();
  /** By subject, of deleted resources: when they were created, as their tombstones say. */
  readonly #deleted = new Map<string, string>();
  #earlier: Map<string, PublishedEntry> | undefined;
  #caughtUp = false;
  #term: PublishedTerm | undefined;
  #termSequence = 0;
  /** The last term before the last reset. */
  #termBeforeReset: PublishedTerm | undefined;
  #hasNewTerms = false;
  #resets = 0;
  #streamId: string | undefined;
  #emptied = 0;
  #lost = 0;

  /** `self`: the name of this replica, whose own messages come back as events. */
  constructor(self: string) {
    this.#self = self;
  }

  /** True once everything on the stream is known; false again after a reset, until all of it has been read anew. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** The source's last term on the stream. */
  get term(): PublishedTerm | undefined {
    return this.#term;
  }

  /** The sequence of the last message of the term's subject, readable or not; 0: none. */
  get termSequence(): number {
    return this.#termSequence;
  }

  /**
   * True if the last reset took the term, and another one was begun with: a replica that publishes under it has noticed,
   * and has compared its share with what is left.
   */
  get hasNewTerms(): boolean {
    return this.#hasNewTerms;
  }

  /** How often the stream was reset: sequences from before a reset mean nothing after it. */
  get resets(): number {
    return this.#resets;
  }

  /** Which stream is known; undefined before it was read. */
  get streamId(): string | undefined {
    return this.#streamId;
  }

  /** Resources that are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** True while there are services without endpoints, whose time runs out some day. */
  get keepsEmpty(): boolean {
    return this.#emptied > 0;
  }

  /** The units of what only a lost stream had, until it is published again; the subject where the unit isn't known. */
  *lost(): Iterable<Unit> {
    if (this.#lost === 0) return;
    for (const [subject, { sequence, unit }] of this.#entries) if (sequence === 0) yield unit ?? subject;
  }

  /** What other replicas published and has not been asked for yet. */
  unread(): UnreadEntry[] {
    const unread: UnreadEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry instanceof UnreadEntry && entry.isUnread) unread.push(entry);
    }
    return unread;
  }

  /** Known resources by subject. */
  get entries(): ReadonlyMap<string, PublishedEntry> {
    return this.#entries;
  }

  /**
   * When a deleted resource was created, as long as that is known (RFC 3339). It gets this time again if it comes back,
   * because istiod chooses by age between several that claim one host.
   */
  createdBefore(subject: string): string | undefined {
    return this.#deleted.get(subject);
  }

  /** The subjects of the resources that a unit became. */
  subjectsOf(unit: Unit): Iterable<string> {
    return this.#subjectsOfUnit.get(unit) ?? [];
  }

  /** Takes in the next event of the source's subjects. */
  apply(event: LogEvent): Applied {
    switch (event.type) {
      case "reset":
        return this.#reset(event.reason, event.streamId);
      case "caught-up":
        return this.#catchUp();
      case "delete":
        return this.#forgotten(event.subject, event.sequence, event.provenance?.created);
      case "unusable":
        return this.#written(event.subject, event.sequence, new Uint8Array(), undefined);
      case "put":
        return this.#written(event.subject, event.sequence, event.data, event.provenance);
    }
  }

  /** This replica stored a resource. */
  stored(
    subject: string,
    sequence: number,
    manifest: Manifest,
    contentHash: string,
    data: Uint8Array,
    unit: Unit,
  ) {
    const known = this.#entries.get(subject);
    if (known !== undefined && known.sequence > sequence) return;
    this.#set(subject, entryOf(sequence, manifest, contentHash, data, unit, unit));
  }

  /** This replica deleted a resource. */
  deleted(subject: string, sequence: number): void {
    const known = this.#entries.get(subject);
    if (known === undefined || known.sequence > sequence) return;
    this.#remove(subject);
    this.#rememberDeletion(subject, known.creationTimestamp);
  }

  /** The registry lacks a resource that only a lost stream had, and its owner doesn't publish it again. */
  forgetLost(subject: string): void {
    if (this.#entries.get(subject)?.sequence === 0) this.#remove(subject);
  }

  /** A comparison found out what a resource was converted from. */
  setUnit(subject: string, unit: Unit): void {
    const known = this.#entries.get(subject);
    if (known !== undefined && known.unit !== unit) this.#set(subject, copyOf(known, { unit }));
  }

  /** Each known resource with its counterpart in a complete read. `missing`: what its absence in the read means. */
  *compare(
    read: ReadonlyMap<string, { readonly manifest: Manifest }>,
    missing: (subject: string, unit: Unit | undefined) => Comparison["readEndpoints"],
  ): Iterable<Comparison> {
    for (const [subject, { endpoints, unit }] of this.#entries) {
      const offer = read.get(subject);
      yield {
        subject,
        publishedEndpoints: endpoints,
        readEndpoints: offer === undefined ? missing(subject, unit) : endpointCount(offer.manifest),
      };
    }
  }

  #reset(reason: string, streamId: string): Applied {
    this.#streamId = streamId;
    const earlier = this.#earlier ?? new Map<string, PublishedEntry>();
    for (const [subject, entry] of this.#entries) earlier.set(subject, entry);
    this.#earlier = earlier;
    this.#entries.clear();
    this.#subjectsOfUnit.clear();
    this.#emptied = 0;
    this.#lost = 0;
    this.#caughtUp = false;
    this.#termBeforeReset = this.#term ?? this.#termBeforeReset;
    this.#hasNewTerms = false;
    this.#term = undefined;
    this.#termSequence = 0;
    this.#resets++;
    return { type: "reset", reason };
  }

  #catchUp(): Applied {
    for (const [subject, entry] of this.#earlier ?? []) {
      if (entry.contentHash !== "" && !this.#entries.has(subject)) {
        this.#set(subject, copyOf(entry, { sequence: 0 }));
      }
    }
    this.#earlier = undefined;
    this.#caughtUp = true;
    return { type: "caught-up" };
  }

  #written(subject: string, sequence: number, data: Uint8Array, provenance: Provenance | undefined): Applied {
    const kind = this.#entries.get(subject)?.kind ?? decodeSubject(subject)?.kind;
    if (kind === termKind) return this.#setTerm(sequence, data);
    if (kind === undefined || !isResourceKind(kind)) return nothing;
    // The answer to the publish tells the same; before everything is known, there was none.
    if (this.#caughtUp && provenance?.member === this.#self) return nothing;
    const known = this.#entries.get(subject);
    if (known !== undefined && known.sequence >= sequence) return nothing;
    // A resource never moves to another unit: what this replica knows outranks what a foreign message says of itself.
    const unit = known?.unit ?? this.#earlier?.get(subject)?.unit ?? provenance?.unit;
    if (this.#caughtUp && this.#isOfReplica(provenance) && mayStayUnread(kind, data)) {
      this.#set(subject, new UnreadEntry(kind, sequence, data, unit));
      return { type: "changed", subject, unit };
    }
    const manifest = readManifest(data);
    this.#set(
      subject,
      manifest === undefined
        ? unreadableEntry(kind, sequence, known)
        : entryOf(sequence, manifest, manifestHash(manifest), data, unit, this.#statedUnit(unit, provenance)),
    );
    return { type: "changed", subject, unit };
  }

  #statedUnit(unit: Unit | undefined, provenance: Provenance | undefined): Unit | undefined {
    return this.#isOfReplica(provenance) ? unit : provenance?.unit;
  }

  /** True for a message of a replica that shares the source: it is as readable as our own. */
  #isOfReplica(provenance: Provenance | undefined): boolean {
    return provenance !== undefined && this.#term?.members.includes(provenance.member) === true;
  }

  #forgotten(subject: string, sequence: number, created: string | undefined): Applied {
    const kind = decodeSubject(subject)?.kind;
    // A deleted subject counts as one without a message.
    if (kind === termKind) return this.#setTerm(0, new Uint8Array());
    this.#earlier?.delete(subject);
    const known = this.#entries.get(subject);
    if (known !== undefined && known.sequence >= sequence) return nothing;
    if (created !== undefined) this.#rememberDeletion(subject, created);
    if (known === undefined) return nothing;
    this.#remove(subject);
    return { type: "changed", subject, unit: known.unit };
  }

  #rememberDeletion(subject: string, created: string): void {
    this.#deleted.delete(subject);
    this.#deleted.set(subject, created);
    if (this.#deleted.size <= rememberedDeletions) return;
    for (const [first] of this.#deleted) {
      this.#deleted.delete(first);
      break;
    }
  }

  #setTerm(sequence: number, data: Uint8Array): Applied {
    const spec = readTerm(data)?.spec;
    // Its writer knew of none: the stream has lost the one that is known here, and who knows what else.
    if (this.#caughtUp && isBegunAnew(spec, this.#term)) return { type: "outdated" };
    if (isBegunAnew(spec, this.#termBeforeReset)) this.#hasNewTerms = true;
    this.#termSequence = sequence;
    this.#term = spec && { id: spec.id, number: spec.number, members: spec.members, sequence };
    return { type: "term", term: this.#term };
  }

  #set(subject: string, entry: PublishedEntry): void {
    this.#remove(subject);
    this.#deleted.delete(subject);
    this.#entries.set(subject, entry);
    if (entry.emptySince !== undefined) this.#emptied++;
    if (entry.sequence === 0) this.#lost++;
    if (entry.unit === undefined) return;
    const subjects = this.#subjectsOfUnit.get(entry.unit);
    if (subjects === undefined) this.#subjectsOfUnit.set(entry.unit, new Set([subject]));
    else subjects.add(subject);
  }

  #remove(subject: string): void {
    const known = this.#entries.get(subject);
    if (known === undefined) return;
    this.#entries.delete(subject);
    if (known.emptySince !== undefined) this.#emptied--;
    if (known.sequence === 0) this.#lost--;
    if (known.unit === undefined) return;
    const subjects = this.#subjectsOfUnit.get(known.unit);
    subjects?.delete(subject);
    if (subjects?.size === 0) this.#subjectsOfUnit.delete(known.unit);
  }
}

/** True for a term that doesn't follow upon the one that is known: terms are numbered. */
function isBegunAnew(
  term: Pick<PublishedTerm, "id" | "number"> | undefined,
  known: PublishedTerm | undefined,
): boolean {
  return term !== undefined && known !== undefined && term.id !== known.id && term.number <= known.number;
}
