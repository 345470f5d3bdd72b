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
   * Stores one message per record, in order, and returns one result per record: a record that can't be stored
   * doesn't keep its neighbours from being stored. Waits while the server can't be reached.
   * @throws MeshError `entry-log-unavailable` when the signal aborts or the log is closed.
   */
  publish(records: readonly LogRecord[], signal: AbortSignal): Promise<PublishResult[]>;

  /**
   * All entries that match a subject filter now, tombstones left out, in sequence order.
   * This is how a collector finds what it, or its predecessor, last published.
   */
  readBack(filter: string, signal: AbortSignal): AsyncIterable<LogEntry>;

  /** The content that matches the filter, then every change, until the signal aborts (the iteration then ends). */
  follow(filter: string, signal: AbortSignal, options?: FollowOptions): AsyncIterable<LogEvent>;

  /**
   * Calls back whenever the log may have lost what was published: recreated, rolled back, wiped. Publishers then read
   * back, compare and publish what is missing. Returns the function that ends the watching.
   */
  onReset(callback: (reason: string) => void): () => void;

  /** True if readers in this process get the very bytes that were published. Absent: they get others. */
  readonly handsOnBytes?: boolean;

  /** Whether the log can be reached at this moment, with a sentence about why not. For readiness and the debug API. */
  status(): LogStatus;
}

/** How a reader follows the log. */
export interface FollowOptions {
  /**
   * True for a reader that learns of this log's own entries from the results of {@link EntryLog.publish}: after
   * `caught-up`, those that were reported as stored may be left out, if they have a {@link Provenance}; a term or a
   * marker is never left out. After a reset all of them are there. Default false.
   */
  readonly leavesOutOwn?: boolean;
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
  /**
   * A fencing token: the record is stored only while that message is the last one of its subject. Who is no longer
   * allowed to write is stopped by writing the fence's subject anew, also for what is on its way already. Not together
   * with `expectedSequence`.
   */
  readonly fence?: Fence;
  /** What the record was made from, see {@link Provenance}. */
  readonly provenance?: Provenance;
  /** The message vanishes after this time (milliseconds, at least 1,000; readers aren't told). Default: never. */
  readonly ttlMs?: number;
}

/** A subject, and the sequence of its last message as the publisher knows it. */
export interface Fence {
  readonly subject: string;
  readonly sequence: number;
}

/** Where a message comes from; travels in headers, beside the manifest. */
export interface Provenance {
  /** The unit of the registry (an interface, an application) that the resource was converted from. */
  readonly unit: string;
  /** The replica of the collector that published it. */
  readonly member: string;
  /** On a tombstone: the time of creation (RFC 3339) of what was deleted, which it gets again if it comes back. */
  readonly created?: string | undefined;
  /** The context of the trace that the message belongs to (W3C Trace Context), where changes are traced. */
  readonly traceparent?: string | undefined;
}

export type PublishResult =
  | { readonly status: "stored"; readonly sequence: number }
  /** Another publisher wrote the subject since; read it back before publishing again. */
  | { readonly status: "conflict" }
  /** The record's fence is outdated: the publisher may not write any more. */
  | { readonly status: "fenced" }
  /** This record can never be stored (for example, a subject longer than the server takes). */
  | { readonly status: "rejected"; readonly reason: string }
  /** The server refuses this record for now (permissions, a full stream): worth another attempt later. */
  | { readonly status: "refused"; readonly reason: string };

/** A stored message with its place in the log. */
export interface LogEntry {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  /** Undefined for messages of publishers that don't tell. */
  readonly provenance?: Provenance | undefined;
}

/** Which stream this is: a recreated stream has another `streamId`. It sorts as text by time of creation. */
export interface LogIdentity {
  readonly streamId: string;
}

export type LogEvent =
  | ({ readonly type: "put" } & LogEntry)
  | {
    readonly type: "delete";
    readonly subject: string;
    readonly sequence: number;
    /** Undefined where nobody tells, and for what is gone without a tombstone. */
    readonly provenance?: Provenance | undefined;
  }
  /** A message that can't be unpacked (lost parts, damaged compression). The subject has no usable content now. */
  | {
    readonly type: "unusable";
    readonly subject: string;
    readonly sequence: number;
    readonly reason: string;
  }
  /** Everything stored at `sequence` or before has been delivered. Comes once after the start and after each reset. */
  | { readonly type: "caught-up"; readonly sequence: number }
  /** The first event of each iteration, and again when the log is not the one that was read so far. */
  | ({ readonly type: "reset"; readonly reason: string } & LogIdentity);

export interface LogStatus {
  readonly connected: boolean;
  readonly detail: string;
  /** Why nothing more is stored, although the log can be reached: it is full. Undefined as far as is known. */
  readonly full?: string | undefined;
  /** That the server acknowledges nothing, although it can be reached; undefined as far as is known. */
  readonly stalled?: string | undefined;
  /** What is odd about its settings, and what that costs, each after the log's name: `its max_age is …`; absent: nothing. */
  readonly warnings?: readonly string[];
}

/** Why nothing more is stored, although the log can be reached; undefined as far as is known. */
export function whyNothingIsStored({ full, stalled }: LogStatus): string | undefined {
  return full === undefined ? stalled : `no room for new messages: ${full}`;
}
