import { randomUUID } from "node:crypto";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import { askSubject, questionTtlMs } from "../../../shared/model/trace-question.ts";
import type { SourceName } from "../ingest/doubts.ts";

/** How often a message is tried, in milliseconds. */
const probeEveryMs = 10_000;

/**
 * Finds out whether NATS stores anything while the collectors of a source give no sign of life: if its volume is full, collectors live and
 * can't say so. The message that is tried is a question without a text, since questions are what an aggregator may write in
 * that bucket; collectors ignore it. Nothing is tried while each source has a collector. The bucket's status has the result.
 */
export class RoomProbe {
  readonly #collectors: Bucket;
  readonly #now: () => number;
  #triedAtMs: number | undefined;

  constructor(collectors: Bucket, now: () => number) {
    this.#collectors = collectors;
    this.#now = now;
  }

  /** @param source one of which no collector gives a sign; undefined: there is none */
  tick(source: SourceName | undefined, signal: AbortSignal): void {
    const { bucket, root } = this.#collectors;
    if (source === undefined || !bucket.status().connected) return;
    if (this.#triedAtMs !== undefined && this.#now() - this.#triedAtMs < probeEveryMs) return;
    this.#triedAtMs = this.#now();
    const subject = askSubject(root, source.registry, source.source, randomUUID());
    const record = { subject, data: Buffer.from("{}"), ttlMs: questionTtlMs };
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(probeEveryMs)]);
    // What became of it is in the bucket's status.
    bucket.publish([record], inTime).catch(() => {});
  }
}
