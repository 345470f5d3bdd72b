import type { EntryLog, LogEvent } from "../entry-log/entry-log.ts";
import type { Logger } from "../runtime/log.ts";
import { NodeFact, PodFact, readFact, SyncedFact } from "./fact.ts";
import { allFacts, decodeFactSubject } from "./fact-subject.ts";
import { FactsIndex } from "./facts-index.ts";
import type { AddressFacts } from "./facts-index.ts";

/** How to follow the facts. */
export interface FactsFollowerOptions {
  readonly factsLog: EntryLog;
  /** Our own cluster: its pods count where several clusters claim an address. */
  readonly home: string;
  /** How long the first publication of a source waits for facts at most, in milliseconds. */
  readonly waitMs: number;
  readonly log: Logger;
}

/** Without a publisher in sight, nothing is waited for that long: there may be none. In milliseconds. */
const noPublisherMs = 2000;

/**
 * Follows the stream of facts and keeps them in an index. A stream that was lost is no evidence: what it showed before
 * stays until the cluster's publisher says anew that everything is there.
 */
export class FactsFollower {
  readonly #options: FactsFollowerOptions;
  readonly #index: FactsIndex;
  readonly #listeners = new Set<(addresses: ReadonlySet<string>) => void>();
  /** By cluster: the last word of its publisher that everything is there; undefined: it is still reading. */
  readonly #synced = new Map<string, SyncedFact | undefined>();
  /** The words that were seen before the stream was lost: a rolled-back stream shows them again. */
  readonly #oldWords = new Set<string>();
  #caughtUp = false;
  #wasCaughtUp = false;
  #isReady = false;
  /** How much of the wait is over: enough where there is no publisher, or all of it. */
  #waited: "not-yet" | "for-a-publisher" | "for-everything" = "not-yet";
  /** Addresses that have changed, told at the end of the turn. */
  #changed = new Set<string>();
  #isTelling = false;

  constructor(options: FactsFollowerOptions) {
    this.#options = options;
    this.#index = new FactsIndex(options.home);
  }

  /** Known pods. */
  get pods(): number {
    return this.#index.pods;
  }

  /** Known nodes. */
  get nodes(): number {
    return this.#index.nodes;
  }

  /** Clusters with facts, and when their publisher said last that everything is there; null: it hasn't. */
  get clusters(): ReadonlyMap<string, string | null> {
    return new Map(Array.from(this.#synced, ([cluster, synced]) => [cluster, synced?.at ?? null]));
  }

  /** See {@link FactsIndex.of}. */
  of(address: string): AddressFacts | undefined {
    return this.#index.of(address);
  }

  /** See {@link FactsIndex.isAmongPods}. Before everything was read nothing can be told. */
  isAmongPods(address: string): boolean {
    return this.#isReady && this.#index.isAmongPods(address);
  }

  /** See {@link FactsIndex.disputed}. */
  disputed(address: string): readonly string[] {
    return this.#index.disputed(address);
  }

  /**
   * True once everything that was known at the start has been read, or the limit of waiting for it is over: entries that
   * are published before would be published once more a moment later.
   */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Calls back with the addresses whose facts have changed, and with none when {@link isReady} becomes true. */
  onChange(listener: (addresses: ReadonlySet<string>) => void): void {
    this.#listeners.add(listener);
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { waitMs } = this.#options;
    const steps = [[noPublisherMs, "for-a-publisher"], [waitMs, "for-everything"]] as const;
    const timers = steps.filter(([ms]) => ms <= waitMs).map(([ms, waited]) =>
      setTimeout(() => {
        this.#waited = waited;
        this.#look();
      }, ms)
    );
    try {
      for await (const event of this.#options.factsLog.follow(allFacts, signal)) this.#apply(event);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  #apply(event: LogEvent): void {
    switch (event.type) {
      case "reset":
        return this.#reset(event.reason);
      case "caught-up":
        this.#caughtUp = true;
        this.#wasCaughtUp = true;
        return this.#look();
      case "unusable":
        return this.#options.log.warn(
          { subject: event.subject, reason: event.reason },
          "a message about a pod or node can't be read: what was known of it stays",
        );
      case "put":
        return this.#put(event.subject, event.data);
      case "delete":
        return this.#delete(event.subject);
    }
  }

  #reset(reason: string): void {
    this.#caughtUp = false;
    this.#index.beginGeneration();
    for (const synced of this.#synced.values()) if (synced !== undefined) this.#oldWords.add(synced.id);
    this.#synced.clear();
    if (!this.#wasCaughtUp) return;
    this.#options.log.warn(
      { reason },
      "the stream of facts was reset: what is known of pods stays until it is published anew",
    );
  }

  #put(subject: string, data: Uint8Array): void {
    const id = decodeFactSubject(subject);
    if (id === undefined) return;
    switch (id.kind) {
      case "Pod": {
        const fact = readFact(PodFact, data);
        if (fact === undefined) return this.#foreign(subject);
        return this.#note(this.#index.setPod(id.cluster, id.namespace, id.name, fact));
      }
      case "Node": {
        const fact = readFact(NodeFact, data);
        if (fact === undefined) return this.#foreign(subject);
        return this.#note(this.#index.setNode(id.cluster, id.name, fact));
      }
      case "Term":
        if (!this.#synced.has(id.cluster)) this.#synced.set(id.cluster, undefined);
        return;
      case "Synced": {
        const synced = readFact(SyncedFact, data);
        if (synced === undefined) return this.#foreign(subject);
        if (this.#oldWords.has(synced.id)) return;
        this.#synced.set(id.cluster, synced);
        this.#note(this.#index.forgetUnseen(id.cluster));
        return this.#look();
      }
      case "Lease":
        return;
    }
  }

  #delete(subject: string): void {
    const id = decodeFactSubject(subject);
    switch (id?.kind) {
      case "Pod":
        return this.#note(this.#index.deletePod(id.cluster, id.namespace, id.name));
      case "Node":
        return this.#note(this.#index.deleteNode(id.cluster, id.name));
      case "Synced":
      case "Term":
        // The cluster was given up: its facts were deleted one by one.
        this.#synced.delete(id.cluster);
        return this.#look();
      case "Lease":
      case undefined:
    }
  }

  #foreign(subject: string): void {
    this.#options.log.warn(
      { subject },
      "a message about a pod or node is none of ours: it is ignored, its publisher writes it again when it changes",
    );
  }

  /** Looks whether sources may publish. */
  #look(): void {
    if (this.#isReady) return;
    const { log } = this.#options;
    const reading = [...this.#synced].filter(([, synced]) => synced === undefined).map(([cluster]) =>
      cluster
    );
    const isComplete = this.#caughtUp && this.#synced.size > 0 && reading.length === 0;
    const isAlone = this.#caughtUp && this.#synced.size === 0 && this.#waited === "for-a-publisher";
    const isOver = this.#waited === "for-everything";
    if (!isComplete && !isAlone && !isOver) return;
    this.#isReady = true;
    if (isComplete) log.info({ pods: this.pods, nodes: this.nodes }, "read what is known of pods and nodes");
    else {
      const missing = !this.#caughtUp
        ? "the stream of facts can't be read"
        : reading.length === 0
        ? "nobody publishes facts of pods (that is done by k8s-collector, or all in one process)"
        : `the pods of ${reading.join(", ")} haven't been read`;
      log.warn(
        `${missing}: entries are published without labels of pods, and again when they are known`,
      );
    }
    for (const listener of this.#listeners) listener(new Set());
  }

  /** Before anybody may have looked up an address there is nobody to tell. */
  #note(addresses: Iterable<string>): void {
    if (!this.#isReady) return;
    for (const address of addresses) this.#changed.add(address);
    if (this.#isTelling || this.#changed.size === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      const changed = this.#changed;
      this.#changed = new Set();
      for (const listener of this.#listeners) listener(changed);
    });
  }
}
