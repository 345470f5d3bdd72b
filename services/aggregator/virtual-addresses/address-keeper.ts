import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryLog, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { oncePerTurn } from "../../../shared/runtime/once-per-turn.ts";
import type { AddressRange } from "./address-range.ts";
import { countClaims } from "./address-status.ts";
import type { AddressStatus } from "./address-status.ts";
import { ClaimBook } from "./claim-book.ts";
import { ClaimWriter } from "./claim-writer.ts";
import type { ClaimWrite } from "./claim-writer.ts";
import { claimedAddress, readClaim } from "./claim.ts";
import type { Claim } from "./claim.ts";
import { HostDemand } from "./host-demand.ts";
import { Patience } from "./patience.ts";
import { sweepClaim } from "./sweep-claim.ts";

export interface AddressKeeperOptions {
  /** The bucket, and the subject that its keys are below. */
  readonly bucket: EntryLog;
  readonly root: string;
  /** A host has one address in each. */
  readonly ranges: readonly AddressRange[];
  /** How long an address stays reserved after its host is gone. */
  readonly releaseAfterMs: number;
  /** Whether this replica has read all entries: only then a host that nobody uses is gone. */
  readonly isComplete: () => boolean;
  readonly log: Logger;
  /** How long hosts wait for a bucket that doesn't answer; default 5 s. */
  readonly patienceMs?: number;
  /** How often claims are looked through for hosts that are gone or back; default: by `releaseAfterMs`. */
  readonly sweepEveryMs?: number;
  /** The time of day, in milliseconds since 1970. */
  readonly now?: () => number;
}

/** After so many events the event loop gets a turn. */
const eventsPerTurn = 500;

/**
 * Gives each host its virtual addresses, the same on every replica and after every restart.
 *
 * A claim is written into the bucket by compare-and-set, so an address never has two hosts; all claims are mirrored
 * here. The first claim of a host is the only one that costs a write: restarts and further replicas find it.
 *
 * - A host waits until its claim is stored. A bucket that doesn't answer for `patienceMs` is not waited for: hosts then
 *   get the first address that no claim known here has, which is what the bucket will nearly always say, too.
 *   As soon as it answers these are claimed; the rare one that somebody else has is exchanged (and logged).
 * - A bucket that was lost or made anew is filled again from here: what is served keeps its address.
 * - The claim of a host that is gone is marked as released, and removed after `releaseAfterMs` if the host stays away.
 */
export class AddressKeeper {
  readonly #options: AddressKeeperOptions;
  readonly #book: ClaimBook;
  readonly #now: () => number;
  readonly #demand = new HostDemand();
  readonly #writer: ClaimWriter;
  readonly #patience: Patience;
  readonly #listeners = new Set<(host: string) => void>();
  readonly #ready = Promise.withResolvers<void>();
  #caughtUp = false;
  /** One flush per turn of the event loop: 10,000 hosts that come at once are written in a few calls. */
  readonly #flushSoon = oncePerTurn(() => this.#flush());
  /** Whether the next flush looks at all claims that are not stored, not just at new ones. */
  #rescan = false;

  constructor(options: AddressKeeperOptions) {
    this.#options = options;
    this.#book = new ClaimBook(options.ranges);
    this.#now = options.now ?? Date.now;
    this.#patience = new Patience({
      limitMs: options.patienceMs ?? 5000,
      isAnswered: () => this.#caughtUp && this.#demand.wanted.size === 0,
      onOver: () => this.#giveUp(),
    });
    this.#writer = new ClaimWriter({
      ...options,
      book: this.#book,
      onProgress: () => this.#patience.progress(),
      onStored: (hosts) => this.#tell(hosts),
      onRetry: () => this.#rescanSoon(),
    });
  }

  /** Resolves when the bucket has been read once, or was waited for long enough. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get status(): AddressStatus {
    return { ...countClaims(this.#book), waiting: this.#demand.wanted.size, problem: this.#writer.problem };
  }

  /** Every claim that may be served, for the state on disk. */
  *claims(): Iterable<readonly [address: string, claim: Claim]> {
    for (const [address, { claim, usable }] of this.#book.claims) if (usable) yield [address, claim];
  }

  /** Takes claims of a former process, as far as nothing newer is known. They are written into the bucket if needed. */
  restore(claims: Iterable<readonly [address: string, claim: Claim]>): void {
    for (const [address, claim] of claims) {
      if (this.#book.claims.has(address) || this.#book.addressesOf(claim.host) !== undefined) continue;
      this.#book.set(address, { claim, sequence: 0, stored: false, usable: true });
    }
    this.#rescanSoon();
  }

  /** Calls back with each host whose addresses may have changed. Returns the function that ends it. */
  onChange(listener: (host: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The host's addresses; undefined as long as it has to wait for them; empty if the range is full. */
  addressesOf(host: string): readonly string[] | undefined {
    return this.#book.addressesOf(host);
  }

  /** Says that one more entry uses the host: it gets its addresses, and keeps them. */
  retain(host: string): void {
    if (!this.#demand.retain(host) || this.#book.addressesOf(host) !== undefined) return;
    this.#demand.want(host);
    if (this.#patience.isOver) this.#serveUnclaimed();
    else this.#patience.wait();
    this.#flushSoon();
  }

  /** Says that an entry uses the host no more. */
  release(host: string): void {
    this.#demand.release(host);
  }

  /** Mirrors the bucket, writes claims, and gives back what nobody needs, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { bucket, root, releaseAfterMs } = this.#options;
    const { sweepEveryMs = Math.min(600_000, Math.max(1000, releaseAfterMs / 4)) } = this.#options;
    this.#writer.start(signal);
    this.#patience.wait();
    const sweeping = setInterval(() => this.sweep(), sweepEveryMs);
    let events = 0;
    try {
      for await (const event of bucket.follow(`${root}.>`, signal)) {
        this.#handle(event);
        if (++events % eventsPerTurn === 0) await nextTurn();
      }
    } finally {
      clearInterval(sweeping);
      this.#patience.stop();
      this.#writer.stop();
    }
  }

  /** Releases claims of hosts that are gone, takes back those of hosts that came back, removes what is over. */
  sweep(): void {
    for (const host of this.#book.retryDenied()) this.#demand.retry(host);
    if (this.#caughtUp && this.#options.isComplete()) {
      this.#writer.write([...this.#book.claims.keys()].flatMap((address) => this.#swept(address) ?? []));
    }
    this.#rescan = true;
    this.#flush();
  }

  #swept(address: string): ClaimWrite | undefined {
    const known = this.#book.claims.get(address);
    if (known === undefined) return undefined;
    const isUsed = this.#isUsed(address);
    if (!known.stored) {
      if (!isUsed) this.#book.drop(address);
      return undefined;
    }
    const { releaseAfterMs } = this.#options;
    const claim = sweepClaim(known.claim, { isUsed, nowMs: this.#now(), releaseAfterMs });
    return claim === undefined ? undefined : { address, claim, expectedSequence: known.sequence };
  }

  #isUsed(address: string): boolean {
    const host = this.#book.claims.get(address)?.claim.host;
    return host !== undefined && this.#demand.isUsed(host) && this.#book.isChosen(address);
  }

  #handle(event: LogEvent): void {
    this.#patience.progress();
    switch (event.type) {
      case "reset":
        this.#writer.forgetAnswers();
        this.#caughtUp = false;
        return this.#book.reset();
      case "caught-up":
        this.#caughtUp = true;
        this.#ready.resolve();
        this.#dropUnneeded();
        return this.#rescanSoon();
      case "put":
        return this.#take(event.subject, event.sequence, readClaim(event.data));
      case "delete":
      case "unusable":
        return this.#take(event.subject, event.sequence, undefined);
    }
  }

  /** What is neither in the bucket nor in use needs no claim, once it is known what is in use. */
  #dropUnneeded(): void {
    if (!this.#options.isComplete()) return;
    for (const address of this.#book.unstored) {
      if (!this.#writer.isWriting(address) && !this.#isUsed(address)) this.#book.drop(address);
    }
  }

  #take(subject: string, sequence: number, claim: Claim | undefined): void {
    const address = claimedAddress(this.#options.root, subject);
    if (address === undefined) return;
    const before = this.#book.claims.get(address);
    const hosts = claim === undefined
      ? this.#book.deleted(address, sequence, this.#isUsed(address))
      : this.#book.put(address, sequence, claim);
    const [loser] = hosts;
    if (before?.usable === true && loser === before.claim.host && loser !== claim?.host) {
      this.#exchange(address, loser);
    }
    if (this.#book.claims.get(address)?.stored === false) this.#rescanSoon();
    this.#tell(hosts);
  }

  /** A host that is being served has lost its address: it gets another at once, before the new owner is served. */
  #exchange(lost: string, host: string): void {
    if (!this.#demand.isUsed(host) || this.#book.addressesOf(host) !== undefined) return;
    for (const address of this.#book.reserve(host, new Date(this.#now()).toISOString())) {
      const reserved = this.#book.claims.get(address);
      if (reserved !== undefined) this.#book.set(address, { ...reserved, usable: true });
      this.#options.log.warn(
        { host, lost, address },
        "virtual address belongs to another host, exchanged it",
      );
    }
    this.#rescanSoon();
  }

  #tell(hosts: Iterable<string>): void {
    for (const host of hosts) {
      if (!this.#demand.isUsed(host)) continue;
      if (this.#book.addressesOf(host) === undefined) {
        this.#demand.want(host);
        this.#flushSoon();
      } else this.#demand.satisfy(host);
      for (const listener of this.#listeners) listener(host);
    }
  }

  #rescanSoon(): void {
    this.#rescan = true;
    this.#flushSoon();
  }

  #flush(): void {
    // Before the bucket has been read a host might claim a second address beside the one that it has.
    if (!this.#caughtUp || this.#writer.rests) return;
    const claimedAt = new Date(this.#now()).toISOString();
    const hosts = this.#demand.takeUnreserved();
    const reserved: string[] = [];
    for (const host of hosts) reserved.push(...this.#book.reserve(host, claimedAt));
    const writes: ClaimWrite[] = [];
    for (const address of this.#rescan ? this.#book.unstored : reserved) {
      const known = this.#book.claims.get(address);
      if (known === undefined || this.#writer.isWriting(address) || !this.#isUsed(address)) continue;
      writes.push({ address, claim: known.claim, expectedSequence: known.sequence });
    }
    this.#rescan = false;
    this.#writer.write(writes);
    // A host that finds the range full, or that came by its addresses in another way.
    this.#tell(hosts.filter((host) => this.#book.addressesOf(host) !== undefined));
  }

  /** The bucket hasn't said anything for a while. */
  #giveUp(): void {
    const { bucket, log } = this.#options;
    const reason = this.#writer.problem === "" ? bucket.status().detail : this.#writer.problem;
    log.warn({ hosts: this.#demand.wanted.size }, `serving virtual addresses that aren't claimed: ${reason}`);
    this.#serveUnclaimed();
  }

  #serveUnclaimed(): void {
    const claimedAt = new Date(this.#now()).toISOString();
    for (const host of this.#demand.wanted) this.#book.reserve(host, claimedAt);
    this.#demand.takeUnreserved();
    this.#rescan = true;
    this.#book.allowAll();
    this.#ready.resolve();
    this.#tell([...this.#demand.wanted]);
  }
}
