import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { Batch, KindCatalogue, Removal } from "../catalogue/catalogue.ts";
import { following } from "../catalogue/change-log.ts";
import { newest } from "../conflicts/served-parts.ts";
import type { LastError, TypeStatus } from "./protocol.ts";

/** What to put into a response. */
export interface IncrementalContent {
  /** All resources, in the arrays that other clients are sent, too. */
  readonly parts: readonly (readonly CachedResource[])[];
  readonly removals: readonly Removal[];
  /** Where in the entry log the client is after it. */
  readonly position: string;
}

/** The incremental dialect's state of one type on one stream. */
export class IncrementalType implements TypeStatus {
  readonly typeUrl: string;
  readonly kind: ResourceKind | undefined;
  names: readonly string[];
  sentVersion: string | undefined;
  sentNonce = "";
  sentAtMs = Number.NEGATIVE_INFINITY;
  ackedVersion: string | undefined;
  ackedNonce = "";
  inFlight = false;
  nacks = 0;
  lastError: LastError | undefined;
  /** True if too much changed while the client was silent: only a new stream helps. */
  isLost = false;
  /** The number of the last change that is sent or queued; undefined: everything is to be sent. */
  #upTo: number | undefined;
  #queue: IncrementalContent[] = [];
  #ackedChange: number | undefined;

  constructor(typeUrl: string, kind: ResourceKind | undefined, names: readonly string[]) {
    this.typeUrl = typeUrl;
    this.kind = kind;
    this.names = [...names];
  }

  /** The number of the last change that the client is known to have; undefined before its first ACK. */
  get confirmedChange(): number | undefined {
    if (this.inFlight || this.#queue.length > 0) return this.#ackedChange;
    return this.#ackedChange === undefined ? undefined : this.#upTo;
  }

  /** Has everything sent (again), of these names. */
  restart(names: readonly string[]): void {
    this.names = [...names];
    this.#upTo = undefined;
    this.#queue = [];
  }

  /** Takes in an ACK, or a NACK if there is an error: that is noted, and nothing sent again (clients never do it). */
  acknowledge(error: string | undefined): void {
    if (!this.inFlight) return;
    this.inFlight = false;
    if (error !== undefined) {
      this.nacks++;
      this.lastError = { message: error, names: [] };
      return;
    }
    this.ackedVersion = this.sentVersion;
    this.ackedNonce = this.sentNonce;
    if (this.#queue.length === 0) this.#ackedChange = this.#upTo;
    this.lastError = undefined;
  }

  /** True if something is to be sent. */
  owes(catalogue: KindCatalogue): boolean {
    return this.#upTo !== catalogue.head || this.#queue.length > 0;
  }

  /** What to send now; undefined: nothing. */
  next(catalogue: KindCatalogue): IncrementalContent | undefined {
    if (this.inFlight || !catalogue.isOpen || this.isLost) return undefined;
    if (this.#queue.length === 0) this.#takeIn(catalogue);
    return this.#queue.shift();
  }

  /** To be told once content of {@link next} is on its way. Answers its nonce. */
  sent({ position }: IncrementalContent, nowMs: number): string {
    // The nonce is the version that the client has now. It must differ from the last one, or that one's ACK would
    // count for it.
    this.sentNonce = position > this.sentNonce ? position : following(this.sentNonce);
    this.sentVersion = this.sentNonce;
    this.inFlight = true;
    this.sentAtMs = nowMs;
    return this.sentNonce;
  }

  #takeIn(catalogue: KindCatalogue): void {
    if (this.#upTo === catalogue.head) return;
    if (this.#upTo === undefined) {
      // Whole: the client deletes what the first response of a type on a stream leaves out.
      const { parts, position } = this.#ofNames(catalogue.everything());
      this.#queue.push({ parts, removals: [], position });
    } else {
      const batch = catalogue.since(this.#upTo);
      if (batch === undefined) this.isLost = true;
      else this.#queueChanges(this.#ofNames(batch));
    }
    this.#upTo = catalogue.head;
  }

  #queueChanges({ parts, removals, position }: Batch): void {
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      this.#queue.push({
        parts: [part],
        removals: isLast ? removals : [],
        // The versions in a part are its resources' places in the log.
        position: isLast ? position : newest(part.map(({ cursor }) => cursor)),
      });
    }
    if (parts.length === 0 && removals.length > 0) this.#queue.push({ parts, removals, position });
  }

  #ofNames(batch: Batch): Batch {
    if (this.names.length === 0) return batch;
    const names = new Set(this.names);
    return {
      ...batch,
      parts: batch.parts.map((part) => part.filter(({ name }) => names.has(name))).filter((part) =>
        part.length > 0
      ),
      removals: batch.removals.filter(({ name }) => names.has(name)),
    };
  }
}
