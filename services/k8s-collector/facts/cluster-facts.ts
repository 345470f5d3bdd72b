import { randomUUID } from "node:crypto";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import type { FactsLease, FactsTerm } from "../../../shared/facts/fact.ts";
import { clusterSubject } from "../../../shared/facts/fact-subject.ts";
import type { ShrinkPolicy } from "../../../shared/collector/shrink-guard.ts";
import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import type { KubernetesCluster, ReflectorEvent } from "../../../shared/kubernetes/kubernetes.ts";
import { leaseRenewalMs } from "../../../shared/model/collector-lease.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { Reachability } from "../../../shared/runtime/reachability.ts";
import { pause } from "../../../shared/runtime/waiting.ts";
import { ClusterReader } from "./cluster-reader.ts";
import { FactsOnStream } from "./facts-on-stream.ts";
import { FactsPublication } from "./facts-publication.ts";
import { FactsWriter } from "./facts-writer.ts";

/** What the facts of a cluster are published with. */
export interface ClusterFactsOptions {
  /** The cluster's id, as endpoints and multicluster Secrets have it. */
  readonly id: string;
  readonly cluster: KubernetesCluster;
  readonly factsLog: EntryLog;
  /** This replica. */
  readonly member: string;
  /** For pods that are merely missing from a complete read. */
  readonly guard: ShrinkPolicy;
  readonly log: Logger;
}

/**
 * Keeps what the stream tells of a cluster's pods and nodes equal to what the cluster has. Each replica follows the
 * cluster; one of them publishes, under a fence, and the others take over when it gives no sign of life.
 *
 * What Kubernetes names is published at once. What is merely missing from a complete read passes the guard: an instance
 * whose pod's labels vanish would be called in plain text.
 */
export class ClusterFacts {
  readonly id: string;
  readonly #options: ClusterFactsOptions;
  readonly #log: Logger;
  readonly #stream: FactsOnStream;
  readonly #writer: FactsWriter;
  readonly #publication: FactsPublication;
  readonly #work = new WorkSignal();
  readonly #reachability = new Reachability();
  #reader: ClusterReader;
  /** A reader with newer credentials, which takes over once it has read everything. */
  #nextReader: ClusterReader | undefined;
  #renewAtMs = Number.NEGATIVE_INFINITY;
  #beat = 0;
  #isRetired = false;

  constructor(options: ClusterFactsOptions) {
    this.id = options.id;
    this.#options = options;
    this.#log = options.log.child({ cluster: options.id });
    this.#stream = new FactsOnStream(options.id, {
      reset: () => this.#publication.plan.compareNow(),
      foreign: (subject) => this.#changed(subject),
      news: () => this.#work.call(),
    });
    this.#writer = new FactsWriter(options.factsLog, this.#stream, this.#log);
    this.#publication = new FactsPublication(options.id, this.#writer, options.guard, this.#log);
    this.#reader = this.#open(options.cluster);
  }

  /** Why the cluster's facts aren't known yet; undefined once they are. */
  get notReady(): string | undefined {
    if (this.#reader.isSynced) return undefined;
    const { error } = this.#reader;
    return `pods of cluster ${this.id} not read yet${error === undefined ? "" : `: ${error}`}`;
  }

  /** A remark for the operator though the facts are known. */
  get remark(): string | undefined {
    const { error } = this.#reader;
    if (error !== undefined) {
      return `cluster ${this.id} can't be read, what is known of its pods stays: ${error}`;
    }
    const next = this.#nextReader?.error;
    if (next !== undefined) {
      return `the new credentials of cluster ${this.id} don't work, the earlier connection stays in use: ${next}`;
    }
    const { refusals } = this.#writer;
    const [first] = refusals;
    return first &&
      `the stream of facts refuses ${refusals.size} messages, for example ${first[0]}: ${first[1]}`;
  }

  /** True once {@link retire} was called. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** For the debug API and metrics. */
  status() {
    const { pods, nodes, isSynced, error, events, unchanged } = this.#reader;
    return {
      pods,
      nodes,
      isSynced,
      error: error ?? null,
      isPublisher: this.#stream.election.own !== undefined,
      published: this.#writer.published.size,
      held: this.#publication.held,
      events,
      unchanged,
    };
  }

  /** Follows the cluster with other credentials, as soon as everything has been read with them. */
  async replace(cluster: KubernetesCluster): Promise<void> {
    const outdated = this.#nextReader;
    this.#nextReader = this.#open(cluster);
    await outdated?.[Symbol.asyncDispose]();
  }

  /** The cluster is no longer one of ours: its facts are deleted, by the replica that publishes them. {@link run} ends. */
  retire(): void {
    this.#isRetired = true;
    this.#work.call();
  }

  /** Runs until the signal aborts, or the cluster is retired. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    try {
      await Promise.all([
        this.#stream.follow(this.#options.factsLog, until),
        this.#loop(signal).finally(() => stop.abort()),
      ]);
    } finally {
      await this.#reader[Symbol.asyncDispose]();
      await this.#nextReader?.[Symbol.asyncDispose]();
    }
  }

  #open(cluster: KubernetesCluster): ClusterReader {
    const reader: ClusterReader = new ClusterReader(this.id, cluster, {
      changed: (subject) => {
        if (reader === this.#reader) this.#changed(subject);
      },
      read: () => {
        this.#publication.plan.compareNow();
        this.#work.call();
      },
      failed: (what, event) => this.#failed(what, event),
    });
    return reader;
  }

  #changed(subject: string): void {
    this.#publication.plan.changed(subject);
    this.#work.call();
  }

  #failed(what: "pods" | "nodes", event: ReflectorEvent<unknown>): void {
    if (event.type === "invalid") {
      this.#log.warn(
        { object: event.key, reason: event.reason },
        `an object among the ${what} can't be read: it is left out`,
      );
    }
    this.#work.call();
  }

  /** An outage is one line when it has lasted a moment, and one when it is over. */
  #tellReachability(nowMs: number): void {
    const news = this.#reachability.see(this.#reader.error, nowMs);
    switch (news?.type) {
      case "lost":
      case "still-lost":
        return this.#log.warn(
          { reason: news.reason },
          "pods and nodes can't be read: what is known of them stays, new pods lend no labels until they can",
        );
      case "back":
        return this.#log.info("pods and nodes can be read again");
      case undefined:
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#tellReachability(performance.now());
        await this.#takeNextReader();
        await this.#takeOver(signal);
        if (this.#isRetired && this.#hasLastWord) return await this.#publication.deleteAll(signal);
        await this.#renew(signal);
        await this.#publish(signal);
        await this.#work.wait(this.#waitMs(performance.now()), signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#log.error(
          { reason: errorText(error) },
          "publishing facts of pods failed: published ones stay as they are; it is tried again",
        );
        await pause(leaseRenewalMs, signal);
      }
    }
    await this.#giveBack();
  }

  async #takeNextReader(): Promise<void> {
    if (this.#nextReader?.isSynced !== true) return;
    const outdated = this.#reader;
    this.#reader = this.#nextReader;
    this.#nextReader = undefined;
    this.#publication.plan.compareNow();
    await outdated[Symbol.asyncDispose]();
    this.#log.info("the cluster is read with its new credentials");
  }

  #waitMs(nowMs: number): number | undefined {
    const waits: number[] = [];
    if (this.#stream.election.own !== undefined) {
      waits.push(this.#renewAtMs - nowMs, this.#publication.plan.compareAtMs - nowMs);
    } else if (this.#mayStand) waits.push(this.#stream.election.takeOverInMs(nowMs) ?? leaseRenewalMs);
    // The clock decides when an outage is logged.
    waits.push(leaseRenewalMs);
    return Math.max(0, Math.min(...waits.filter((ms) => ms > Number.NEGATIVE_INFINITY)));
  }

  /** A replica that can't read the cluster leaves its facts to others. The first one says at once that the cluster is read. */
  get #mayStand(): boolean {
    if (!this.#stream.isCaughtUp) return false;
    if (this.#isRetired) return this.#stream.election.term !== undefined || this.#writer.published.size > 0;
    return this.#stream.election.term === undefined || (this.#reader.isSynced && !this.#reachability.isTold);
  }

  /** Of a retired cluster: this replica deletes what there is, or another one has done so. */
  get #hasLastWord(): boolean {
    const { own, term } = this.#stream.election;
    return own !== undefined ||
      (this.#stream.isCaughtUp && term === undefined && this.#writer.published.size === 0);
  }

  async #takeOver(signal: AbortSignal): Promise<void> {
    if (!this.#mayStand || this.#stream.election.takeOverInMs(performance.now()) !== 0) return;
    const { factsLog, member } = this.#options;
    const id = randomUUID();
    const term: FactsTerm = { id, member, at: new Date().toISOString() };
    const expectedSequence = this.#stream.election.term?.sequence ?? 0;
    this.#stream.election.standing(id);
    const [result] = await factsLog.publish([{
      subject: clusterSubject("Term", this.id),
      data: Buffer.from(JSON.stringify(term)),
      expectedSequence,
    }], signal);
    if (result?.status !== "stored") {
      if (result?.status === "refused" || result?.status === "rejected") throw new Error(result.reason);
      return;
    }
    this.#stream.election.termSeen({ id, sequence: result.sequence }, performance.now());
    this.#publication.plan.compareNow();
    this.#renewAtMs = Number.NEGATIVE_INFINITY;
    this.#log.info("this replica publishes what is known of the cluster's pods and nodes");
  }

  /** A publisher that can't read the cluster any more lets another one try. */
  async #renew(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    if (this.#stream.election.own === undefined || nowMs < this.#renewAtMs) return;
    this.#renewAtMs = nowMs + leaseRenewalMs;
    if (this.#reachability.isTold) return;
    const lease: FactsLease = { member: this.#options.member, beat: ++this.#beat };
    await this.#writer.store([{
      subject: clusterSubject("Lease", this.id),
      data: Buffer.from(JSON.stringify(lease)),
    }], signal);
  }

  async #publish(signal: AbortSignal): Promise<void> {
    if (!this.#stream.isCaughtUp || this.#stream.election.own === undefined || !this.#reader.isSynced) return;
    await this.#publication.publish(this.#reader, signal);
  }

  /** So that another replica needn't wait until the lease runs out. */
  async #giveBack(): Promise<void> {
    await this.#writer.store(
      [{ subject: clusterSubject("Lease", this.id), data: null }],
      AbortSignal.timeout(1000),
    )
      .catch(
        (error: unknown) => {
          this.#log.debug(
            { reason: errorText(error) },
            "the publisher's lease could not be given back, it runs out",
          );
        },
      );
  }
}
