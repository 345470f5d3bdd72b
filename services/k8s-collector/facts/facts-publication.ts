import { randomUUID } from "node:crypto";
import { ShrinkGuard } from "../../../shared/collector/shrink-guard.ts";
import type { Comparison, ShrinkPolicy } from "../../../shared/collector/shrink-guard.ts";
import type { LogRecord } from "../../../shared/entry-log/entry-log.ts";
import { clusterSubject, decodeFactSubject } from "../../../shared/facts/fact-subject.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ClusterReader } from "./cluster-reader.ts";
import { FactsPlan } from "./facts-plan.ts";
import type { FactsWriter } from "./facts-writer.ts";

/**
 * Brings what the stream tells of a cluster in line with what the cluster has. What Kubernetes names is published at once.
 * What is merely missing from a complete read passes the guard.
 */
export class FactsPublication {
  readonly plan = new FactsPlan();
  readonly #cluster: string;
  readonly #writer: FactsWriter;
  readonly #guard: ShrinkGuard;
  readonly #log: Logger;

  constructor(cluster: string, writer: FactsWriter, guard: ShrinkPolicy, log: Logger) {
    this.#cluster = cluster;
    this.#writer = writer;
    this.#guard = new ShrinkGuard(guard);
    this.#log = log;
  }

  /** Facts of missing pods that the guard holds. */
  get held(): number {
    return this.#guard.held.size;
  }

  /** Publishes what is due. @throws Error if the log can't be reached: the same is due again then. */
  async publish(reader: ClusterReader, signal: AbortSignal): Promise<void> {
    const step = this.plan.take(performance.now());
    if (step === undefined) return;
    try {
      if (step.type === "compare") await this.#compare(reader, signal);
      else await this.#store(reader, step.subjects, signal);
    } catch (error) {
      this.plan.failed(step);
      throw error;
    }
    if (this.#writer.refusals.size > 0) this.plan.compareLater(performance.now());
  }

  /** Deletes all that the stream tells of the cluster. */
  async deleteAll(signal: AbortSignal): Promise<void> {
    const gone = [...this.#writer.published.subjects()].map((subject) => ({ subject, data: null }));
    await this.#writer.storeDifferent(gone, signal);
    await this.#writer.store([
      { subject: clusterSubject("Synced", this.#cluster), data: null },
      { subject: clusterSubject("Lease", this.#cluster), data: null },
    ], signal);
    await this.#writer.store([{ subject: clusterSubject("Term", this.#cluster), data: null }], signal);
    this.#log.info(
      { facts: gone.length },
      "the cluster is no longer one of ours: what was known of its pods is deleted",
    );
  }

  async #store(reader: ClusterReader, subjects: Iterable<string>, signal: AbortSignal): Promise<void> {
    const records = Array.from(subjects, (subject) => ({ subject, data: reader.data(subject) }));
    await this.#writer.storeDifferent(records, signal);
  }

  /** Makes the stream equal to the cluster, as far as the guard lets it, and says that it is. */
  async #compare(reader: ClusterReader, signal: AbortSignal): Promise<void> {
    for (const batch of batchesOf(reader.subjects())) await this.#store(reader, batch, signal);
    const { held } = this.#guard.review(this.#comparisons(reader), performance.now());
    const gone: LogRecord[] = [];
    for (const subject of this.#writer.published.subjects()) {
      if (!held.has(subject) && isGone(reader, subject)) gone.push({ subject, data: null });
    }
    await this.#writer.storeDifferent(gone, signal);
    if (held.size > 0) {
      this.plan.compareLater(performance.now());
      this.#log.warn(
        { held: held.size, examples: [...held.keys()].slice(0, 5) },
        "the cluster lost more pods at once than the guard lets through: what is known of them stays until they " +
          "return, or the hold time is over",
      );
    }
    const synced = { id: randomUUID(), pods: reader.pods, nodes: reader.nodes, at: new Date().toISOString() };
    await this.#writer.store([{
      subject: clusterSubject("Synced", this.#cluster),
      data: Buffer.from(JSON.stringify(synced)),
    }], signal);
  }

  *#comparisons(reader: ClusterReader): Iterable<Comparison> {
    for (const subject of this.#writer.published.subjects()) {
      yield { subject, publishedEndpoints: 1, readEndpoints: isGone(reader, subject) ? 0 : 1 };
    }
  }
}

function isGone(reader: ClusterReader, subject: string): boolean {
  const isNode = decodeFactSubject(subject)?.kind === "Node";
  return !(isNode && reader.isBlindForNodes) && !reader.has(subject);
}

/** Batches: encoding all of 100,000 would keep the process from its other work. */
function* batchesOf(subjects: Iterable<string>): Iterable<string[]> {
  let batch: string[] = [];
  for (const subject of subjects) {
    batch.push(subject);
    if (batch.length < 1000) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}
