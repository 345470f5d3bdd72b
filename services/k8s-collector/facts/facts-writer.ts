import type { EntryLog, LogRecord } from "../../../shared/entry-log/entry-log.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { isFact } from "./facts-on-stream.ts";
import type { FactsOnStream } from "./facts-on-stream.ts";
import type { PublishedFacts } from "./published-facts.ts";

/** Facts per request to the log. */
const batchSize = 1000;

/** Writes what differs from the stream, under the fence of this replica's term. */
export class FactsWriter {
  readonly published: PublishedFacts;
  readonly #factsLog: EntryLog;
  readonly #stream: FactsOnStream;
  readonly #log: Logger;
  readonly #refusals = new Map<string, string>();

  constructor(factsLog: EntryLog, stream: FactsOnStream, log: Logger) {
    this.#factsLog = factsLog;
    this.#stream = stream;
    this.published = stream.published;
    this.#log = log;
  }

  /** Messages that the log refused at the last attempt, with its reasons. */
  get refusals(): ReadonlyMap<string, string> {
    return this.#refusals;
  }

  /** Stores records whose content isn't on the stream. */
  async storeDifferent(records: readonly LogRecord[], signal: AbortSignal): Promise<void> {
    const different = records.filter(({ subject, data }) => {
      const isPublished = this.published.isPublished(subject, data);
      // What was refused isn't wanted any more.
      if (isPublished) this.#refusals.delete(subject);
      return !isPublished;
    });
    for (let start = 0; start < different.length; start += batchSize) {
      await this.store(different.slice(start, start + batchSize), signal);
    }
  }

  /** Stores records, unless another replica publishes by now. */
  async store(records: readonly LogRecord[], signal: AbortSignal): Promise<void> {
    const { fence } = this.#stream;
    if (fence === undefined || records.length === 0) return;
    const results = await this.#factsLog.publish(records.map((record) => ({ ...record, fence })), signal);
    for (const [index, result] of results.entries()) {
      const { subject = "", data = null } = records[index] ?? {};
      switch (result.status) {
        case "stored":
          this.#refusals.delete(subject);
          if (isFact(subject)) this.published.seen(subject, data, result.sequence);
          break;
        case "fenced":
        case "conflict":
          // Another replica publishes: the stream says so.
          break;
        case "refused":
        case "rejected":
          if (this.#refusals.get(subject) !== result.reason) {
            this.#log.error(
              { subject, reason: result.reason },
              "the stream of facts refuses a message: what it had before stays; it is tried again in half a minute",
            );
          }
          this.#refusals.set(subject, result.reason);
      }
    }
  }
}
