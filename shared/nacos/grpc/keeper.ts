import { HostRotation } from "../../runtime/host-rotation.ts";
import { pause } from "../../runtime/waiting.ts";
import { NacosError } from "../nacos-error.ts";
import type { ServerAddress } from "../server-address.ts";
import type { Message } from "../wire/payload.ts";
import { GrpcConnection } from "./connection.ts";
import type { GrpcConnectionOptions } from "./connection.ts";

/** Whom a keeper tells. */
export interface KeeperListeners {
  /** A connection is there, and requests may go to it. The one before, if it still was, ends after this returns. */
  onConnected(connection: GrpcConnection): void;
  onLost(connection: GrpcConnection, error: NacosError): void;
  onFailed(error: NacosError): void;
  /** A request of the server on the connection in use. */
  onPush(message: Message): void;
}

/** What all connections of a keeper have in common. */
export type ConnectionSettings = Omit<GrpcConnectionOptions, "server" | "onPush" | "onReset" | "onEnd">;

/**
 * Keeps a connection to one of the servers: finds another one when it ends, and replaces it, while it still works, when
 * the server asks for that.
 */
export class GrpcKeeper {
  readonly #settings: ConnectionSettings;
  readonly #listeners: KeeperListeners;
  readonly #rotation: HostRotation<ServerAddress>;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #current: GrpcConnection | undefined;
  #lastError: NacosError | undefined = new NacosError("unreachable", "not connected to Nacos yet");

  /** Begins at once; listeners are called in later turns. @param servers at least one */
  constructor(servers: readonly ServerAddress[], settings: ConnectionSettings, listeners: KeeperListeners) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#rotation = new HostRotation(servers);
    this.#running = this.#run();
  }

  /** Aborts when it is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get lastError(): NacosError | undefined {
    return this.#lastError;
  }

  /** The connection in use. @throws NacosError if there is none. */
  get connection(): GrpcConnection {
    if (this.#stop.signal.aborted) throw new NacosError("closed", "the Nacos client is closed");
    if (this.#current === undefined) {
      throw this.#lastError ?? new NacosError("unreachable", "no connection to Nacos");
    }
    return this.#current;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#current?.close();
    this.#current = undefined;
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    await pause(0, signal);
    while (!signal.aborted) {
      const { host: server, waitMs } = this.#rotation.next();
      await pause(waitMs, signal);
      if (!signal.aborted) await this.#connect(server);
    }
  }

  /** Uses one server until the connection to it ends, or has to be replaced. */
  async #connect(server: ServerAddress): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let connection: GrpcConnection;
    let openedMs = 0;
    try {
      connection = await GrpcConnection.open({
        ...this.#settings,
        server,
        onPush: (message) => {
          // What comes during the handshake is of no subscription of ours.
          if (openedMs > 0 && connection === this.#current) this.#listeners.onPush(message);
        },
        onReset: (host, port) => {
          this.#rotation.ended(performance.now() - openedMs);
          if (host !== undefined) {
            // The port isn't always the one that clients use; where servers share an address it tells them apart.
            this.#rotation.prefer((one) => one.host === host);
            this.#rotation.prefer((one) => one.host === host && String(one.port) === port);
          }
          resolve();
        },
        onEnd: (error) => {
          // A server whose messages can't be read isn't run against at once.
          const isBroken = error.kind === "protocol-violation";
          this.#rotation.ended(isBroken ? 0 : performance.now() - openedMs);
          this.#onEnd(connection, error);
          resolve();
        },
      }, this.#stop.signal);
    } catch (error) {
      this.#rotation.ended(0);
      if (!(error instanceof NacosError)) throw error;
      if (this.#stop.signal.aborted) return;
      // While the one that is to be replaced works, nothing is wrong.
      if (this.#current === undefined) this.#lastError = error;
      this.#listeners.onFailed(error);
      return;
    }
    openedMs = performance.now();
    const previous = this.#current;
    this.#current = connection;
    this.#lastError = undefined;
    this.#listeners.onConnected(connection);
    previous?.close();
    if (this.#stop.signal.aborted) connection.close();
    else await this.#untilOver(over);
  }

  async #untilOver(over: Promise<void>): Promise<void> {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.race([over, stopped]);
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
    }
  }

  #onEnd(connection: GrpcConnection, error: NacosError): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#lastError = error;
    this.#listeners.onLost(connection, error);
  }
}
