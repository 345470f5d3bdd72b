import { pause } from "../runtime/waiting.ts";
import { MeshError } from "../runtime/errors.ts";
import { HostRotation } from "../runtime/host-rotation.ts";
import { Connection } from "./connection.ts";
import { hostText } from "./connect-string.ts";
import type { Host } from "./connect-string.ts";
import { PendingRequests } from "./pending-requests.ts";
import { Session } from "./session.ts";
import { errorCodes, specialXids } from "./wire/codes.ts";
import type { OpName } from "./wire/codes.ts";
import { JuteReader } from "./wire/jute.ts";
import { connectRequest, connectResponse, replyHeader, watcherEvent } from "./wire/records.ts";
import type { WatcherEvent } from "./wire/records.ts";
import { readReply } from "./wire/replies.ts";
import type { Replies } from "./wire/replies.ts";
import { writeRequest } from "./wire/requests.ts";
import type { Requests } from "./wire/requests.ts";
import type { SessionEvent, ZooKeeperOptions } from "./zookeeper.ts";

/** How long a server may take to say goodbye, in milliseconds. */
const goodbyeMs = 1_000;

/** The shortest time that connecting and the first frame get, in milliseconds. */
const shortestConnectMs = 1_000;

/** Length of a first frame that is the header of an error: a server that is cut off from the others sends that. */
const errorFrameBytes = 16;

/** A request of a certain operation. */
export type RequestOf<Op extends OpName> = Requests[Op] & { readonly op: Op };

/** One connection, from the first attempt to its end. */
interface Attempt {
  readonly connection: Connection;
  readonly pending: PendingRequests;
  /** When the server greeted us; undefined before. */
  greetedMs: number | undefined;
}

/**
 * Keeps a session alive: finds a server, greets, authenticates, pings, and finds another one when that ends, until it
 * is closed. Requests go to the connection that there is, and fail with it.
 */
export class SessionKeeper {
  readonly #options: ZooKeeperOptions;
  readonly #hostCount: number;
  readonly #rotation: HostRotation<Host>;
  readonly #session: Session;
  readonly #onSession: (event: SessionEvent) => void;
  readonly #onEvent: (event: WatcherEvent) => void;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #attempt: Attempt | undefined;
  #server: string | undefined;
  #lastError: MeshError | undefined = new MeshError("registry-unavailable", "not connected to ZooKeeper yet");

  /** Begins at once; listeners are called in later turns. @param hosts at least one */
  constructor(
    hosts: readonly Host[],
    options: ZooKeeperOptions,
    listeners: { onSession(event: SessionEvent): void; onEvent(event: WatcherEvent): void },
  ) {
    this.#options = options;
    this.#hostCount = hosts.length;
    this.#rotation = new HostRotation(hosts);
    this.#session = new Session(options.sessionTimeoutMs, performance.now());
    this.#onSession = listeners.onSession;
    this.#onEvent = listeners.onEvent;
    this.#running = this.#run();
  }

  /** Aborts when it is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get isConnected(): boolean {
    return this.#attempt?.greetedMs !== undefined;
  }

  /** `host:port` that we are connected to, or were last. */
  get server(): string | undefined {
    return this.#server;
  }

  /** Why there is no connection; undefined while there is one. */
  get lastError(): MeshError | undefined {
    return this.#lastError;
  }

  /**
   * Sends a request. `onError` makes an answer of an error's number, or throws.
   * @throws MeshError `registry-unavailable` or `protocol-violation` if there is no connection, or it ends before the
   * answer.
   */
  request<Op extends OpName, Other>(
    request: RequestOf<Op>,
    onError: (error: number) => Other,
  ): Promise<Replies[Op] | Other> {
    const attempt = this.#attempt;
    if (attempt?.greetedMs === undefined) return Promise.reject(this.#unavailable());
    const { promise, resolve, reject } = Promise.withResolvers<Replies[Op] | Other>();
    const xid = attempt.pending.add({
      answer(error, reader) {
        if (error === errorCodes.ok) {
          resolve(readReply(reader, request.op));
          return;
        }
        try {
          resolve(onError(error));
        } catch (refused) {
          reject(refused);
        }
      },
      fail: reject,
    });
    attempt.connection.send((writer) => writeRequest<Op>(writer, xid, request));
    return promise;
  }

  /** Ends the connection, and connects to the same server again: nothing is wrong with it. */
  reconnect(reason: MeshError): void {
    this.#rotation.tryAgain();
    this.#attempt?.connection.close(reason);
  }

  /** Says goodbye, so that the session ends at once with its ephemeral nodes. */
  async close(): Promise<void> {
    const attempt = this.#attempt;
    this.#stop.abort();
    const closed = this.#unavailable();
    attempt?.pending.failAll(closed);
    if (attempt !== undefined && this.isConnected) {
      const end = () => attempt.connection.close(closed);
      const xid = attempt.pending.add({ answer: end, fail: () => {} });
      attempt.connection.send((writer) => writeRequest(writer, xid, { op: "closeSession" }));
      const late = setTimeout(end, goodbyeMs);
      await this.#running;
      clearTimeout(late);
    }
    attempt?.connection.close(closed);
    await this.#running;
  }

  #unavailable(): MeshError {
    if (this.#stop.signal.aborted) {
      return new MeshError("registry-unavailable", "the ZooKeeper client is closed");
    }
    return this.#lastError ?? new MeshError("registry-unavailable", "no connection to ZooKeeper");
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const { host, waitMs } = this.#rotation.next();
      await pause(waitMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      await this.#connect(host);
    }
  }

  /** Uses one server until the connection to it ends. */
  async #connect(host: Host): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const { tls, maxFrameBytes } = this.#options;
    const share = this.#session.timeoutMs * 2 / 3 / this.#hostCount;
    const attempt: Attempt = {
      connection: new Connection({
        host,
        tls,
        maxFrameBytes,
        connectTimeoutMs: Math.max(shortestConnectMs, share),
        onFrame: (frame) => this.#onFrame(attempt, frame),
        onPingDue: () =>
          attempt.connection.send((writer) => writeRequest(writer, specialXids.ping, { op: "ping" })),
        onClose: (error, hungUp) => {
          this.#onClose(attempt, error, hungUp);
          resolve();
        },
      }),
      pending: new PendingRequests(),
      greetedMs: undefined,
    };
    this.#attempt = attempt;
    this.#server = hostText(host);
    const greeting = this.#session.request();
    attempt.connection.send((writer) => writer.frame(() => connectRequest.write(writer, greeting)));
    await ended;
  }

  #onFrame(attempt: Attempt, frame: Buffer): void {
    const reader = new JuteReader(frame);
    if (attempt.greetedMs === undefined) {
      this.#onGreeting(attempt, reader);
      return;
    }
    const header = replyHeader.read(reader);
    switch (header.xid) {
      case specialXids.notification:
        this.#onEvent(watcherEvent.read(reader));
        return;
      case specialXids.ping:
        return;
      case specialXids.auth:
        if (header.error !== errorCodes.ok) throw refusal("it refuses digest authentication");
        return;
      default:
        this.#session.sawZxid(header.zxid);
        if (header.error === errorCodes.sessionExpired) throw refusal("the session has expired");
        if (header.error === errorCodes.sessionMoved) throw refusal("the session is at another server");
        attempt.pending.answer(header, reader);
    }
  }

  #onGreeting(attempt: Attempt, reader: JuteReader): void {
    if (reader.remaining === errorFrameBytes) {
      throw refusal(`it greets with error ${replyHeader.read(reader).error}`);
    }
    const nowMs = performance.now();
    const greeting = this.#session.greet(connectResponse.read(reader), nowMs);
    if (greeting === "refused") throw refusal("it takes only readers, being cut off from its ensemble");
    if (greeting === "expired") {
      this.#rotation.tryAgain();
      this.#onSession("expired");
      throw refusal("the session has expired");
    }
    attempt.greetedMs = nowMs;
    this.#lastError = undefined;
    attempt.connection.keepAlive(this.#session.timeoutMs);
    const { digest } = this.#options;
    if (digest !== undefined) {
      const auth = new TextEncoder().encode(`${digest.username}:${digest.password}`);
      attempt.connection.send((writer) =>
        writeRequest(writer, specialXids.auth, { op: "auth", scheme: "digest", auth })
      );
    }
    this.#onSession("connected");
  }

  #onClose(attempt: Attempt, error: MeshError, hungUp: boolean): void {
    const nowMs = performance.now();
    const { greetedMs } = attempt;
    this.#lastError = error;
    this.#attempt = undefined;
    attempt.pending.failAll(error);
    this.#rotation.ended(greetedMs === undefined ? 0 : nowMs - greetedMs);
    if (greetedMs !== undefined) {
      this.#session.ended(nowMs);
      this.#onSession("disconnected");
    } else if (hungUp && this.#session.hungUp(this.#hostCount, nowMs)) {
      this.#onSession("expired");
    }
  }
}

function refusal(text: string): MeshError {
  return new MeshError("registry-unavailable", text);
}
