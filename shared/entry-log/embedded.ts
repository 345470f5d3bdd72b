import { MeshError } from "../runtime/errors.ts";
import { Turns } from "../runtime/turns.ts";
import { streamIdOf } from "../model/cursor.ts";
import { subjectRoot } from "../model/subject.ts";
import { subjectMatcher } from "./subject-matcher.ts";
import { unfitRecord } from "./unfit-record.ts";
import { abortedError } from "../runtime/waiting.ts";
import type { Journal, JournalContent } from "./journal.ts";
import type {
  EntryLog,
  LogEntry,
  LogEvent,
  LogRecord,
  LogStatus,
  Provenance,
  PublishResult,
} from "./entry-log.ts";

interface Stored {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array | null;
  readonly provenance: Provenance | undefined;
}

/** How long a tombstone is kept for readers that lag, in milliseconds: they are in this process, a minute is long. */
const tombstoneTtlMs = 60_000;

/**
 * The entry log inside one process, in place of NATS: for the first minute, for edge deployments and for tests.
 * Its content lives as long as the object, or longer with a journal. Readers share the stored bytes, nothing is copied
 * for them. What a follower does with many messages is spread over turns of the event loop, as with a log on the network.
 */
export class EmbeddedEntryLog implements EntryLog {
  readonly handsOnBytes = true;
  /** By subject, in sequence order: an update deletes the key and sets it again, so it moves to the end. */
  readonly #entries = new Map<string, Stored>();
  readonly #readers = new Set<Reader>();
  readonly #streamId: string;
  readonly #root: string;
  readonly #journal: Journal | undefined;
  /** Messages that go by themselves, by subject: tombstones, and those with a time to live. */
  readonly #expiring = new Map<string, { readonly message: Stored; readonly atMs: number }>();
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #lastSequence = 0;
  #closed = false;

  /**
   * `root`: the log takes the subjects below this one. `journal`: its copy on disk, with which it goes on where it ended;
   * it is closed with the log.
   */
  constructor(createdAt: Date = new Date(), root: string = subjectRoot, journal?: Journal) {
    this.#root = root;
    this.#journal = journal;
    this.#streamId = streamIdOf(journal?.content.createdAt ?? createdAt);
    if (journal !== undefined) this.#restore(journal.content);
  }

  #restore({ messages, lastSequence }: JournalContent): void {
    const [now, wallMs] = [performance.now(), Date.now()];
    for (const { expiresAtMs, ...message } of messages) {
      this.#entries.set(message.subject, message);
      if (expiresAtMs === undefined) continue;
      const atMs = now + Math.max(expiresAtMs - wallMs, 0);
      this.#expiring.set(message.subject, { message, atMs });
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, atMs);
    }
    this.#lastSequence = lastSequence;
  }

  publish(records: readonly LogRecord[], signal?: AbortSignal): Promise<PublishResult[]> {
    if (this.#closed) return Promise.reject(new MeshError("entry-log-unavailable", "Entry log is closed"));
    if (signal?.aborted === true) return Promise.reject(abortedError("entry-log-unavailable", "Publishing"));
    const results = records.map((record) => this.#store(record));
    this.#journal?.write(this.#lastSequence, performance.now());
    for (const reader of this.#readers) reader.wake();
    return Promise.resolve(results);
  }

  #store(record: LogRecord): PublishResult {
    const unfit = unfitRecord(record, this.#root);
    if (unfit !== undefined) return { status: "rejected", reason: unfit };
    const last = this.#entries.get(record.subject);
    const { expectedSequence, fence, ttlMs } = record;
    if (fence !== undefined && (this.#entries.get(fence.subject)?.sequence ?? 0) !== fence.sequence) {
      return { status: "fenced" };
    }
    const isAbsent = last === undefined || last.data === null;
    if (
      expectedSequence !== undefined && expectedSequence !== last?.sequence &&
      !(isAbsent && expectedSequence === 0)
    ) return { status: "conflict" };
    this.#lastSequence++;
    const stored: Stored = {
      subject: record.subject,
      sequence: this.#lastSequence,
      data: record.data,
      provenance: record.provenance,
    };
    this.#entries.delete(record.subject);
    this.#entries.set(record.subject, stored);
    for (const reader of this.#readers) reader.add(stored);
    const livesMs = record.data === null ? tombstoneTtlMs : ttlMs;
    this.#journal?.put({ ...stored, expiresAtMs: livesMs === undefined ? undefined : Date.now() + livesMs });
    this.#expire(stored, livesMs);
    return { status: "stored", sequence: stored.sequence };
  }

  /** Forgets what has outlived its time; the newly stored message gets its own. */
  #expire(stored: Stored, ttlMs: number | undefined): void {
    const now = performance.now();
    if (ttlMs === undefined) this.#expiring.delete(stored.subject);
    else {
      this.#expiring.set(stored.subject, { message: stored, atMs: now + ttlMs });
      this.#nextExpiryMs = Math.min(this.#nextExpiryMs, now + ttlMs);
    }
    if (now < this.#nextExpiryMs) return;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [subject, { message, atMs }] of this.#expiring) {
      if (now < atMs) {
        nextMs = Math.min(nextMs, atMs);
        continue;
      }
      this.#expiring.delete(subject);
      if (this.#entries.get(subject) !== message) continue;
      this.#entries.delete(subject);
      this.#journal?.forget(subject);
    }
    // Not sooner than in a second, so that a log of many deletions doesn't go through all of them for each.
    this.#nextExpiryMs = Math.max(nextMs, now + 1000);
  }

  async *readBack(filter: string): AsyncIterable<LogEntry> {
    const matches = subjectMatcher(filter);
    // A copy: an entry that changes moves to the end of the map, where a slow reader would meet it again and again.
    const snapshot = [...this.#entries.values()];
    for (const { subject, sequence, data, provenance } of snapshot) {
      if (data !== null && matches(subject)) yield { subject, sequence, data, provenance };
    }
  }

  async *follow(filter: string, signal: AbortSignal): AsyncIterable<LogEvent> {
    if (signal.aborted) return;
    const matches = subjectMatcher(filter);
    const reader = new Reader(matches);
    const snapshot = [...this.#entries.values()].filter((stored) => matches(stored.subject));
    const caughtUpAt = this.#lastSequence;
    this.#readers.add(reader);
    let turns = new Turns();
    const stop = () => reader.wake();
    signal.addEventListener("abort", stop);
    try {
      yield { type: "reset", reason: "first read", streamId: this.#streamId };
      for (const stored of snapshot) {
        if (turns.isOver) await turns.next();
        if (signal.aborted) return;
        yield asEvent(stored);
      }
      yield { type: "caught-up", sequence: caughtUpAt };
      while (!signal.aborted && !this.#closed) {
        for (const stored of reader.take()) {
          if (turns.isOver) await turns.next();
          if (signal.aborted) return;
          yield asEvent(stored);
        }
        // Whoever stopped while the last event was being looked at found nobody to wake.
        if (!signal.aborted && !this.#closed) await reader.more();
        turns = new Turns();
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
    const full = this.#journal?.problem;
    const detail = `embedded, ${this.#entries.size} subjects`;
    return full === undefined
      ? { connected: !this.#closed, detail }
      : { connected: !this.#closed, detail, full };
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed && this.#journal !== undefined) {
      this.#journal.write(this.#lastSequence, Number.POSITIVE_INFINITY);
      this.#journal[Symbol.dispose]();
    }
    this.#closed = true;
    for (const reader of this.#readers) reader.wake();
    return Promise.resolve();
  }
}

function asEvent({ subject, sequence, data, provenance }: Stored): LogEvent {
  return data === null
    ? { type: "delete", subject, sequence, provenance }
    : { type: "put", subject, sequence, data, provenance };
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
