import { connect } from "@nats-io/transport-node";
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import type { Logger } from "../../runtime/log.ts";
import { maskAddress } from "../../runtime/mask.ts";
import { Reachability } from "../../runtime/reachability.ts";
import { abortedError, Backoff, unlessAborted } from "../../runtime/waiting.ts";
import { Complaints } from "./complaints.ts";
import { explainFailure, loginOptions } from "./credentials.ts";
import type { NatsCredentials } from "./credentials.ts";

/** Where NATS is and who we are there. */
export interface NatsOptions extends NatsCredentials {
  /** `host:port` or `nats://…`, `tls://…` URLs of the cluster's servers; one is enough. */
  readonly servers: readonly string[];
  /** The connection's name in the server's monitoring, for people. */
  readonly name: string;
  /** TLS with these files (PEM paths), read anew for each connection; an empty object is TLS with the system's authorities. */
  readonly tls?:
    | { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string }
    | undefined;
  /** The prefix of reply subjects, where permissions give each user its own. Default `_INBOX`. */
  readonly inboxPrefix?: string | undefined;
}

/** A connection that lived for so long (milliseconds) was a good one: the next attempt after it needn't wait. */
const steadyMs = 5000;

/** How often it is looked whether an outage is worth another line in the log, in milliseconds. */
const reportEveryMs = 500;

/**
 * One connection to NATS at a time, without end: it waits for the first server, and makes a new connection when one is
 * lost. Each attempt reads the credentials anew, and its failure is known: the client library's own reconnecting keeps
 * what it was given, and its errors to itself. Black holes are noticed within 15 s.
 */
export class NatsLink implements AsyncDisposable {
  readonly #options: NatsOptions;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #errorListeners = new Set<(error: Error) => void>();
  readonly #reachability = new Reachability();
  readonly #complaints = new Complaints();
  readonly #running: Promise<void>;
  /** Servers of the cluster that the configuration doesn't name, as the last connection was told. */
  #discovered: readonly string[] = [];
  #connection: NatsConnection | undefined;
  #detail = "not connected yet";
  #reporting: ReturnType<typeof setInterval> | undefined;

  constructor(options: NatsOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#report();
    this.#reporting = setInterval(() => this.#report(), reportEveryMs);
    this.#running = this.#run();
  }

  /** Aborts when the link is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The connection, as long as it is up. */
  get current(): NatsConnection | undefined {
    return this.#connection;
  }

  /** One sentence for people: to which server, or why not and for how long. Without secrets. */
  get detail(): string {
    const { failingSinceMs } = this.#reachability;
    if (failingSinceMs === undefined) return this.#detail;
    return `${this.#detail} (for ${Math.round((performance.now() - failingSinceMs) / 1000)} s)`;
  }

  get inboxPrefix(): string {
    return this.#options.inboxPrefix ?? "_INBOX";
  }

  /** Calls back with true when a connection is up (again), with false when it is lost. Returns the way to stop. */
  onChange(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls back with what the server complains about, permissions for the most part. Returns the way to stop. */
  onServerError(listener: (error: Error) => void): () => void {
    this.#errorListeners.add(listener);
    return () => this.#errorListeners.delete(listener);
  }

  /** The connection, when it is up. @throws MeshError `entry-log-unavailable` when the signal aborts before. */
  async ready(signal: AbortSignal): Promise<NatsConnection> {
    for (;;) {
      if (signal.aborted || this.#stop.signal.aborted) {
        throw abortedError("entry-log-unavailable", "Waiting for NATS");
      }
      const connection = this.current;
      if (connection !== undefined) return connection;
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = () => resolve();
      this.#listeners.add(done);
      signal.addEventListener("abort", done, { once: true });
      try {
        await promise;
      } finally {
        this.#listeners.delete(done);
        signal.removeEventListener("abort", done);
      }
    }
  }

  /** Gives up the present connection for a new one. */
  renew(): void {
    this.#connection?.close().catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const connection = await this.#connect();
        const startedMs = performance.now();
        await this.#use(connection);
        if (performance.now() - startedMs > steadyMs) backoff.reset();
      } catch (error) {
        this.#down(`can't connect to ${this.#servers()}: ${explainFailure(error, this.#options)}`);
      }
      await backoff.wait(signal);
    }
  }

  async #connect(): Promise<NatsConnection> {
    const connecting = connect({ ...this.#fixedOptions(), ...await loginOptions(this.#options) });
    try {
      return await unlessAborted(
        connecting,
        this.#stop.signal,
        "entry-log-unavailable",
        "Connecting to NATS",
      );
    } catch (error) {
      // Nobody waits for it any more, if it comes after all.
      connecting.then((connection) => connection.close(), () => {});
      throw error;
    }
  }

  /** Resolves when the connection is lost. */
  async #use(connection: NatsConnection): Promise<void> {
    const statuses = connection.status();
    const server = maskAddress(connection.getServer());
    this.#up(connection, `connected to ${server}`);
    let cause: Error | undefined;
    for await (const status of statuses) {
      if (status.type === "disconnect") this.#down(`lost the connection to ${server}`);
      if (status.type === "staleConnection") cause ??= new Error("it doesn't answer");
      if (status.type === "error") {
        cause = status.error;
        const complaint = this.#complaints.see(status.error, performance.now());
        if (complaint !== undefined) {
          this.#log.warn({ reason: complaint.reason }, `${this.#title}: ${complaint.text}`);
        }
        for (const listener of this.#errorListeners) listener(status.error);
      }
    }
    const reason = (await connection.closed()) ?? cause;
    const why = reason instanceof Error ? `: ${explainFailure(reason, this.#options)}` : "";
    this.#down(`lost the connection to ${server}${why}`);
  }

  #up(connection: NatsConnection, detail: string): void {
    this.#connection = connection;
    this.#discovered = connection.info?.connect_urls ?? [];
    this.#detail = detail;
    if (!this.#report()) this.#log.info(`${this.#title}: ${detail}`);
    this.#tell(true);
  }

  #down(detail: string): void {
    const wasUp = this.#connection !== undefined;
    this.#connection = undefined;
    this.#detail = detail;
    if (this.#stop.signal.aborted) return;
    this.#report();
    if (wasUp) this.#tell(false);
  }

  #tell(connected: boolean): void {
    for (const listener of this.#listeners) listener(connected);
  }

  /** Says in the log what is to be said of an outage; true if that was something. */
  #report(): boolean {
    const error = this.#connection === undefined ? this.#detail : undefined;
    const news = this.#reachability.see(error, performance.now());
    switch (news?.type) {
      case "lost":
        this.#log.error(
          { reason: news.reason },
          `${this.#title} can't be used: ${this.#detail}. What is served stays; trying again`,
        );
        return true;
      case "still-lost":
        this.#log.error(
          { reason: news.reason, forSeconds: Math.round(news.forMs / 1000) },
          `${this.#title} still can't be used: ${this.#detail}. What is served stays; trying again`,
        );
        return true;
      case "back":
        this.#log.info(
          { afterSeconds: Math.round(news.afterMs / 1000) },
          `${this.#title} can be used again: ${this.#detail}`,
        );
        return true;
      case undefined:
        return false;
    }
  }

  /** A process has several connections. */
  get #title(): string {
    return `NATS connection "${this.#options.name}"`;
  }

  #servers(): string {
    return this.#options.servers.map(maskAddress).join(", ");
  }

  #fixedOptions(): NodeConnectionOptions {
    const { servers, name, tls } = this.#options;
    return {
      // What was discovered is an address, to which a certificate rarely belongs.
      servers: tls === undefined ? [...new Set([...servers, ...this.#discovered])] : [...servers],
      name,
      ...(tls !== undefined && { tls }),
      inboxPrefix: this.inboxPrefix,
      timeout: 5000,
      reconnect: false,
      // Defaults notice a black hole after minutes; these after 8 to 12 s.
      pingInterval: 4000,
      maxPingOut: 2,
      noAsyncTraces: true,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#connection;
    this.#stop.abort();
    clearInterval(this.#reporting);
    this.#connection = undefined;
    this.#tell(false);
    await connection?.close();
    await this.#running;
  }
}
