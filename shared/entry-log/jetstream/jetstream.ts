import type { Logger } from "../../runtime/log.ts";
import { subjectRoot } from "../../model/subject.ts";
import { errorText, MeshError } from "../../runtime/errors.ts";
import { whyNothingIsStored } from "../entry-log.ts";
import type {
  EntryLog,
  FollowOptions,
  LogEntry,
  LogEvent,
  LogRecord,
  LogStatus,
  PublishResult,
} from "../entry-log.ts";
import { NatsLink } from "./connection.ts";
import type { NatsOptions } from "./connection.ts";
import { awaitReplicas, readDirect } from "./direct.ts";
import { EntryDecoder } from "./entry.ts";
import { Pipeline } from "./pipeline.ts";
import { Publisher } from "./publisher.ts";
import { followStream } from "./reader.ts";
import type { ReaderContext } from "./reader.ts";
import { StreamWatch } from "./stream.ts";
import { fencePolicyOf } from "./unit.ts";
import { provenanceIn } from "./wire.ts";
import { Backoff } from "../../runtime/waiting.ts";

/** How to reach NATS, and which stream to use there. */
export interface JetStreamOptions extends NatsOptions {
  /** Default `MESH_ENTRIES`. */
  readonly stream?: string | undefined;
  /** Its subjects are those below this one; default `mesh.entries`. */
  readonly root?: string | undefined;
  /** What is in it, for people who look at it in NATS. */
  readonly description?: string | undefined;
  /** True if all of its messages go by themselves. Default false. */
  readonly messagesExpire?: boolean | undefined;
  /** How many servers of the cluster keep a copy, when we create the stream: 1 to 5, default 1. */
  readonly replicas?: number | undefined;
  /** Default `$JS.API`; another where JetStream is imported from a different account. */
  readonly apiPrefix?: string | undefined;
  /** Whether a missing stream is created; false for those who only look. Default true. */
  readonly create?: boolean | undefined;
  /** How long deletions are kept for readers that are away, in milliseconds. Default 24 h, at least 1 s. */
  readonly tombstoneTtlMs?: number | undefined;
  readonly log: Logger;
}

const defaultStream = "MESH_ENTRIES";
const defaultTombstoneTtlMs = 24 * 3_600_000;

/**
 * The entry log in NATS JetStream. What is on the wire, for people who tap it with `nats sub 'mesh.entries.>'`:
 *
 * - **Entry**: the subject is `mesh.entries.<Kind>.<registry>.<source>.<namespace>.<name…>`, the body the manifest in
 *   JSON. The stream keeps the last message of each subject, so it is the snapshot and the change log at once.
 * - `Nats-Msg-Id` on every message: one id per publish, the same in every retry, so that a retry has no second effect.
 *   `Nats-Expected-Last-Subject-Sequence`: the publisher's knowledge; the server refuses the message if it is outdated.
 *   With `Nats-Expected-Last-Subject-Sequence-Subject` that knowledge is about another subject, the fence.
 * - `Mesh-Unit`, `Mesh-Member`: where the entry comes from, see `Provenance`, written like a name in a subject.
 * - `Nats-Batch-Id`, `-Sequence`, `-Commit`: the entry was stored in one step with others that have the same fence.
 * - `traceparent`: the context of a trace (W3C Trace Context), where changes are traced.
 * - **Tombstone**: `Mesh-Operation: delete` and an empty body: the resource is gone. `Mesh-Created` (milliseconds since
 *   1970) is its time of creation, which it gets again if it comes back. `Nats-TTL` (24 h) removes the tombstone itself; a reader that was away for longer starts over.
 * - **Large entry** (from 128 KiB on): `Mesh-Encoding: gzip`, the body is the compressed manifest.
 * - **Larger than the server's `max_payload` even so**: the entry's message is empty and has
 *   `Mesh-Parts: <id> <count> <bytes>`; the (compressed) body is cut into messages on
 *   `mesh.entries.Part.<registry>.<source>.<hash of the entry's subject>.<id>.<index>`, each with
 *   `Mesh-Part-Of: <the entry's subject>`. All parts are stored before the message that refers to them; the id is
 *   new with each publish. When the entry is replaced, its old parts become tombstones for a minute. A reader that
 *   finds parts missing looks whether the entry was replaced meanwhile, and skips it then: the newer one follows.
 *   What a crash leaves between parts and entry is invisible, and swept after ten minutes.
 *
 * Several records of one `publish` are under way at once. If some of them must be retried, others may be stored
 * before them; sync markers and entries in parts wait for everything that was published before.
 */
export class JetStreamEntryLog implements EntryLog {
  readonly #link: NatsLink;
  readonly #watch: StreamWatch;
  readonly #pipeline: Pipeline;
  readonly #publisher: Publisher;
  readonly #context: ReaderContext;

  private constructor(options: JetStreamOptions) {
    const { stream = defaultStream, replicas = 1, apiPrefix = "$JS.API", create = true, log } = options;
    const { root = subjectRoot, tombstoneTtlMs = defaultTombstoneTtlMs, description, messagesExpire } =
      options;
    this.#link = new NatsLink(options, log);
    this.#watch = new StreamWatch(
      this.#link,
      { stream, root, description, messagesExpire, replicas, apiPrefix, create },
      log,
    );
    this.#pipeline = new Pipeline({
      link: this.#link,
      log,
      fencePolicy: () => fencePolicyOf(this.#watch.facts),
      usableAtMs: () => (this.#watch.problem === "" ? this.#watch.facts?.atMs : undefined),
      onMissing: () => {
        this.#watch.check(this.#link.signal).catch(() => {});
      },
    });
    const direct = { link: this.#link, stream, apiPrefix };
    const decoder = new EntryDecoder(direct, log);
    this.#context = { ...direct, root, watch: this.#watch, decoder, log, tombstoneTtlMs };
    this.#publisher = new Publisher({ ...this.#context, pipeline: this.#pipeline });
  }

  /** Starts connecting and answers at once; everything waits until NATS is there, {@link status} says whether it is. */
  static open(options: JetStreamOptions): JetStreamEntryLog {
    return new JetStreamEntryLog(options);
  }

  /**
   * {@link open}, and waits until the stream can be used, however long that takes.
   * @throws MeshError `entry-log-unavailable` when the signal aborts before.
   */
  static async connect(
    options: JetStreamOptions & { readonly signal: AbortSignal },
  ): Promise<JetStreamEntryLog> {
    const log = new JetStreamEntryLog(options);
    const backoff = new Backoff();
    while (log.#watch.facts === undefined) {
      try {
        await log.#watch.check(options.signal);
      } catch (error) {
        if (options.signal.aborted) {
          await log[Symbol.asyncDispose]();
          throw error;
        }
        await backoff.wait(options.signal);
      }
    }
    return log;
  }

  async publish(records: readonly LogRecord[], signal: AbortSignal): Promise<PublishResult[]> {
    return await this.#publisher.publish(records, signal);
  }

  /**
   * See {@link EntryLog.readBack}. An entry that changes meanwhile may come twice, the newer one later. With several
   * replicas, whichever answers is made to have what the leader has: that costs a list of the subjects.
   * @throws MeshError `entry-log-unavailable` if the stream was reset meanwhile: what was read so far means nothing.
   */
  async *readBack(filter: string, signal: AbortSignal): AsyncIterable<LogEntry> {
    const { decoder } = this.#context;
    const backoff = new Backoff();
    let generation: number | undefined;
    let next = 1;
    let isConfirmed = false;
    const seen = new Set<string>();
    while (!signal.aborted) {
      const connection = await this.#link.ready(signal);
      try {
        const facts = await this.#watch.check(signal);
        generation ??= this.#watch.generation;
        if (generation !== this.#watch.generation) break;
        await awaitReplicas(this.#context, connection, facts, signal);
        for await (const message of readDirect(this.#context, connection, filter, next, signal)) {
          seen.add(message.subject);
          const decoded = decoder.decode(message, signal);
          const meaning = decoded instanceof Promise ? await decoded : decoded;
          if (signal.aborted) break;
          next = message.sequence + 1;
          if (meaning.type !== "put") continue;
          const { subject, sequence, headers } = message;
          yield { subject, sequence, data: meaning.data, provenance: provenanceIn(headers) };
        }
        if (signal.aborted) break;
        if (facts.replicas === 1) return;
        const isWhole = seen.size >= (await this.#watch.countSubjects(filter)).subjects;
        if (isWhole && isConfirmed) return;
        // A replica that none of the questions reached may have answered: what it lacked comes in a second look.
        isConfirmed = isWhole;
        if (!isWhole) await backoff.wait(signal);
      } catch (error) {
        if (!signal.aborted) this.#context.log.debug({ err: error }, `reading back: ${errorText(error)}`);
        await backoff.wait(signal);
      }
    }
    const why = signal.aborted ? "stopped before it was done" : this.#watch.reason;
    throw new MeshError("entry-log-unavailable", `Reading back ${filter}: ${why}`);
  }

  follow(filter: string, signal: AbortSignal, options?: FollowOptions): AsyncIterable<LogEvent> {
    return followStream(this.#context, filter, AbortSignal.any([signal, this.#link.signal]), options);
  }

  /**
   * See {@link EntryLog.onReset}. Calls back after a restart of the server, too, because it may have lost the end of
   * the stream unnoticed: comparing is cheap, and there will be nothing to publish.
   */
  onReset(callback: (reason: string) => void): () => void {
    return this.#watch.onReset(callback);
  }

  status(): LogStatus {
    const { facts, problem, warnings } = this.#watch;
    const { stream } = this.#context;
    if (this.#link.current === undefined) return { connected: false, detail: `NATS: ${this.#link.detail}` };
    if (problem !== "" || facts === undefined) {
      return { connected: false, detail: `NATS: ${this.#link.detail}, stream ${stream}: ${problem}` };
    }
    const { created, lastSequence, messages } = facts;
    const what = `stream ${stream} of ${created}, ${messages} messages, last sequence ${lastSequence}`;
    const { full, stalled } = this.#pipeline;
    const why = whyNothingIsStored({ connected: true, detail: "", full, stalled });
    const room = why === undefined ? "" : `, ${why}`;
    const doubts = warnings.map((warning) => `. Its ${warning}`).join("");
    return {
      connected: true,
      detail: `NATS: ${this.#link.detail}, ${what}${room}${doubts}`,
      full,
      stalled,
      ...(warnings.length > 0 && { warnings: warnings.map((warning) => `its ${warning}`) }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pipeline[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
    await this.#watch.close();
  }
}
