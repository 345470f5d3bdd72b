import type { EntryLog, LogEvent, LogRecord, LogStatus } from "../../shared/entry-log/entry-log.ts";
import { streamIdOf } from "../../shared/model/cursor.ts";
import { MeshError } from "../../shared/runtime/errors.ts";

/**
 * An entry log whose content is made while it is read, and kept nowhere: for catalogues whose JSON alone would fill the
 * memory that is to be measured. It has one reader.
 */
export class GeneratedEntryLog implements EntryLog {
  readonly #content: () => Iterable<LogRecord>;
  readonly #changes: LogRecord[] = [];
  #wake = () => {};
  /** Time spent in making the content, in milliseconds. */
  makingMs = 0;

  /** `content` makes what the log holds at the start. */
  constructor(content: () => Iterable<LogRecord>) {
    this.#content = content;
  }

  /** Hands the reader a change. */
  change(record: LogRecord): void {
    this.#changes.push(record);
    this.#wake();
  }

  async *follow(_filter: string, signal: AbortSignal): AsyncIterable<LogEvent> {
    yield { type: "reset", reason: "the beginning", streamId: streamIdOf(new Date()) };
    let sequence = 0;
    let startMs = performance.now();
    for (const record of this.#content()) {
      this.makingMs += performance.now() - startMs;
      yield eventOf(record, ++sequence);
      startMs = performance.now();
    }
    yield { type: "caught-up", sequence };
    while (!signal.aborted) {
      const record = this.#changes.shift();
      if (record !== undefined) yield eventOf(record, ++sequence);
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  async *readBack(): AsyncIterable<never> {}

  publish(): Promise<never> {
    return Promise.reject(new MeshError("entry-log-unavailable", "This log takes changes by change() only"));
  }

  onReset(): () => void {
    return () => {};
  }

  status(): LogStatus {
    return { connected: true, detail: "generated" };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function eventOf({ subject, data }: LogRecord, sequence: number): LogEvent {
  return data === null ? { type: "delete", subject, sequence } : { type: "put", subject, sequence, data };
}
