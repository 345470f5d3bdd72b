import { MeshError } from "../runtime/errors.ts";
import { streamIdOf } from "../model/cursor.ts";
import { subjectRoot } from "../model/subject.ts";
import { unfitSubject } from "./unfit-subject.ts";
import { abortedError } from "../runtime/waiting.ts";
import type { EntryLog, LogEntry, LogEvent, LogRecord, LogStatus, PublishResult } from "./entry-log.ts";

interface Stored {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array | null;
}

/** How long a tombstone is kept for readers that lag: they are in this process, so a minute is long. */
const tombstoneTtlMs = 60_000;

/**
 * The entry log inside one process, in place of NATS: for the first minute, for edge deployments and for tests.
 * Its content lives as long as the object. Readers share the stored bytes, nothing is copied for them.
 */
export class EmbeddedEntryLog implements EntryLog {
  /** By subject, in sequence order: an update deletes the key and sets it again, so it moves to the end. */
  readonly #entries = new Map<string, Stored>();
  readonly #readers = new Set<Reader>();
  readonly #streamId: string;
  readonly #root: string;
  readonly #tombstones: { readonly stored: Stored; readonly atMs: number }[] = [];
  #lastSequence = 0;
  #closed = false;

  /** `root`: the log takes the subjects below this one. */
  constructor(createdAt: Date = new Date(), root: string = subjectRoot) {
    this.#streamId = streamIdOf(createdAt);
    this.#root = root;
  }

  publish(records: readonly LogRecord[], signal?: AbortSignal): Promise<PublishResult[]> {
    if (this.#closed) return Promise.reject(new MeshError("entry-log-unavailable", "Entry log is closed"));
    if (signal?.aborted === true) return Promise.reject(abortedError("entry-log-unavailable", "Publishing"));
    const results = records.map((record) => this.#store(record));
    for (const reader of this.#readers) reader.wake();
    return Promise.resolve(results);
  }

  #store(record: LogRecord): PublishResult {
    const unfit = unfitSubject(record.subject, this.#root);
    if (unfit !== undefined) return { status: "rejected", reason: unfit };
    const last = this.#entries.get(record.subject);
    const { expectedSequence } = record;
    const isAbsent = last === undefined || last.data === null;
    if (
      expectedSequence !== undefined && expectedSequence !== last?.sequence &&
      !(isAbsent && expectedSequence === 0)
    ) return { status: "conflict" };
    this.#lastSequence++;
    const stored: Stored = { subject: record.subject, sequence: this.#lastSequence, data: record.data };
    this.#entries.delete(record.subject);
    this.#entries.set(record.subject, stored);
    for (const reader of this.#readers) reader.add(stored);
    this.#purgeTombstones(stored);
    return { status: "stored", sequence: stored.sequence };
  }

  #purgeTombstones(stored: Stored): void {
    const now = performance.now();
    if (stored.data === null) this.#tombstones.push({ stored, atMs: now });
    for (let first = this.#tombstones[0]; first !== undefined; first = this.#tombstones[0]) {
      if (now - first.atMs < tombstoneTtlMs) return;
      this.#tombstones.shift();
      if (this.#entries.get(first.stored.subject) === first.stored) {
        this.#entries.delete(first.stored.subject);
      }
    }
  }

  async *readBack(filter: string): AsyncIterable<LogEntry> {
    const matches = subjectMatcher(filter);
    // A copy: an entry that changes moves to the end of the map, where a slow reader would meet it again and again.
    const snapshot = [...this.#entries.values()];
    for (const { subject, sequence, data } of snapshot) {
      if (data !== null && matches(subject)) yield { subject, sequence, data };
    }
  }

  async *follow(filter: string, signal: AbortSignal): AsyncIterable<LogEvent> {
    if (signal.aborted) return;
    const matches = subjectMatcher(filter);
    const reader = new Reader(matches);
    const snapshot = [...this.#entries.values()].filter((stored) => matches(stored.subject));
    const caughtUpAt = this.#lastSequence;
    this.#readers.add(reader);
    const stop = () => reader.wake();
    signal.addEventListener("abort", stop);
    try {
      yield { type: "reset", reason: "first read", streamId: this.#streamId };
      for (const stored of snapshot) {
        if (signal.aborted) return;
        yield asEvent(stored);
      }
      yield { type: "caught-up", sequence: caughtUpAt };
      while (!signal.aborted && !this.#closed) {
        for (const stored of reader.take()) {
          if (signal.aborted) return;
          yield asEvent(stored);
        }
        // Whoever stopped while the last event was being looked at found nobody to wake.
        if (!signal.aborted && !this.#closed) await reader.more();
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.#readers.delete(reader);
    }
  }

  /** An embedded log is never reset: it lives and dies with its process. */
  onReset(): () => void {
    return () => {};
  }

  status(): LogStatus {
    return { connected: !this.#closed, detail: `embedded, ${this.#entries.size} subjects` };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const reader of this.#readers) reader.wake();
    return Promise.resolve();
  }
}

function asEvent({ subject, sequence, data }: Stored): LogEvent {
  return data === null ? { type: "delete", subject, sequence } : { type: "put", subject, sequence, data };
}

/** What one reader has not yet taken: the newest message per subject, so its memory is bounded by the catalogue. */
class Reader {
  readonly #matches: (subject: string) => boolean;
  #pending = new Map<string, Stored>();
  #wakeUp: PromiseWithResolvers<void> | undefined;

  constructor(matches: (subject: string) => boolean) {
    this.#matches = matches;
  }

  add(stored: Stored): void {
    if (!this.#matches(stored.subject)) return;
    this.#pending.delete(stored.subject);
    this.#pending.set(stored.subject, stored);
  }

  wake(): void {
    this.#wakeUp?.resolve();
  }

  take(): Iterable<Stored> {
    const taken = this.#pending;
    this.#pending = new Map();
    return taken.values();
  }

  /** Resolves when there is something to take, or when somebody called {@link wake}. */
  async more(): Promise<void> {
    if (this.#pending.size > 0) return;
    this.#wakeUp = Promise.withResolvers();
    await this.#wakeUp.promise;
    this.#wakeUp = undefined;
  }
}

/** A predicate for a NATS subject filter: `*` is one token, a final `>` one or more. */
export function subjectMatcher(filter: string): (subject: string) => boolean {
  const tokens = filter.split(".");
  return (subject) => {
    const parts = subject.split(".");
    for (const [index, token] of tokens.entries()) {
      if (token === ">") return parts.length > index;
      if (token !== "*" && token !== parts[index]) return false;
    }
    return parts.length === tokens.length;
  };
}
