import { isMeshError, MeshError } from "../runtime/errors.ts";
import { parseConnectString, toClientPath, toServerPath } from "./connect-string.ts";
import { Listeners, untilConnected } from "./listeners.ts";
import { pathGroups } from "./path-groups.ts";
import type { NodeToRead } from "./path-groups.ts";
import { SessionKeeper } from "./session-keeper.ts";
import type { RequestOf } from "./session-keeper.ts";
import { createFlags, errorCodes, permissions, watchModes } from "./wire/codes.ts";
import type { OpName } from "./wire/codes.ts";
import type { Acl, Stat, WatcherEvent } from "./wire/records.ts";
import type { Replies } from "./wire/replies.ts";
import { ZooKeeperError } from "./zookeeper-error.ts";
import type {
  Children,
  CreateOptions,
  NodeData,
  NodeStat,
  SessionEvent,
  WatchEvent,
  ZooKeeper,
  ZooKeeperOptions,
} from "./zookeeper.ts";

const everybody: readonly Acl[] = [{ permissions: permissions.all, scheme: "world", id: "anyone" }];
/** Whoever the connection is authenticated as. */
const creator: readonly Acl[] = [{ permissions: permissions.all, scheme: "auth", id: "" }];

/** A ZooKeeper client in TypeScript alone. It connects when it is made, and goes on until it is disposed of. */
export class ZooKeeperClient implements ZooKeeper {
  readonly requests = new Map<string, number>();
  readonly #requested: ((success: boolean) => void) | undefined;
  readonly #chroot: string;
  readonly #keeper: SessionKeeper;
  readonly #listeners: Listeners;
  /** Servers, by `host:port`, that have no tree watches. */
  readonly #withoutTreeWatch = new Set<string>();
  /** Servers, by `host:port`, whose answers for several nodes didn't work out. */
  readonly #withoutMultiRead = new Set<string>();
  /** Roots of the connection's tree watches: the server's paths. */
  readonly #trees = new Set<string>();

  /** @throws MeshError `configuration` for servers that are none. */
  constructor(options: ZooKeeperOptions) {
    const { hosts, chroot } = parseConnectString(options.servers);
    this.#requested = options.requested;
    this.#chroot = chroot;
    this.#listeners = new Listeners(chroot);
    this.#keeper = new SessionKeeper(hosts, options, {
      onSession: (event) => this.#onSession(event),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  get state(): "connecting" | "connected" | "closed" {
    if (this.#keeper.signal.aborted) return "closed";
    return this.#keeper.isConnected ? "connected" : "connecting";
  }

  get server(): string | undefined {
    return this.#keeper.server;
  }

  get lastError(): string | undefined {
    return this.#keeper.lastError?.message;
  }

  onSession(listener: (event: SessionEvent) => void): () => void {
    return this.#listeners.onSession(listener);
  }

  onWatch(listener: (event: WatchEvent) => void): () => void {
    return this.#listeners.onWatch(listener);
  }

  connected(signal: AbortSignal): Promise<void> {
    return untilConnected(this, [signal, this.#keeper.signal]);
  }

  async getChildren(path: string, watch = false): Promise<Children | undefined> {
    const request = { op: "getChildren2", path: this.#toRead(path, watch), watch } as const;
    const reply = await this.#read("getChildren", request);
    return reply && { names: reply.names, stat: nodeStat(reply.stat) };
  }

  getChildrenOf(paths: readonly string[]): readonly Promise<readonly string[] | undefined>[] {
    const nodes = paths.map((path) => ({ path, onServer: toServerPath(this.#chroot, path) }));
    const server = this.#keeper.server ?? "";
    // ZooKeeper 3.6 brought both.
    const together = !this.#withoutTreeWatch.has(server) && !this.#withoutMultiRead.has(server);
    if (!together) return paths.map((path) => this.#namesBelow(path));
    return pathGroups(nodes).flatMap((group) =>
      // One that is so long that it is alone gets all the room that a request has.
      group.length === 1 ? group.map(({ path }) => this.#namesBelow(path)) : this.#readTogether(group)
    );
  }

  async getData(path: string, watch = false): Promise<NodeData | undefined> {
    const reply = await this.#read("getData", { op: "getData", path: this.#toRead(path, watch), watch });
    return reply && { data: reply.data ?? new Uint8Array(), stat: nodeStat(reply.stat) };
  }

  async exists(path: string, watch = false): Promise<NodeStat | undefined> {
    const reply = await this.#read("exists", { op: "exists", path: this.#toRead(path, watch), watch });
    return reply && nodeStat(reply.stat);
  }

  async watchTree(path: string): Promise<boolean> {
    const onServer = toServerPath(this.#chroot, path);
    const server = this.#keeper.server ?? "";
    if (this.#withoutTreeWatch.has(server)) return false;
    this.#count("watchTree");
    const mode = watchModes.persistentRecursive;
    const has = await this.#request({ op: "addWatch", path: onServer, mode }, (error) => {
      // Not known (before 3.6), or not to be had with this server's watch manager.
      if (error !== errorCodes.unimplemented && error !== errorCodes.marshalling) {
        throw new ZooKeeperError("watchTree", path, error);
      }
      this.#withoutTreeWatch.add(server);
      if (error === errorCodes.marshalling) return false;
      throw this.#hungUp(server, "tree watches");
    });
    if (has === false) return false;
    this.#trees.add(onServer);
    return true;
  }

  async sync(path: string): Promise<void> {
    await this.#write("sync", path, { op: "sync", path: toServerPath(this.#chroot, path) });
  }

  async create(path: string, data = new Uint8Array(), options: CreateOptions = {}): Promise<string> {
    const { ephemeral = false, sequential = false, creatorOnly = false } = options;
    const request = {
      op: "create",
      path: toServerPath(this.#chroot, path),
      data,
      acl: creatorOnly ? creator : everybody,
      flags: (ephemeral ? createFlags.ephemeral : 0) | (sequential ? createFlags.sequential : 0),
    } as const;
    const created = (await this.#write("create", path, request)).path;
    return toClientPath(this.#chroot, created) ?? created;
  }

  async setData(path: string, data: Uint8Array): Promise<void> {
    const onServer = toServerPath(this.#chroot, path);
    await this.#write("setData", path, { op: "setData", path: onServer, data, version: -1 });
  }

  async delete(path: string): Promise<void> {
    const onServer = toServerPath(this.#chroot, path);
    await this.#write("delete", path, { op: "delete", path: onServer, version: -1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.close();
  }

  /** The server's path to read. @throws TypeError for a one-shot watch that would end a tree watch. */
  #toRead(path: string, watch: boolean): string {
    const onServer = toServerPath(this.#chroot, path);
    // ZOOKEEPER-4466: up to 3.8 there is one kind of watch per path and connection.
    if (watch && this.#trees.has(onServer)) {
      throw new TypeError(`"${path}" is watched as a tree: a one-shot watch on it would end that`);
    }
    return onServer;
  }

  /** Asks for a node that may not be there: undefined then. */
  #read<Op extends "exists" | "getData" | "getChildren2">(
    name: string,
    request: RequestOf<Op>,
  ): Promise<Replies[Op] | undefined> {
    this.#count(name);
    return this.#request(request, (error) => {
      if (error === errorCodes.noNode) return undefined;
      throw new ZooKeeperError(name, request.path, error);
    });
  }

  async #namesBelow(path: string): Promise<readonly string[] | undefined> {
    return (await this.getChildren(path))?.names;
  }

  /** Reads the children of several nodes with one request. */
  #readTogether(nodes: readonly NodeToRead[]): Promise<readonly string[] | undefined>[] {
    const server = this.#keeper.server ?? "";
    this.#count("getChildrenOf");
    const request = { op: "multiRead", paths: nodes.map(({ onServer }) => onServer) } as const;
    const answer = this.#request(request, (error) => {
      if (error !== errorCodes.unimplemented && error !== errorCodes.marshalling) {
        throw new ZooKeeperError("getChildrenOf", nodes[0]?.path ?? "", error);
      }
      this.#withoutMultiRead.add(server);
      if (error === errorCodes.marshalling) return undefined;
      throw this.#hungUp(server, "reads of several nodes");
    }).then((reply) => {
      if (reply === undefined || reply.results.length === nodes.length) return reply?.results;
      const text = `ZooKeeper at ${server} answered for ${reply.results.length} of ${nodes.length} nodes`;
      throw new MeshError("protocol-violation", text);
    }).catch((error: unknown) => {
      // Most likely a frame that is too large: each of these nodes alone may do, on the next connection.
      if (isMeshError(error, "protocol-violation")) this.#withoutMultiRead.add(server);
      throw error;
    });
    return nodes.map(async ({ path }, index) => {
      const results = await answer;
      if (results === undefined) return await this.#namesBelow(path);
      const result = results[index];
      if (typeof result !== "number") return result;
      if (result === errorCodes.noNode) return undefined;
      throw new ZooKeeperError("getChildren", path, result);
    });
  }

  #write<Op extends OpName>(name: string, path: string, request: RequestOf<Op>): Promise<Replies[Op]> {
    this.#count(name);
    return this.#request(request, (error) => {
      throw new ZooKeeperError(name, path, error);
    });
  }

  #request<Op extends OpName, Other>(
    request: RequestOf<Op>,
    onError: (error: number) => Other,
  ): Promise<Replies[Op] | Other> {
    const reply = this.#keeper.request(request, onError);
    const requested = this.#requested;
    if (requested !== undefined) reply.then(() => requested(true), () => requested(false));
    return reply;
  }

  /** A server hangs up after a request that it doesn't know. The session goes on, at the same server. */
  #hungUp(server: string, lacks: string): MeshError {
    const text = `ZooKeeper at ${server} knows no ${lacks} (3.6 does) and hangs up: connecting again`;
    const ending = new MeshError("registry-unavailable", text);
    this.#keeper.reconnect(ending);
    return ending;
  }

  #count(name: string): void {
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
  }

  #onSession(event: SessionEvent): void {
    this.#trees.clear();
    this.#listeners.tellSession(event);
  }

  #onEvent({ type, path }: WatcherEvent): void {
    this.#listeners.tellWatch(type, path);
  }
}

/** The fields that anybody looks at. */
function nodeStat(stat: Stat): NodeStat {
  const { czxid, mzxid, pzxid, version, cversion, ephemeralOwner, numChildren } = stat;
  return { czxid, mzxid, pzxid, version, cversion, ephemeralOwner, childCount: numChildren };
}
