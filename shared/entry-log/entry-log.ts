/**
 * The entry log: an ordered stream that keeps the last message of every subject. It is at once the snapshot of all
 * registries and the log of their changes. Two implementations, JetStream and embedded, pass one test suite.
 *
 * Promises to every reader of {@link EntryLog.follow}:
 * - **Complete**: the first `caught-up` comes after every entry that was stored when the reader began.
 * - **Ordered, no gap, no duplicate**: sequences rise; of several changes of one subject the reader may miss all but
 *   the last (they were replaced before they could be read), never the last.
 * - **Honest about resets**: if the stream was deleted, recreated or rolled back, the reader gets `reset`, then the
 *   whole new content from its beginning, then `caught-up` again. Nothing that it knew before is gone by that alone.
 * - **Patient**: an unreachable server never ends the iteration; it goes on when the server is back.
 */
export interface EntryLog extends AsyncDisposable {
  /**
   * Stores one message per record, in order. A record whose `expectedSequence` no longer holds is answered with
   * `conflict` and the others are stored all the same. Waits while the server can't be reached.
   * @throws MeshError `entry-log-unavailable` if the server refuses (permissions, limits), or when the signal aborts.
   */
  publish(records: readonly LogRecord[], signal: AbortSignal): Promise<PublishResult[]>;

  /**
   * All entries that match a subject filter now, tombstones left out, in sequence order.
   * This is how a collector finds what it, or its predecessor, last published.
   */
  readBack(filter: string, signal: AbortSignal): AsyncIterable<LogEntry>;

  /** The content that matches the filter, then every change, until the signal aborts (the iteration then ends). */
  follow(filter: string, signal: AbortSignal): AsyncIterable<LogEvent>;

  /**
   * Calls back whenever the log may have lost what was published: recreated, rolled back, wiped. Publishers then read
   * back, compare and publish what is missing. Returns the function that ends the watching.
   */
  onReset(callback: (reason: string) => void): () => void;

  /** Whether the log can be reached at this moment, with a sentence about why not. For readiness and the debug API. */
  status(): LogStatus;
}

/** One message to store. `data` null is a tombstone: the subject is deleted, and readers are told. */
export interface LogRecord {
  readonly subject: string;
  readonly data: Uint8Array | null;
  /**
   * The sequence of the subject's last message as the publisher knows it (0: the subject has none, or was deleted:
   * who reads back can't tell). Without it the record is stored unconditionally.
   */
  readonly expectedSequence?: number;
}

export type PublishResult =
  | { readonly status: "stored"; readonly sequence: number }
  /** Somebody else wrote the subject since; read it back before publishing again. */
  | { readonly status: "conflict" }
  /** This record can't be stored ever (for example, a subject longer than the server takes). */
  | { readonly status: "rejected"; readonly reason: string };

/** A stored message with its place in the log. */
export interface LogEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Which stream this is: a recreated stream has another `streamId`. It sorts as text by time of creation. */
export interface LogIdentity {
  readonly streamId: string;
}

export type LogEvent =
  | ({ readonly type: "put" } & LogEntry)
  | { readonly type: "delete"; readonly subject: string; readonly sequence: number }
  /** Everything stored at `sequence` or before has been delivered. Comes once after the start and after each reset. */
  | { readonly type: "caught-up"; readonly sequence: number }
  /** The first event of each iteration, and again when the log is not the one that was read so far. */
  | ({ readonly type: "reset"; readonly reason: string } & LogIdentity);

export interface LogStatus {
  readonly connected: boolean;
  readonly detail: string;
}
