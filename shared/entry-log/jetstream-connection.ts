import { readFile } from "node:fs/promises";
import { connect, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import type { Authenticator, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { errorText } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { abortedError, Backoff } from "../runtime/waiting.ts";

/** Where NATS is and who we are there. */
export interface NatsOptions {
  /** `host:port` or `nats://…`, `tls://…` URLs of the cluster's servers; one is enough. */
  readonly servers: readonly string[];
  /** The connection's name in the server's monitoring, for people. */
  readonly name: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** The seed of an nkey (`SU…`), the text itself. */
  readonly nkeySeed?: string | undefined;
  /** The path of a credentials file (JWT and seed); read anew for each new connection. */
  readonly credsFile?: string | undefined;
  /** TLS with these files (PEM paths); an empty object is TLS with the system's authorities. */
  readonly tls?:
    | { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string }
    | undefined;
  /** The prefix of reply subjects, where permissions give each user its own. Default `_INBOX`. */
  readonly inboxPrefix?: string | undefined;
}

/**
 * One connection to NATS that never gives up: it waits for the first server, reconnects without limit, and starts
 * over should the client library close (it does so on some errors). Black holes are noticed within 15 s.
 */
export class NatsLink implements AsyncDisposable {
  readonly #options: NatsOptions;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #errorListeners = new Set<(error: Error) => void>();
  readonly #running: Promise<void>;
  #connection: NatsConnection | undefined;
  #connected = false;
  #detail = "not connected yet";

  constructor(options: NatsOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#running = this.#run();
  }

  /** Aborts when the link is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The connection, as long as it is up. */
  get current(): NatsConnection | undefined {
    return this.#connected ? this.#connection : undefined;
  }

  /** One sentence for people: to which server, or why not. Without secrets. */
  get detail(): string {
    return this.#detail;
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

  async #run(): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stop.signal.aborted) {
      try {
        const connection = await connect(await this.#connectOptions());
        if (this.#stop.signal.aborted) return await connection.close();
        backoff.reset();
        this.#connection = connection;
        await this.#watch(connection);
      } catch (error) {
        this.#set(false, errorText(error));
      }
      await backoff.wait(this.#stop.signal);
    }
  }

  /** Follows the connection's state until it is closed for good. */
  async #watch(connection: NatsConnection): Promise<void> {
    const statuses = connection.status();
    this.#set(true, `connected to ${connection.getServer()}`);
    for await (const status of statuses) {
      if (status.type === "disconnect") this.#set(false, `lost the connection to ${connection.getServer()}`);
      if (status.type === "reconnect") this.#set(true, `connected to ${connection.getServer()}`);
      if (status.type === "error") {
        this.#log.warn({ err: status.error }, `NATS: ${status.error.message}`);
        for (const listener of this.#errorListeners) listener(status.error);
      }
    }
    const reason = await connection.closed();
    this.#set(false, reason === undefined ? "connection closed" : `connection closed: ${errorText(reason)}`);
  }

  #set(connected: boolean, detail: string): void {
    const changed = connected !== this.#connected || detail !== this.#detail;
    this.#connected = connected;
    this.#detail = detail;
    if (!changed) return;
    if (!this.#stop.signal.aborted) this.#log[connected ? "info" : "warn"](`NATS: ${detail}`);
    for (const listener of this.#listeners) listener(connected);
  }

  async #connectOptions(): Promise<NodeConnectionOptions> {
    const { servers, name, user, password, token, nkeySeed, credsFile, tls } = this.#options;
    const authenticators: Authenticator[] = [];
    const encoder = new TextEncoder();
    if (nkeySeed !== undefined) authenticators.push(nkeyAuthenticator(encoder.encode(nkeySeed)));
    if (credsFile !== undefined) authenticators.push(credsAuthenticator(await readFile(credsFile)));
    return {
      servers: [...servers],
      name,
      ...(user !== undefined && { user }),
      ...(password !== undefined && { pass: password }),
      ...(token !== undefined && { token }),
      ...(authenticators.length > 0 && { authenticator: authenticators }),
      ...(tls !== undefined && { tls }),
      inboxPrefix: this.inboxPrefix,
      timeout: 5000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 200,
      reconnectJitter: 200,
      // Credentials are repaired on the server's side as often as on ours: that is no reason to give up either.
      ignoreAuthErrorAbort: true,
      // Defaults notice a black hole after minutes; these after 8 to 12 s.
      pingInterval: 4000,
      maxPingOut: 2,
      noAsyncTraces: true,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const listener of this.#listeners) listener(false);
    await this.#connection?.close();
    await this.#running;
  }
}
