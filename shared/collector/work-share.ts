import type { EntryLog, Fence } from "../entry-log/entry-log.ts";
import type { Bucket } from "../entry-log/open-entry-log.ts";
import {
  leaseDurationMs,
  leaseFilter,
  leaseRenewalMs,
  leaseSubject,
  readLease,
} from "../model/collector-lease.ts";
import type { CollectorLease } from "../model/collector-lease.ts";
import { termSubject } from "../model/subject.ts";
import { createTerm } from "../model/term.ts";
import { errorText, MeshError } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { Reachability } from "../runtime/reachability.ts";
import { Membership } from "./membership.ts";
import { ownerOf } from "./ownership.ts";
import type { PublishedState, PublishedTerm } from "./published-state.ts";
import { ReleaseRequests } from "./release-requests.ts";
import type { Unit } from "./unit.ts";
import { WorkSignal } from "./work-signal.ts";

/** The share that one replica may publish now. */
export interface Share {
  /** This replica's name. */
  readonly member: string;
  /** What its publishes must carry; undefined while it may publish nothing. */
  readonly fence: Fence | undefined;
  /** True if the unit is this replica's to publish. */
  owns(unit: Unit): boolean;
}

/** The contents of a lease besides its name and time. */
export type LeaseReport = Pick<
  CollectorLease,
  | "state"
  | "lastReadAt"
  | "error"
  | "failingSince"
  | "settledTerm"
  | "published"
  | "held"
  | "stuck"
  | "unpublished"
>;

/** Options of a work share. */
export interface WorkShareOptions {
  readonly registry: string;
  readonly source: string;
  readonly member: string;
  readonly version: string;
  readonly entryLog: EntryLog;
  readonly bucket: Bucket;
  readonly state: PublishedState;
  /** The present contents of the lease. */
  readonly report: () => LeaseReport;
  /** Is called when an operator asks, at any replica or aggregator, to release the source's held losses. */
  readonly onRelease: (by: string) => void;
  /** A lease or the term changed. */
  readonly onChange: () => void;
  readonly log: Logger;
}

/**
 * Shares a source's units among the replicas of its collector: renews this replica's lease, watches the others', and
 * writes the term when it is this replica's turn. The term takes effect when it comes back on the stream, behind
 * everything that was published under earlier ones.
 */
export class WorkShare implements Share {
  readonly #options: WorkShareOptions;
  readonly #membership: Membership;
  readonly #releases: ReleaseRequests;
  readonly #work = new WorkSignal();
  readonly #startedAt = new Date().toISOString();
  #term: PublishedTerm | undefined;
  #fence: Fence | undefined;
  #bucketRead = false;
  #announceDue = true;
  readonly #renewals = new Reachability();
  #leaseFailure: string | undefined;

  constructor(options: WorkShareOptions) {
    this.#options = options;
    this.#membership = new Membership(options.member);
    this.#releases = new ReleaseRequests(options);
  }

  get member(): string {
    return this.#options.member;
  }

  get fence(): Fence | undefined {
    return this.#fence;
  }

  /** The term that this replica works under; undefined: none on the stream. */
  get term(): PublishedTerm | undefined {
    return this.#term;
  }

  /** True if this replica ever had company. */
  get othersSeen(): boolean {
    return this.#membership.othersSeen;
  }

  /** Replicas that live, with what they say of themselves. */
  get living(): readonly CollectorLease[] {
    return this.#membership.living(performance.now());
  }

  /** How much of the source this replica publishes, in words. */
  get portion(): string {
    const members = this.#term?.members ?? [];
    return members.includes(this.member) ? `1 of ${members.length} shares` : "no share";
  }

  owns(unit: Unit): boolean {
    return ownerOf(unit, this.#term?.members ?? []) === this.member;
  }

  /** True if all replicas of the term have published everything of their share under it. */
  get isSettled(): boolean {
    return this.#term !== undefined && this.unsettled.length === 0;
  }

  /** The replicas of the term that haven't published everything of their share under it. */
  get unsettled(): readonly string[] {
    const term = this.#term;
    if (term === undefined) return [];
    const settled = new Map(this.living.map(({ member, settledTerm }) => [member, settledTerm]));
    settled.set(this.member, this.#options.report().settledTerm);
    return term.members.filter((member) => settled.get(member) !== term.id);
  }

  /** Why this replica may have no share; undefined as far as is known. */
  get problem(): string | undefined {
    return this.#leaseFailure === undefined
      ? undefined
      : `the lease of this replica can't be renewed, so it gets no share of the source: ${this.#leaseFailure}`;
  }

  /** Takes over the term that was found on the stream. */
  apply(term: PublishedTerm | undefined): void {
    const { registry, source, log } = this.#options;
    this.#term = term;
    const isMember = term?.members.includes(this.member) === true;
    const had = this.#fence !== undefined;
    this.#fence = term !== undefined && isMember
      ? { subject: termSubject(registry, source), sequence: term.sequence }
      : undefined;
    if (term !== undefined && (isMember || had)) {
      log.info(
        { term: term.number, members: term.members, share: this.portion },
        "the replicas of this source have a new term",
      );
    }
    this.#work.call();
  }

  /** Renews the lease now: what it says has changed. */
  announce(): void {
    this.#announceDue = true;
    this.#work.call();
  }

  /** Asks all replicas to let held losses go. */
  async requestRelease(by: string, signal: AbortSignal): Promise<void> {
    await this.#releases.request(by, this.#options.report().held, signal);
  }

  /** Runs until the signal aborts; gives the lease back then. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#followLeases(signal),
      this.#releases.follow(this.#options.onRelease, signal),
      this.#keepLease(signal),
    ]);
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    let renewalAtMs = 0;
    while (!signal.aborted) {
      const nowMs = performance.now();
      if (this.#announceDue || nowMs >= renewalAtMs) {
        this.#announceDue = false;
        renewalAtMs = nowMs + leaseRenewalMs;
        await this.#renew(signal);
      }
      let waitMs = renewalAtMs - performance.now();
      if (this.#bucketRead && this.#options.state.caughtUp) {
        const step = this.#membership.next(performance.now(), this.#term);
        if (step.type === "write") waitMs = await this.#writeTerm(step.members, signal);
        else waitMs = Math.min(waitMs, step.ms);
      }
      await this.#work.wait(Math.max(1, waitMs), signal);
    }
    await this.#giveBack();
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { registry, source, member, version, bucket, report } = this.#options;
    const lease: CollectorLease = {
      registry,
      source,
      member,
      version,
      startedAt: this.#startedAt,
      ...report(),
      unsettled: [...this.unsettled],
    };
    const data = Buffer.from(JSON.stringify(lease));
    const subject = leaseSubject(bucket.root, registry, source, member);
    try {
      const [result] = await bucket.bucket.publish([{ subject, data, ttlMs: leaseDurationMs }], signal);
      if (result?.status !== "stored") {
        const reason = result !== undefined && "reason" in result ? `: ${result.reason}` : "";
        throw new MeshError("entry-log-unavailable", `The bucket: ${result?.status}${reason}`);
      }
      this.#membership.seen(lease, performance.now());
      this.#noteRenewal(undefined);
    } catch (error) {
      if (!signal.aborted) this.#noteRenewal(errorText(error));
    }
  }

  /** A lease is renewed each second: what fails for long isn't said each time. */
  #noteRenewal(failure: string | undefined): void {
    const { log } = this.#options;
    this.#leaseFailure = failure;
    const news = this.#renewals.see(failure, performance.now());
    if (news?.type === "back") log.info("the lease of this replica is renewed again");
    else if (news !== undefined) {
      log.error(
        { reason: news.reason },
        "renewing this replica's lease failed: without it the share goes to others; the collector tries again",
      );
    }
  }

  /** Writes a term in place of the known one, unless another replica was faster. Returns how long to wait then. */
  async #writeTerm(members: readonly string[], signal: AbortSignal): Promise<number> {
    const { registry, source, entryLog, state, log } = this.#options;
    const term = createTerm(registry, source, (this.#term?.number ?? 0) + 1, members);
    const subject = termSubject(registry, source);
    try {
      const [result] = await entryLog.publish(
        // Also what can't be read as a term (a foreign message, a newer program's) is replaced.
        [{ subject, data: Buffer.from(JSON.stringify(term)), expectedSequence: state.termSequence }],
        signal,
      );
      if (result?.status === "refused" || result?.status === "rejected") {
        log.error(
          { reason: result.reason },
          "the entry log refuses the list of replicas that share this source: without one nothing is published; see the reason",
        );
      }
    } catch (error) {
      if (!signal.aborted) {
        log.warn(
          { reason: errorText(error) },
          "writing the list of replicas that share this source failed: the list stays as it is; the collector tries again",
        );
      }
    }
    // Stored or not, the stream tells what holds now.
    return leaseRenewalMs / 4;
  }

  async #followLeases(signal: AbortSignal): Promise<void> {
    const { registry, source, bucket } = this.#options;
    const filter = leaseFilter(bucket.root, registry, source);
    for await (const event of bucket.bucket.follow(filter, signal)) {
      if (event.type === "caught-up") this.#bucketRead = true;
      else if (event.type === "put") {
        const lease = readLease(event.data);
        // Not when the lease was stored: where the bucket's events come late, those of the other replicas do, too.
        if (lease?.member === this.member) this.#membership.renewed(performance.now());
        else if (lease !== undefined) this.#membership.seen(lease, performance.now());
      } else if (event.type === "delete") {
        const member = memberOf(event.subject);
        if (member !== this.member) this.#membership.left(member);
      }
      this.#work.call();
      this.#options.onChange();
    }
  }

  /** So that the others needn't wait until it runs out. */
  async #giveBack(): Promise<void> {
    const { registry, source, member, bucket, log } = this.#options;
    const subject = leaseSubject(bucket.root, registry, source, member);
    try {
      await bucket.bucket.publish(
        [{ subject, data: null, ttlMs: leaseDurationMs }],
        AbortSignal.timeout(1000),
      );
    } catch (error) {
      log.debug(
        { reason: errorText(error) },
        "the lease of this replica could not be given back, it runs out",
      );
    }
  }
}

function memberOf(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}
