import { pause } from "../../runtime/waiting.ts";
import { MeshError } from "../../runtime/errors.ts";
import { hostText, parseConnectString, toClientPath, toServerPath } from "../connect-string.ts";
import { Listeners, untilConnected } from "../listeners.ts";
import { loadNativePackage, nodeStat } from "./package.ts";
import type { NativeSession } from "./package.ts";
import { createFlags, errorCodes, permissions } from "../wire/codes.ts";
import { ZooKeeperError } from "../zookeeper-error.ts";
import type {
  Children,
  CreateOptions,
  NodeData,
  NodeStat,
  SessionEvent,
  WatchEvent,
  ZooKeeper,
  ZooKeeperOptions,
} from "../zookeeper.ts";

/** Errors that the C client itself gives to calls whose connection ended: lost, closing, and what a closed one says. */
const connectionEnded: ReadonlySet<number> = new Set([-4, -7, -9, -116, errorCodes.sessionExpired]);

/** A session that ended is followed by another after this long, in milliseconds. */
const nextSessionMs = 200;

const creator = [{ perms: permissions.all, scheme: "auth", auth: "" }] as const;

const eventTypes = {
  created: "created",
  deleted: "deleted",
  changed: "data-changed",
  child: "children-changed",
} as const;

/** Takes what a call of the C client ended with. */
type Settle<T> = (code: number, value: T) => void;

/**
 * The `zookeeper` package behind our interface: ZooKeeper's C client, on Node only. It has no tree watches and no TLS,
 * keeps one-shot watches over reconnects by itself (so one may fire that was set on an earlier connection), and doesn't
 * tell which server it uses.
 */
export class NativeZooKeeper implements ZooKeeper {
  readonly server: string | undefined;
  readonly requests = new Map<string, number>();
  readonly #options: ZooKeeperOptions;
  readonly #chroot: string;
  readonly #connectString: string;
  readonly #newSession: () => NativeSession;
  readonly #listeners: Listeners;
  readonly #stop = new AbortController();
  /** Those of the calls that wait for an answer: closing doesn't always tell all of them. */
  readonly #pending = new Set<(error: MeshError) => void>();
  #session: NativeSession;
  #isConnected = false;
  #lastError: string | undefined = "not connected to ZooKeeper yet";

  /** @throws MeshError `configuration` if there is no such package, or the options need what it doesn't have. */
  constructor(options: ZooKeeperOptions) {
    if (options.tls !== undefined) {
      throw new MeshError("configuration", 'driver "native" has no TLS: use driver "pure"');
    }
    const { hosts, chroot } = parseConnectString(options.servers);
    this.#options = options;
    this.#chroot = chroot;
    this.#listeners = new Listeners(chroot);
    this.#connectString = hosts.map(hostText).join(",");
    this.server = hosts.length === 1 ? this.#connectString : undefined;
    this.#newSession = loadNativePackage();
    this.#session = this.#begin();
  }

  get state(): "connecting" | "connected" | "closed" {
    if (this.#stop.signal.aborted) return "closed";
    return this.#isConnected ? "connected" : "connecting";
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  onSession(listener: (event: SessionEvent) => void): () => void {
    return this.#listeners.onSession(listener);
  }

  onWatch(listener: (event: WatchEvent) => void): () => void {
    return this.#listeners.onWatch(listener);
  }

  connected(signal: AbortSignal): Promise<void> {
    return untilConnected(this, [signal, this.#stop.signal]);
  }

  async getChildren(path: string, watch = false): Promise<Children | undefined> {
    return await this.#call<Children | undefined>(
      "getChildren",
      path,
      (session, onServer, settle) =>
        session.a_get_children2(
          onServer,
          watch,
          (code, _text, names, stat) =>
            settle(code, stat === null ? undefined : { names: names ?? [], stat: nodeStat(stat) }),
        ),
      true,
    );
  }

  /** The package doesn't have the request for several. */
  getChildrenOf(paths: readonly string[]): readonly Promise<readonly string[] | undefined>[] {
    for (const path of paths) toServerPath(this.#chroot, path);
    return paths.map(async (path) => (await this.getChildren(path))?.names);
  }

  async getData(path: string, watch = false): Promise<NodeData | undefined> {
    return await this.#call<NodeData | undefined>(
      "getData",
      path,
      (session, onServer, settle) =>
        session.a_get(onServer, watch, (code, _text, stat, data) =>
          settle(
            code,
            stat === null ? undefined : { data: new Uint8Array(data ?? []), stat: nodeStat(stat) },
          )),
      true,
    );
  }

  async exists(path: string, watch = false): Promise<NodeStat | undefined> {
    return await this.#call<NodeStat | undefined>(
      "exists",
      path,
      (session, onServer, settle) =>
        session.a_exists(
          onServer,
          watch,
          (code, _text, stat) => settle(code, stat === null ? undefined : nodeStat(stat)),
        ),
      true,
    );
  }

  /** The C client of that package doesn't have it. */
  async watchTree(): Promise<boolean> {
    return await Promise.resolve(false);
  }

  async sync(path: string): Promise<void> {
    await this.#call<undefined>(
      "sync",
      path,
      (session, onServer, settle) => session.a_sync(onServer, (code) => settle(code, undefined)),
    );
  }

  async create(path: string, data = new Uint8Array(), options: CreateOptions = {}): Promise<string> {
    const { ephemeral = false, sequential = false, creatorOnly = false } = options;
    const flags = (ephemeral ? createFlags.ephemeral : 0) | (sequential ? createFlags.sequential : 0);
    const created = await this.#call<string>(
      "create",
      path,
      (session, onServer, settle) =>
        session.a_create(onServer, Buffer.from(data), flags, (code, _text, name) => settle(code, name)),
    );
    const own = toClientPath(this.#chroot, created) ?? created;
    if (creatorOnly) {
      // It creates nodes for everybody only.
      await this.#call<undefined>(
        "setAcl",
        own,
        (session, onServer, settle) =>
          session.a_set_acl(onServer, -1, creator, (code) => settle(code, undefined)),
      );
    }
    return own;
  }

  async setData(path: string, data: Uint8Array): Promise<void> {
    await this.#call<undefined>(
      "setData",
      path,
      (session, onServer, settle) =>
        session.a_set(onServer, Buffer.from(data), -1, (code) => settle(code, undefined)),
    );
  }

  async delete(path: string): Promise<void> {
    await this.#call<undefined>(
      "delete",
      path,
      (session, onServer, settle) => session.a_delete_(onServer, -1, (code) => settle(code, undefined)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const wasConnected = this.#isConnected;
    this.#stop.abort();
    this.#session.close();
    this.#failAll(this.#unavailable());
    if (wasConnected) this.#listeners.tellSession("disconnected");
    await Promise.resolve();
  }

  #begin(): NativeSession {
    const session = this.#newSession();
    session.on("connect", () => {
      this.#isConnected = true;
      this.#lastError = undefined;
      this.#listeners.tellSession("connected");
    });
    session.on(
      "connecting",
      () => this.#disconnected(`ZooKeeper at ${this.#connectString} hung up or is silent`),
    );
    session.on("close", (_session, code) => void this.#onSessionEnd(code));
    for (const name of ["created", "deleted", "changed", "child"] as const) {
      session.on(name, (_session, path) => this.#listeners.tellWatch(eventTypes[name], path));
    }
    session.init({
      connect: this.#connectString,
      timeout: this.#options.sessionTimeoutMs,
      debug_level: 0,
      // Writing many requests is many such turns: the default ended sessions that were only busy.
      response_counter_limit: 1_000_000,
    });
    const { digest } = this.#options;
    // The C client sends it again on each connection of the session, before all else.
    if (digest !== undefined) session.add_auth("digest", `${digest.username}:${digest.password}`, () => {});
    return session;
  }

  #disconnected(reason: string): void {
    this.#lastError = reason;
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#failAll(this.#unavailable());
    this.#listeners.tellSession("disconnected");
  }

  /** The package closes a session that expired, was refused, or can't go on: another follows. */
  async #onSessionEnd(code: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const wasRefused = code === -113;
    this.#disconnected(
      wasRefused ? "ZooKeeper refuses digest authentication" : "ZooKeeper: the session has expired",
    );
    if (!wasRefused) this.#listeners.tellSession("expired");
    await pause(nextSessionMs, this.#stop.signal);
    if (!this.#stop.signal.aborted) this.#session = this.#begin();
  }

  /** One call; its answer is undefined for a node that isn't there, where that may be. */
  #call<T>(
    name: string,
    path: string,
    send: (session: NativeSession, path: string, settle: Settle<T>) => number,
    mayBeAbsent = false,
  ): Promise<T> {
    const onServer = toServerPath(this.#chroot, path);
    if (!this.#isConnected || this.#stop.signal.aborted) return Promise.reject(this.#unavailable());
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { requested } = this.#options;
    if (requested !== undefined) promise.then(() => requested(true), () => requested(false));
    this.#pending.add(reject);
    const settle: Settle<T> = (code, value) => {
      this.#pending.delete(reject);
      if (code === errorCodes.ok || (mayBeAbsent && code === errorCodes.noNode)) resolve(value);
      else if (connectionEnded.has(code)) reject(this.#unavailable());
      else reject(new ZooKeeperError(name, path, code));
    };
    const refused = send(this.#session, onServer, settle);
    if (refused !== errorCodes.ok) {
      this.#pending.delete(reject);
      const cause = new ZooKeeperError(name, path, refused);
      reject(connectionEnded.has(refused) ? this.#unavailable() : cause);
    }
    return promise;
  }

  #failAll(error: MeshError): void {
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }

  #unavailable(): MeshError {
    const reason = this.#stop.signal.aborted ? "the ZooKeeper client is closed" : this.#lastError;
    return new MeshError("registry-unavailable", reason ?? "the connection to ZooKeeper ended");
  }
}
