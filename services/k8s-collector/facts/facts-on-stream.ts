import type { EntryLog, Fence, LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { FactsLease, FactsTerm, readFact } from "../../../shared/facts/fact.ts";
import { clusterFilter, clusterSubject, decodeFactSubject } from "../../../shared/facts/fact-subject.ts";
import { Election } from "./election.ts";
import { PublishedFacts } from "./published-facts.ts";

/** True for subjects of pods and nodes; false for those of a cluster as a whole. */
export function isFact(subject: string): boolean {
  const kind = decodeFactSubject(subject)?.kind;
  return kind === "Pod" || kind === "Node";
}

/** Hears what the stream tells of a cluster. */
export interface FactsOnStreamListener {
  /** The stream was lost, and is another one: all that was published has to be published anew. */
  readonly reset: () => void;
  /** Another replica wrote this subject, or the start of the stream was read. */
  readonly foreign: (subject: string) => void;
  /** Something happened that may let this replica do something. */
  readonly news: () => void;
}

/** What the stream tells of a cluster: the facts that are published, and who publishes them. */
export class FactsOnStream {
  readonly election = new Election(performance.now());
  readonly published = new PublishedFacts();
  readonly #cluster: string;
  readonly #listener: FactsOnStreamListener;
  #caughtUp = false;

  constructor(cluster: string, listener: FactsOnStreamListener) {
    this.#cluster = cluster;
    this.#listener = listener;
  }

  /** True once all that is on the stream is known. */
  get isCaughtUp(): boolean {
    return this.#caughtUp;
  }

  /** Lets only the holder of the present term write; undefined while that is another replica, or none. */
  get fence(): Fence | undefined {
    const { own } = this.election;
    return own && { subject: clusterSubject("Term", this.#cluster), sequence: own.sequence };
  }

  /** Follows the stream until the signal aborts. */
  async follow(factsLog: EntryLog, signal: AbortSignal): Promise<void> {
    for await (const event of factsLog.follow(clusterFilter(this.#cluster), signal)) {
      this.#apply(event, performance.now());
    }
  }

  #apply(event: LogEvent, nowMs: number): void {
    switch (event.type) {
      case "reset":
        this.published.clear();
        this.#caughtUp = false;
        this.election.termSeen(undefined, nowMs);
        return this.#listener.reset();
      case "caught-up":
        this.#caughtUp = true;
        return this.#listener.news();
      case "unusable":
        // It has no content that anybody could use: it is written anew.
        this.published.seen(event.subject, null, event.sequence);
        return this.#foreign(event.subject);
      case "put":
        return this.#put(event, nowMs);
      case "delete":
        if (isFact(event.subject)) {
          if (this.published.seen(event.subject, null, event.sequence)) this.#foreign(event.subject);
        } else if (event.subject === clusterSubject("Term", this.#cluster)) {
          this.election.termSeen(undefined, nowMs);
        } else if (event.subject === clusterSubject("Lease", this.#cluster)) this.election.givenBack();
        return this.#listener.news();
    }
  }

  #put({ subject, data, sequence }: Extract<LogEvent, { readonly type: "put" }>, nowMs: number): void {
    switch (decodeFactSubject(subject)?.kind) {
      case "Pod":
      case "Node":
        if (this.published.seen(subject, data, sequence)) this.#foreign(subject);
        return;
      case "Term":
        // Also what can't be read as a term is one: it takes the place of the earlier one.
        this.election.termSeen({ id: readFact(FactsTerm, data)?.id ?? "", sequence }, nowMs);
        return this.#listener.news();
      case "Lease":
        if (readFact(FactsLease, data) !== undefined) this.election.heard(nowMs);
        return;
      case "Synced":
      case undefined:
    }
  }

  /** The publisher looks whether it is right. */
  #foreign(subject: string): void {
    if (this.#caughtUp && this.election.own !== undefined) this.#listener.foreign(subject);
  }
}
