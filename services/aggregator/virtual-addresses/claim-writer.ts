import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ClaimBook } from "./claim-book.ts";
import { claimSubject, writeClaim } from "./claim.ts";
import type { Claim } from "./claim.ts";

export interface ClaimWriterOptions {
  /** The bucket, and the subject that its keys are below. */
  readonly bucket: EntryLog;
  readonly root: string;
  /** What was stored is put down there. */
  readonly book: ClaimBook;
  readonly log: Logger;
  /** The bucket has answered. */
  readonly onProgress: () => void;
  /** Claims were stored or removed: the addresses of these hosts may have changed. */
  readonly onStored: (hosts: readonly string[]) => void;
  /** What is still to be written should be looked through again. */
  readonly onRetry: () => void;
}

/** A claim to be stored, or removed (null). */
export interface ClaimWrite {
  readonly address: string;
  readonly claim: Claim | null;
  /** The place of the subject's last message as it is known; 0 if it has none. */
  readonly expectedSequence: number;
}

/** So many claims go to the bucket in one call; several calls are under way at once. */
const writesPerCall = 1000;

/** How soon a refused claim is tried again: the message that was in its way should have arrived by then. */
const contestMs = 300;

/** How soon anything is written again after the bucket refused a whole call (permissions, limits). */
const restMs = 5000;

/** Writes claims into the bucket by compare-and-set, an address at a time once, all others at the same time. */
export class ClaimWriter {
  readonly #options: ClaimWriterOptions;
  readonly #inFlight = new Set<string>();
  /** Addresses in flight that were refused, and that the mirror hasn't explained yet. */
  readonly #contested = new Set<string>();
  #generation = 0;
  #contest: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;
  #problem = "";
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: ClaimWriterOptions) {
    this.#options = options;
  }

  /** What the bucket complained about last; empty if it took everything since. */
  get problem(): string {
    return this.#problem;
  }

  /** True while nothing is written: before the start, after the end, and for a while after the bucket refused. */
  get rests(): boolean {
    return this.#signal.aborted || this.#rest !== undefined;
  }

  /** Writes from now on, until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  stop(): void {
    clearTimeout(this.#contest);
    clearTimeout(this.#rest);
  }

  /** True as long as the answer to a write is outstanding. */
  isWriting(address: string): boolean {
    return this.#inFlight.has(address);
  }

  /** The bucket may be another one now: what is answered to earlier writes says nothing about it. */
  forgetAnswers(): void {
    this.#generation++;
  }

  /** Writes claims of addresses that are not being written already. */
  write(writes: readonly ClaimWrite[]): void {
    if (this.rests) return;
    const due = writes.filter(({ address }) => !this.#inFlight.has(address));
    for (const { address } of due) this.#inFlight.add(address);
    for (let start = 0; start < due.length; start += writesPerCall) {
      void this.#publish(due.slice(start, start + writesPerCall));
    }
  }

  async #publish(writes: readonly ClaimWrite[]): Promise<void> {
    const { bucket, root, log, onProgress } = this.#options;
    const generation = this.#generation;
    try {
      const records = writes.map(({ address, claim, expectedSequence }) => ({
        subject: claimSubject(root, address),
        data: claim === null ? null : writeClaim(claim),
        expectedSequence,
      }));
      const results = await bucket.publish(records, this.#signal);
      onProgress();
      this.#problem = "";
      for (const [index, write] of writes.entries()) {
        this.#inFlight.delete(write.address);
        const result = results[index];
        if (result?.status === "stored" && generation === this.#generation) {
          this.#stored(write, result.sequence);
        } else if (result?.status === "rejected") this.#problem = result.reason;
        else if (result?.status === "refused") this.#restBecause(result.reason);
        else this.#refused(write);
      }
    } catch (error) {
      for (const { address } of writes) this.#inFlight.delete(address);
      if (this.#signal.aborted) return;
      this.#restBecause(errorText(error));
    }
    if (this.#problem !== "") {
      log.warn({ claims: writes.length }, `virtual addresses can't be claimed: ${this.#problem}`);
    }
  }

  #restBecause(problem: string): void {
    this.#problem = problem;
    this.#rest ??= setTimeout(() => {
      this.#rest = undefined;
      this.#options.onRetry();
    }, restMs);
  }

  #stored({ address, claim }: ClaimWrite, sequence: number): void {
    const { book, onStored } = this.#options;
    const hosts = claim === null
      ? book.deleted(address, sequence, false)
      : book.put(address, sequence, claim);
    onStored(hosts);
  }

  /**
   * The subject's last message is another one. If it is a claim, the mirror shows it in a moment. If nothing comes, a
   * deletion that was expected there has expired.
   */
  #refused({ address, expectedSequence }: ClaimWrite): void {
    const { book, onRetry } = this.#options;
    const known = book.claims.get(address);
    book.forgetDeletion(address);
    if (known === undefined || known.stored) return;
    if (known.sequence === expectedSequence) book.set(address, { ...known, sequence: 0 });
    this.#inFlight.add(address);
    this.#contested.add(address);
    this.#contest ??= setTimeout(() => {
      this.#contest = undefined;
      for (const each of this.#contested) this.#inFlight.delete(each);
      this.#contested.clear();
      onRetry();
    }, contestMs);
  }
}
