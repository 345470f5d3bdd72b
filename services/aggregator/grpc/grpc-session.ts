import { constants } from "node:http2";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { GrpcCall } from "./grpc-call.ts";
import { GrpcStatus } from "./grpc-status.ts";
import { PingGuard } from "./ping-guard.ts";

/** How often and how long a connection is asked whether it is still there, in milliseconds. */
export interface Keepalive {
  /** 0: never. */
  readonly keepaliveInterval: number;
  readonly keepaliveTimeout: number;
}

/** How long the last bytes of a connection may take, in milliseconds. */
export const lastWordsMs = 500;

/** An address without the prefix of IPv4 in IPv6. */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** One client's connection: asks whether it is still there, sends it away if it pings too much, ends it in order. */
export class GrpcSession {
  /** `address:port` of the client. */
  readonly peer: string;
  /** The same without the port. */
  readonly address: string;
  readonly calls = new Set<GrpcCall>();
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket | undefined;
  readonly #log: Logger;
  readonly #pings = new PingGuard();
  readonly #timers = new Set<NodeJS.Timeout>();
  #waiting: NodeJS.Timeout | undefined;

  /** `socket` is the TCP connection below the session, which closes it in order but not at once. */
  constructor(session: ServerHttp2Session, socket: Socket | undefined, keepalive: Keepalive, log: Logger) {
    const { remoteAddress = "", remotePort = 0 } = session.socket;
    this.address = plainAddress(remoteAddress);
    this.peer = `${this.address}:${remotePort}`;
    this.#session = session;
    this.#socket = socket;
    this.#log = log;
    session.on("ping", () => this.#onPing());
    session.on("error", () => session.destroy());
    session.on("close", () => {
      for (const timer of this.#timers) clearTimeout(timer);
      clearTimeout(this.#waiting);
    });
    const { keepaliveInterval, keepaliveTimeout } = keepalive;
    if (keepaliveInterval > 0) {
      const timer = setInterval(() => this.#askWhetherAlive(keepaliveTimeout), keepaliveInterval);
      this.#timers.add(timer.unref());
    }
  }

  /** The TCP connection; undefined if it was closed before the session began. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Ends all calls with a status, and the connection when their last bytes are out, or {@link lastWordsMs} later. */
  end(code: GrpcStatus, message: string): void {
    for (const call of this.calls) call.end(code, message);
    this.#session.close();
    const cutting = setTimeout(() => {
      this.#session.destroy();
      // After close() the session waits for the client's FIN.
      this.#socket?.destroy();
    }, lastWordsMs);
    this.#timers.add(cutting);
  }

  /** Tells the client to make no more calls on this connection (GOAWAY); those that it has go on. */
  goAway(): void {
    if (!this.#session.destroyed && !this.#session.closed) this.#session.goaway(constants.NGHTTP2_NO_ERROR);
  }

  /** Ends the connection after a delay in milliseconds, unless it ends earlier. */
  endAfter(delayMs: number, code: GrpcStatus, message: string): void {
    this.#timers.add(setTimeout(() => this.end(code, message), delayMs));
  }

  #onPing(): void {
    const nowMs = performance.now();
    const { lastMs } = this.#pings;
    const sent = this.calls.values().some((call) => call.sentSince(lastMs));
    if (!this.#pings.onPing(nowMs, sent)) return;
    this.#log.warn({ address: this.peer }, "client pings too often, its connection is closed");
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too_many_pings"));
    this.end(GrpcStatus.unavailable, "too many pings");
  }

  #askWhetherAlive(timeoutMs: number): void {
    const session = this.#session;
    if (this.#waiting !== undefined || session.destroyed) return;
    this.#waiting = setTimeout(() => {
      this.#log.info(
        { address: this.peer, timeoutMs },
        "client doesn't answer pings, its connection is closed",
      );
      session.destroy();
    }, timeoutMs);
    session.ping(() => {
      clearTimeout(this.#waiting);
      this.#waiting = undefined;
    });
  }
}
