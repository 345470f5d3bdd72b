import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type {
  EntryLog,
  LogEntry,
  LogEvent,
  LogRecord,
  LogStatus,
  PublishResult,
} from "../entry-log/entry-log.ts";
import { allSubjects } from "../model/subject.ts";

/** A log that can be recreated, as a stream of NATS can: each reader receives the reset, and begins anew. */
export class ResettableLog implements EntryLog {
  #log = new EmbeddedEntryLog();
  #recreated = new AbortController();

  /** The stream was deleted and created again, empty. */
  recreate(): void {
    this.#replaceBy(new EmbeddedEntryLog());
  }

  /** The stream loses all messages but those of these subjects. */
  async keepOnly(keeps: (subject: string) => boolean): Promise<void> {
    const next = new EmbeddedEntryLog();
    for await (const { subject, data, provenance } of this.#log.readBack(allSubjects)) {
      if (keeps(subject)) await next.publish([{ subject, data, ...(provenance && { provenance }) }]);
    }
    this.#replaceBy(next);
  }

  #replaceBy(log: EmbeddedEntryLog): void {
    this.#log = log;
    const before = this.#recreated;
    this.#recreated = new AbortController();
    before.abort();
  }

  publish(records: readonly LogRecord[]): Promise<PublishResult[]> {
    return this.#log.publish(records);
  }

  readBack(filter: string): AsyncIterable<LogEntry> {
    return this.#log.readBack(filter);
  }

  async *follow(filter: string, signal: AbortSignal): AsyncIterable<LogEvent> {
    while (!signal.aborted) {
      yield* this.#log.follow(filter, AbortSignal.any([signal, this.#recreated.signal]));
    }
  }

  onReset(): () => void {
    return () => {};
  }

  status(): LogStatus {
    return this.#log.status();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
  }
}
