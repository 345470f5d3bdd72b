import { emptySinceAnnotation } from "../model/annotations.ts";
import { networkingApiVersion } from "../model/manifest.ts";
import type { Manifest } from "../model/manifest.ts";
import { endpointCount, manifestHash, readManifest } from "./published-entry.ts";
import type { Unit } from "./unit.ts";

/** One resource of the source on the stream, as far as it is known. */
export interface PublishedEntry {
  readonly kind: string;
  /** The sequence of the subject's last message; 0 if the stream has lost it. */
  readonly sequence: number;
  /** Hash of everything that a client could notice; empty for a message that can't be read. */
  readonly contentHash: string;
  readonly endpoints: number;
  /** RFC 3339; written once, kept for ever. */
  readonly creationTimestamp: string;
  /** RFC 3339; set while the service has no endpoint because the registry lost it. */
  readonly emptySince: string | undefined;
  /** What it was converted from; undefined for messages that don't tell and haven't been compared yet. */
  readonly unit: Unit | undefined;
  /**
   * The unit that the message itself names. Where it isn't `unit` (a foreign publisher's mistake), a replica that
   * starts would believe it. A message of a replica of the term counts as right: two of them never correct each other.
   */
  readonly statedUnit: Unit | undefined;
  /** The manifest's bytes: held losses and emptied services can't be converted again. */
  readonly data: Uint8Array;
}

/** A resource that was read or published. */
export function entryOf(
  sequence: number,
  manifest: Manifest,
  contentHash: string,
  data: Uint8Array,
  unit: Unit | undefined,
  statedUnit: Unit | undefined,
): PublishedEntry {
  const { creationTimestamp, annotations } = manifest.metadata;
  return {
    kind: manifest.kind,
    sequence,
    contentHash,
    endpoints: endpointCount(manifest),
    creationTimestamp: creationTimestamp ?? new Date().toISOString(),
    emptySince: annotations?.[emptySinceAnnotation],
    unit,
    statedUnit,
    data,
  };
}

/** What was known stays the measure of a loss, and the content to go back to; the place on the stream is the new one. */
export function unreadableEntry(
  kind: string,
  sequence: number,
  known: PublishedEntry | undefined,
): PublishedEntry {
  return {
    kind,
    creationTimestamp: known?.creationTimestamp ?? new Date().toISOString(),
    endpoints: known?.endpoints ?? 0,
    emptySince: known?.emptySince,
    unit: known?.unit,
    statedUnit: undefined,
    data: known?.data ?? new Uint8Array(),
    sequence,
    contentHash: "",
  };
}

/** An entry with some of its facts replaced. */
export function copyOf(entry: PublishedEntry, changed: Partial<PublishedEntry>): PublishedEntry {
  const { kind, sequence, contentHash, endpoints, creationTimestamp, emptySince, unit, statedUnit, data } =
    entry;
  return {
    kind,
    sequence,
    contentHash,
    endpoints,
    creationTimestamp,
    emptySince,
    unit,
    statedUnit,
    data,
    ...changed,
  };
}

/** How all our ServiceEntries begin on the stream. */
const beginning = Buffer.from(`{"apiVersion":${JSON.stringify(networkingApiVersion)},"kind":"ServiceEntry",`);
const emptySinceKey = Buffer.from(JSON.stringify(emptySinceAnnotation));
const closingBrace = 125;

/** True for a message in the form of ours that is a service with endpoints: all that is asked of it at once is known. */
export function mayStayUnread(kind: string, data: Uint8Array): boolean {
  if (kind !== "ServiceEntry" || data.at(-1) !== closingBrace) return false;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes.subarray(0, beginning.length).equals(beginning) && !bytes.includes(emptySinceKey);
}

/**
 * What another replica published, unread until it is asked for: a comparison, a new owner or a reset need it, and
 * reading each would cost a replica more than all else that it does for the changes of others.
 */
export class UnreadEntry implements PublishedEntry {
  readonly kind: string;
  readonly sequence: number;
  readonly unit: Unit | undefined;
  readonly statedUnit: Unit | undefined;
  readonly emptySince = undefined;
  readonly #data: Uint8Array;
  #read: PublishedEntry | undefined;

  constructor(kind: string, sequence: number, data: Uint8Array, unit: Unit | undefined) {
    this.kind = kind;
    this.sequence = sequence;
    this.unit = unit;
    this.statedUnit = unit;
    this.#data = data;
  }

  get contentHash(): string {
    return this.#entry.contentHash;
  }

  get endpoints(): number {
    return this.#entry.endpoints;
  }

  get creationTimestamp(): string {
    return this.#entry.creationTimestamp;
  }

  get data(): Uint8Array {
    return this.#entry.data;
  }

  /** True if nothing has asked for its content yet. */
  get isUnread(): boolean {
    return this.#read === undefined;
  }

  /** Reads it now, because a comparison is about to ask. */
  read(): void {
    void this.#entry;
  }

  get #entry(): PublishedEntry {
    if (this.#read === undefined) {
      const { kind, sequence, unit } = this;
      const manifest = readManifest(this.#data);
      this.#read = manifest === undefined
        ? { ...unreadableEntry(kind, sequence, undefined), unit }
        : entryOf(sequence, manifest, manifestHash(manifest), this.#data, unit, unit);
    }
    return this.#read;
  }
}
