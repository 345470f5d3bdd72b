import type { Socket } from "node:net";
import { MeshError } from "../../runtime/errors.ts";
import { createFlags, errorCodes, permissions, specialXids, watchModes } from "../../zookeeper/wire/codes.ts";
import type { OpName } from "../../zookeeper/wire/codes.ts";
import { FrameSplitter } from "../../zookeeper/wire/frame-splitter.ts";
import { JuteReader, JuteWriter } from "../../zookeeper/wire/jute.ts";
import { connectRequest, connectResponse } from "../../zookeeper/wire/records.ts";
import { writeError, writeEvent, writeReply } from "../../zookeeper/wire/replies.ts";
import type { Replies } from "../../zookeeper/wire/replies.ts";
import { readRequest } from "../../zookeeper/wire/requests.ts";
import type { Request, Requests } from "../../zookeeper/wire/requests.ts";
import { ZooKeeperError } from "../../zookeeper/zookeeper-error.ts";
import { digestId, grantedAcl, isAllowed, readableNames } from "./access.ts";
import type { Permission } from "./access.ts";
import type { Session, SessionTable } from "./sessions.ts";
import { parentOf } from "./tree.ts";
import type { TreeEvent, ZooKeeperTree } from "./tree.ts";
import type { Watcher, WatchTable } from "./watches.ts";

/** Larger requests end the connection: `jute.maxbuffer`'s default. Answers may be of any size. */
const maxRequestBytes = 0xfffff;

const openAcl = [{ permissions: permissions.all, scheme: "world", id: "anyone" }];

/** What takes an answer's place: an error number, the end of the connection, nothing at all, or any bytes. */
export type Fault = number | "close" | "hang" | Buffer;

/** What a server shares with its connections. */
export interface ConnectionContext {
  readonly tree: ZooKeeperTree;
  readonly watches: WatchTable;
  readonly sessions: SessionTable;
  /** Operations that this server does not know: it says so and closes the connection. */
  readonly unknownOps: ReadonlySet<OpName>;
  /** The answer to a word of the four-letter protocol; undefined if it isn't one. */
  fourLetterWord(word: string): string | undefined;
  /** A session has this connection from now on. */
  attached(session: Session, connection: ZooKeeperConnection): void;
  /** Every request is told, and each part of one for several nodes; answers the fault to commit. */
  fault(request: Request): Fault | undefined;
}

/** One connection of a client: its handshake, requests in their order, and the events for its watches. */
export class ZooKeeperConnection implements Watcher {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #frames = new FrameSplitter(maxRequestBytes);
  readonly #writer = new JuteWriter();
  /** Whom the client has shown to be, as ids of the scheme `digest`. */
  readonly #ids = new Set<string>();
  #session: Session | undefined;
  #closed = false;
  #paused = false;
  #dropOnResume = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // What follows an error is "close", which is all that matters here.
    socket.on("error", () => {});
    socket.once("close", () => this.#forget());
  }

  /** The session that this connection serves; undefined before the handshake. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Ends the connection at once and without a word. The client of a paused one learns of it later. */
  drop(): void {
    this.#forget();
    if (this.#paused) this.#dropOnResume = true;
    else this.#socket.destroy();
  }

  /** As {@link drop}, though paused. */
  destroy(): void {
    this.#forget();
    this.#socket.destroy();
  }

  /** Says nothing and hears nothing until {@link resume}, as if the network were gone. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
    this.#socket.cork();
  }

  /** See {@link pause}. */
  resume(): void {
    this.#paused = false;
    if (this.#dropOnResume) return this.destroy();
    this.#socket.uncork();
    this.#socket.resume();
  }

  notify(event: TreeEvent): void {
    if (this.#closed || !isAllowed(event.acl, this.#ids, "read")) return;
    if (this.#writer.length === 0) queueMicrotask(() => this.#flush());
    writeEvent(this.#writer, event.zxid, event);
  }

  #receive(chunk: Buffer): void {
    const text = this.#session === undefined && chunk.length === 4
      ? this.#context.fourLetterWord(chunk.toString("latin1"))
      : undefined;
    if (text !== undefined) return void this.#socket.end(text);
    try {
      this.#frames.push(chunk, (frame) => {
        if (this.#closed) return;
        if (this.#session === undefined) this.#connect(frame);
        else this.#answer(frame, this.#session);
      });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // As a server does with what it can't read.
      this.drop();
    }
    this.#flush();
  }

  #flush(): void {
    if (this.#writer.length > 0 && !this.#closed) this.#socket.write(this.#writer.take());
  }

  /** Sends what is to be sent, then ends the connection. */
  #close(): void {
    this.#flush();
    this.#forget();
    this.#socket.end();
  }

  #forget(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.watches.removeAll(this);
  }

  #connect(frame: Buffer): void {
    const { sessions, tree } = this.#context;
    const request = connectRequest.read(new JuteReader(frame));
    // The client has seen what this server has not: another server may do.
    if (request.lastZxidSeen > tree.zxid) return this.#close();
    const session = request.sessionId === 0n
      ? sessions.begin(request.timeoutMs)
      : sessions.resume(request.sessionId, request.password);
    const { id: sessionId, password, timeoutMs } = session ??
      { id: 0n, password: new Uint8Array(16), timeoutMs: 0 };
    this.#writer.frame((writer) =>
      connectResponse.write(writer, { timeoutMs, sessionId, password, readOnly: false })
    );
    if (session === undefined) return this.#close();
    this.#session = session;
    this.#context.attached(session, this);
  }

  #answer(frame: Buffer, session: Session): void {
    const { tree, sessions, unknownOps } = this.#context;
    sessions.touch(session.id);
    const { xid, request } = readRequest(frame);
    const refuse = (error: number) => writeError(this.#writer, { xid, zxid: tree.zxid, error });
    if (request === undefined || unknownOps.has(request.op)) {
      refuse(errorCodes.unimplemented);
      return this.#close();
    }
    const fault = this.#context.fault(request);
    if (fault === "hang") return;
    if (fault === "close") return this.#close();
    if (typeof fault === "number") return refuse(fault);
    if (fault !== undefined) {
      this.#flush();
      this.#socket.write(fault);
      return;
    }
    try {
      this.#perform(xid, request, session);
    } catch (error) {
      if (!(error instanceof ZooKeeperError)) throw error;
      refuse(error.errorCode);
    }
  }

  /** Does what is asked and writes the answer; events for this client's own watches come before it. */
  #perform(xid: number, request: Request, session: Session): void {
    const { tree, watches, sessions } = this.#context;
    const reply = <Op extends OpName>(op: Op, body: Replies[Op]) =>
      writeReply(this.#writer, xid, tree.zxid, op, body);
    switch (request.op) {
      case "create":
        return reply(request.op, { path: this.#create(request, session) });
      case "create2": {
        const path = this.#create(request, session);
        return reply(request.op, { path, stat: this.#stat(request.op, path) });
      }
      case "delete":
        this.#check(request.op, parentOf(request.path), "delete");
        tree.delete(request.path, request.version);
        return reply(request.op, undefined);
      case "setData":
        this.#check(request.op, request.path, "write");
        tree.setData(request.path, request.data, request.version);
        return reply(request.op, { stat: this.#stat(request.op, request.path) });
      case "exists":
        // From 3.9 on. Up to 3.8 it needs no permission.
        if (tree.get(request.path) !== undefined) this.#check(request.op, request.path, "read");
        // The watch is set for a node that is not there, too: it waits for the creation.
        if (request.watch) watches.add(request.path, this, "data");
        return reply(request.op, { stat: this.#stat(request.op, request.path) });
      case "getData": {
        const { data } = this.#check(request.op, request.path, "read");
        if (request.watch) watches.add(request.path, this, "data");
        return reply(request.op, { data, stat: this.#stat(request.op, request.path) });
      }
      case "getAcl": {
        const { acl } = this.#check(request.op, request.path, "read");
        return reply(request.op, { acl: acl ?? openAcl, stat: this.#stat(request.op, request.path) });
      }
      case "getChildren":
        return reply(request.op, { names: this.#children(request) });
      case "getChildren2": {
        const names = this.#children(request);
        return reply(request.op, { names, stat: this.#stat(request.op, request.path) });
      }
      case "multiRead":
        return reply(request.op, { results: request.paths.map((path) => this.#childrenOrError(path)) });
      case "sync":
        return reply(request.op, { path: request.path });
      case "ping":
        return reply(request.op, undefined);
      case "auth":
        return this.#authenticate(xid, request);
      case "addWatch": {
        const kind = request.mode === watchModes.persistentRecursive ? "recursive" : "persistent";
        watches.add(request.path, this, kind);
        return reply(request.op, undefined);
      }
      case "setWatches2":
        for (const path of request.persistent) watches.add(path, this, "persistent");
        for (const path of request.persistentRecursive) watches.add(path, this, "recursive");
        watches.restore(this, tree, request);
        return reply(request.op, undefined);
      case "setWatches":
        watches.restore(this, tree, request);
        return reply(request.op, undefined);
      case "closeSession":
        sessions.end(session.id);
        tree.deleteEphemerals(session.id);
        reply(request.op, undefined);
        return this.#close();
    }
  }

  #create(request: Requests["create"] | Requests["create2"], session: Session): string {
    this.#check(request.op, parentOf(request.path), "create");
    const acl = grantedAcl(request.acl, this.#ids);
    if (acl === "invalid") throw new ZooKeeperError(request.op, request.path, errorCodes.invalidAcl);
    return this.#context.tree.create(request.path, request.data, {
      ephemeralOwner: (request.flags & createFlags.ephemeral) === 0 ? 0n : session.id,
      sequential: (request.flags & createFlags.sequential) !== 0,
      acl,
    });
  }

  #children(request: Requests["getChildren"] | Requests["getChildren2"]): string[] {
    const node = this.#check(request.op, request.path, "read");
    if (request.watch) this.#context.watches.add(request.path, this, "child");
    return [...node.children.keys()];
  }

  /** A part of a request for several: it may have an error of its own, and doesn't set a watch. */
  #childrenOrError(path: string): string[] | number {
    const fault = this.#context.fault({ op: "getChildren", path, watch: false });
    return typeof fault === "number" ? fault : readableNames(this.#context.tree, path, this.#ids);
  }

  #authenticate(xid: number, { scheme, auth }: Requests["auth"]): void {
    const { tree } = this.#context;
    if (scheme === "digest") {
      this.#ids.add(digestId(auth ?? new Uint8Array()));
      return writeReply(this.#writer, xid, tree.zxid, "auth", undefined);
    }
    writeError(this.#writer, { xid: specialXids.auth, zxid: tree.zxid, error: errorCodes.authFailed });
    this.#close();
  }

  /** The node at a path, if this client may use it so. @throws ZooKeeperError */
  #check(op: OpName, path: string, wanted: Permission) {
    const node = this.#context.tree.get(path);
    if (node === undefined) throw new ZooKeeperError(op, path, errorCodes.noNode);
    if (!isAllowed(node.acl, this.#ids, wanted)) throw new ZooKeeperError(op, path, errorCodes.noAuth);
    return node;
  }

  #stat(op: OpName, path: string) {
    const stat = this.#context.tree.stat(path);
    if (stat === undefined) throw new ZooKeeperError(op, path, errorCodes.noNode);
    return stat;
  }
}
