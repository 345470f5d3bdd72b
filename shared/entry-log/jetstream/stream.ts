import { JetStreamApiError, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import { factsOf } from "./config.ts";
import type { StreamFacts, StreamOptions } from "./config.ts";
import type { NatsLink } from "./connection.ts";
import { LossPause } from "./loss-check.ts";
import type { SubjectCount } from "./loss-check.ts";
import { reviewSettings } from "./settings.ts";
import { StreamFinder } from "./stream-finder.ts";
import { UsabilityNotice } from "./usability-notice.ts";
import { Backoff, pause, unlessAborted } from "../../runtime/waiting.ts";

/** How often the stream is looked at while nothing else happens, in milliseconds. */
const lookEveryMs = 2000;

/** The server's own words ("no responders") name neither the cause nor the remedy. */
const withoutJetStream =
  "this server offers no JetStream, at least not to our account; add a jetstream block to its configuration, or to the account";

/** The package doesn't export the error's class. 10039: JetStream is off for the account. */
function isWithoutJetStream(error: unknown): boolean {
  return (error instanceof Error && error.name === "JetStreamNotEnabled") ||
    (error instanceof JetStreamApiError && error.code === 10039);
}

/** How long one request to the JetStream API may take before it is repeated, in milliseconds. */
const requestTimeoutMs = 2000;

/** Is called with what this process stored. */
type StoredListener = (subject: string, sequence: number, hasProvenance: boolean) => void;

/**
 * Watches which stream this is, for readers and publishers alike: looks every 2 s, after each reconnect and when asked
 * to. Creates the stream when it is missing, if permissions allow; else waits until somebody does.
 *
 * The NATS client itself goes on in a recreated or rolled-back stream without a word (ARCHITECTURE.md, the stream's
 * identity), so everything that depends on what was read or published before compares {@link generation}.
 */
export class StreamWatch {
  readonly #link: NatsLink;
  readonly #options: StreamOptions;
  readonly #log: Logger;
  readonly #callbacks = new Set<(reason: string) => void>();
  readonly #storedListeners = new Set<StoredListener>();
  readonly #running: Promise<void>;
  #manager: { readonly connection: NatsConnection; readonly api: JetStreamManager } | undefined;
  #facts: StreamFacts | undefined;
  #lastSequence = 0;
  #serverId: string | undefined;
  #generation = 0;
  #reason = "";
  #problem = "not looked at yet";
  #warnings: readonly string[] = [];
  readonly #lossPause = new LossPause();
  readonly #finder: StreamFinder;
  readonly #usability: UsabilityNotice;

  constructor(link: NatsLink, options: StreamOptions, log: Logger) {
    this.#link = link;
    this.#options = options;
    this.#log = log;
    this.#finder = new StreamFinder(options, log);
    this.#usability = new UsabilityNotice(options.stream, log);
    this.#running = this.#run();
  }

  /** Rises whenever the stream is not the one (or lost some of what) it was. */
  get generation(): number {
    return this.#generation;
  }

  /** Why the generation rose last. */
  get reason(): string {
    return this.#reason;
  }

  /** What the last look showed; undefined as long as there was none. */
  get facts(): StreamFacts | undefined {
    return this.#facts;
  }

  /** Why the stream can't be used at the moment; empty if it can. */
  get problem(): string {
    return this.#problem;
  }

  /** What is wrong with the stream's configuration, as sentences without a subject. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** See `EntryLog.onReset`. */
  onReset(callback: (reason: string) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  /** Says that a message was stored that stays until another of its subject replaces it. */
  noteStored(subject: string, sequence: number, hasProvenance: boolean): void {
    for (const listener of this.#storedListeners) listener(subject, sequence, hasProvenance);
  }

  /** Calls back with what {@link noteStored} says. Returns the function that ends it. */
  onStored(listener: StoredListener): () => void {
    this.#storedListeners.add(listener);
    return () => this.#storedListeners.delete(listener);
  }

  /** Says that the stream holds, or held, this sequence: a stream that ends before it was rolled back. */
  noteSequence(sequence: number): void {
    if (sequence > this.#lastSequence) this.#lastSequence = sequence;
  }

  /** Starts a new generation, because somebody found out that the stream lost something. */
  reset(reason: string): void {
    this.#generation++;
    this.#reason = reason;
    this.#lastSequence = this.#facts?.lastSequence ?? 0;
    this.#tell(reason);
  }

  /**
   * Starts a new generation because messages are missing that nobody deleted, unless it did so a short while ago: true
   * if it does.
   */
  reportLoss(missing: number, filter: string): boolean {
    if (!this.#lossPause.ends(performance.now())) return false;
    const { stream } = this.#options;
    const reason = `the stream lost at least ${missing} messages that nobody deleted`;
    this.#log.error(
      { stream, missing, filter, warnings: this.#warnings },
      `${reason}: it was purged in part, or its limits dropped them; it is read anew, collectors publish what is missing`,
    );
    this.reset(reason);
    return true;
  }

  /** The JetStream API on a connection. */
  async manager(connection: NatsConnection): Promise<JetStreamManager> {
    if (this.#manager?.connection !== connection) {
      const { apiPrefix = "$JS.API" } = this.#options;
      // Without checkAPI: false every service would need one more permission.
      const api = await jetstreamManager(connection, {
        checkAPI: false,
        timeout: requestTimeoutMs,
        apiPrefix,
      });
      this.#manager = { connection, api };
    }
    return this.#manager.api;
  }

  /**
   * Looks at the stream, creates it if it is missing, and starts a new generation if it isn't what it was.
   * @throws Error if the stream can't be reached, or is missing and can't be created; MeshError on abort.
   */
  async check(signal: AbortSignal): Promise<StreamFacts> {
    const connection = await this.#link.ready(signal);
    try {
      const api = await this.manager(connection);
      // A message acknowledged after the request was sent may be missing in the answer, one before may not.
      const expected = {
        generation: this.#generation,
        lastSequence: this.#lastSequence,
        facts: this.#facts,
      };
      const info = await unlessAborted(
        this.#finder.find(api),
        signal,
        "entry-log-unavailable",
        "Looking at the stream",
      );
      this.#review(info);
      const facts = factsOf(info);
      this.#compare(expected, facts);
      this.#compareServer(connection);
      this.#facts = facts;
      this.noteSequence(facts.lastSequence);
      this.#problem = "";
      return facts;
    } catch (error) {
      this.#problem = isWithoutJetStream(error) ? withoutJetStream : errorText(error);
      throw error;
    }
  }

  /**
   * How many subjects match the filter. The answer lists them, so this costs about 100 bytes for each.
   * @throws Error if the stream can't be reached.
   */
  async countSubjects(filter: string): Promise<SubjectCount> {
    const connection = await this.#link.ready(this.#link.signal);
    const api = await this.manager(connection);
    const { state, ts } = await api.streams.info(this.#options.stream, { subjects_filter: filter });
    return {
      lastSequence: state.last_seq,
      subjects: Object.keys(state.subjects ?? {}).length,
      serverTimeMs: ts === undefined ? Date.now() : Date.parse(ts),
      atMs: performance.now(),
    };
  }

  async close(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#link;
    const backoff = new Backoff();
    let wake = new AbortController();
    const unsubscribe = this.#link.onChange((connected) => {
      if (connected) wake.abort();
    });
    const stop = () => wake.abort();
    signal.addEventListener("abort", stop);
    while (!signal.aborted) {
      wake = new AbortController();
      await this.check(signal).catch(() => {});
      if (!signal.aborted) this.#usability.see(this.#problem);
      if (this.#problem === "") {
        backoff.reset();
        await pause(lookEveryMs, wake.signal);
      } else await backoff.wait(wake.signal);
    }
    signal.removeEventListener("abort", stop);
    unsubscribe();
  }

  #compare(expected: Expected, now: StreamFacts): void {
    const { generation, facts: before, lastSequence } = expected;
    // Two looks at the same time find the same thing: the first to come back has said so.
    if (before === undefined || generation !== this.#generation) return;
    if (now.created !== before.created) {
      this.#start(`stream was recreated (${now.created}, before: ${before.created})`, now);
    } else if (now.lastSequence < lastSequence) {
      this.#start(`stream was rolled back from sequence ${lastSequence} to ${now.lastSequence}`, now);
    } else if (
      this.#options.messagesExpire !== true && now.firstSequence > before.lastSequence &&
      now.subjects < before.subjects
    ) {
      this.#start("stream was purged", now);
    }
  }

  #start(reason: string, now: StreamFacts): void {
    this.#facts = now;
    this.#log.warn({ stream: this.#options.stream, ...now }, reason);
    this.reset(reason);
  }

  /**
   * A restarted server may have lost the end of the stream and have grown past it before anybody looked (a server
   * flushes to disk every two minutes). So publishers compare after each restart; it costs them one read-back.
   */
  #compareServer(connection: NatsConnection): void {
    const serverId = connection.info?.server_id;
    const changed = this.#serverId !== undefined && serverId !== this.#serverId;
    this.#serverId = serverId;
    if (changed) this.#tell("connected to another server, or to the same one restarted");
  }

  #tell(reason: string): void {
    for (const callback of this.#callbacks) callback(reason);
  }

  /** @throws Error if the stream can't be an entry log. */
  #review({ config, state }: StreamInfo): void {
    const { stream } = this.#options;
    const { refusals, warnings } = reviewSettings(config, state);
    if (warnings.join() !== this.#warnings.join()) {
      this.#warnings = warnings;
      for (const warning of warnings) this.#log.warn({ stream }, `stream ${stream}: its ${warning}`);
      if (warnings.length === 0) this.#log.info({ stream }, "the stream's configuration is as it should be");
    }
    if (refusals.length > 0) {
      throw new Error(`its configuration isn't fit for an entry log: ${refusals.join("; ")}`);
    }
  }
}

/** What was known when a look at the stream began. */
interface Expected {
  readonly generation: number;
  readonly lastSequence: number;
  readonly facts: StreamFacts | undefined;
}
