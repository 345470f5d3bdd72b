import { leaseDurationMs } from "../model/collector-lease.ts";
import type { CollectorLease } from "../model/collector-lease.ts";
import type { PublishedTerm } from "./published-state.ts";

/** A replica that has lost its registry keeps its share for this time, in milliseconds: most such losses are short. */
const stalePatienceMs = 3000;

/** Replicas that come and go at once are taken into one term, in milliseconds. */
const joinDelayMs = 500;

/**
 * A replica may live and still be unable to write a term (it lacks the permission, it can't read the stream): the next
 * one by name does it after this time, in milliseconds. It is longer than a lease, so that two that see different
 * replicas for a moment don't write against each other.
 */
const writerPatienceMs = 5000;

interface Member {
  lease: CollectorLease;
  /** When its last sign of life was seen. */
  seenAtMs: number;
  /** Since when it has not been `ready`; undefined while it is. */
  unreadySinceMs: number | undefined;
}

/** The next step of a replica about the term of its source. */
export type MembershipStep =
  /** Write a term with these members, in place of the one that is known. */
  | { readonly type: "write"; readonly members: readonly string[] }
  /** Nothing before that time has passed, or a lease or a term changes. */
  | { readonly type: "wait"; readonly ms: number };

/**
 * Decides which replicas share a source, from the leases that one replica sees. Pure; the clock is passed in, in
 * milliseconds of a monotonic clock.
 *
 * Wanted are the replicas that live and can read the registry; where none can read all of it, those that could once: a
 * new owner reads again before it publishes anyway. One of them, the first by name, writes the term, so
 * that they don't compete; where it doesn't, the next one does after a while. No replica is counted out because this
 * one was cut off: it can't know which others lived meanwhile.
 */
export class Membership {
  readonly #self: string;
  readonly #members = new Map<string, Member>();
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #wanted = "";
  #termSequence: number | undefined;
  #wantedSinceMs = Number.NEGATIVE_INFINITY;
  #othersSeen = false;

  constructor(self: string) {
    this.#self = self;
  }

  /** True if this replica ever had company: what others have seen of the registry may be newer. */
  get othersSeen(): boolean {
    return this.#othersSeen;
  }

  /** The leases of replicas that live, as far as this one knows. */
  living(nowMs: number): CollectorLease[] {
    return Array.from(this.#members.values()).filter((member) => this.#isAlive(member, nowMs)).map((
      { lease },
    ) => lease);
  }

  /** A lease was seen, this replica's own included. */
  seen(lease: CollectorLease, nowMs: number): void {
    const known = this.#members.get(lease.member);
    if (lease.member !== this.#self) this.#othersSeen = true;
    const unreadySinceMs = lease.state === "ready" ? undefined : known?.unreadySinceMs ?? nowMs;
    // Another replica that has never been ready has nothing to keep.
    this.#members.set(lease.member, { lease, seenAtMs: nowMs, unreadySinceMs });
  }

  /** A replica has given its lease back. */
  left(member: string): void {
    this.#members.delete(member);
  }

  /** This replica's lease came back: it was stored, and what others stored before it has been seen. */
  renewed(nowMs: number): void {
    // This replica was cut off and saw no signs of life: the time of all others begins anew.
    if (nowMs - this.#renewedAtMs > leaseDurationMs) {
      for (const member of this.#members.values()) member.seenAtMs = Math.max(member.seenAtMs, nowMs);
    }
    this.#renewedAtMs = nowMs;
  }

  /** True while this replica's own lease holds. */
  holdsLease(nowMs: number): boolean {
    return nowMs - this.#renewedAtMs <= leaseDurationMs;
  }

  /** What to do, given the term that is on the stream (undefined: none). */
  next(nowMs: number, term: PublishedTerm | undefined): MembershipStep {
    const living = [...this.#members.entries()].filter(([, member]) => this.#isAlive(member, nowMs));
    const inTerm = new Set(term?.members);
    const isSomeReady = living.some(([, { unreadySinceMs }]) => unreadySinceMs === undefined);
    // Where a part of the registry can't be read by any replica, the rest of it is still to be published.
    const isFit = ({ unreadySinceMs, lease: { state } }: Member) =>
      isSomeReady ? unreadySinceMs === undefined : state === "stale";
    const wanted = living
      .filter(([name, member]) =>
        isFit(member) || (inTerm.has(name) && nowMs - (member.unreadySinceMs ?? nowMs) < stalePatienceMs)
      )
      .map(([name]) => name).sort();
    const key = wanted.join("\n");
    if (key !== this.#wanted || term?.sequence !== this.#termSequence) {
      this.#wanted = key;
      this.#termSequence = term?.sequence;
      this.#wantedSinceMs = nowMs;
    }
    const waitMs = this.#nextLookMs(nowMs);
    if (wanted.length === 0 || key === [...term?.members ?? []].sort().join("\n")) {
      return { type: "wait", ms: waitMs };
    }
    if (!this.holdsLease(nowMs)) return { type: "wait", ms: waitMs };
    const writers = wanted.filter((name) => {
      const member = this.#members.get(name);
      return member !== undefined && isFit(member);
    });
    const rank = writers.indexOf(this.#self);
    if (rank === -1) return { type: "wait", ms: waitMs };
    const keepsSome = term?.members.some((name) => wanted.includes(name)) === true;
    const lostSome = term?.members.some((name) => !wanted.includes(name)) === true;
    const delayMs = (keepsSome && !lostSome ? joinDelayMs : 0) + rank * writerPatienceMs;
    const dueInMs = this.#wantedSinceMs + delayMs - nowMs;
    return dueInMs <= 0
      ? { type: "write", members: wanted }
      : { type: "wait", ms: Math.min(waitMs, dueInMs) };
  }

  #isAlive({ seenAtMs, lease }: Member, nowMs: number): boolean {
    if (lease.member === this.#self) return true;
    return Math.min(nowMs, this.#renewedAtMs) - seenAtMs <= leaseDurationMs;
  }

  /** Milliseconds until the next lease ends, or the next wait for a replica that hasn't read its registry. */
  #nextLookMs(nowMs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const member of this.#members.values()) {
      if (member.lease.member !== this.#self && this.#isAlive(member, nowMs)) {
        next = Math.min(next, member.seenAtMs + leaseDurationMs + 1 - nowMs);
      }
      if (member.unreadySinceMs !== undefined && nowMs - member.unreadySinceMs < stalePatienceMs) {
        next = Math.min(next, member.unreadySinceMs + stalePatienceMs - nowMs);
      }
    }
    return Math.max(1, Math.min(next, leaseDurationMs));
  }
}
