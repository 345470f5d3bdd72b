import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { errorText } from "../../../shared/runtime/errors.ts";
import { GrpcStatus, statusTrailers } from "./grpc-status.ts";
import { MessageReader, prefixBytes, UnusableMessage } from "./message-reader.ts";
import { RequestArrival } from "./request-arrival.ts";
import type { RequestLimits } from "./request-arrival.ts";

export { GrpcStatus };

/** A message in pieces that are shared with other calls and never copied together; nobody may change them. */
export type MessagePieces = readonly Uint8Array[];

/** What the owner of a call wants to be told. */
export interface CallHandler {
  /** A message of the client. What it throws ends the call with `invalidArgument`. */
  onMessage(bytes: Buffer): void;
  /** The client has nothing more to say. Without this method the call ends then, after what was sent so far. */
  onHalfClose?(): void;
  /** The call is over, for whatever reason. Comes once. */
  onClose(reason: string): void;
}

/** Messages up to this size are sent in one piece: copying them is cheaper than further writes. */
const smallMessageBytes = 16 * 1024;

/**
 * What is handed to HTTP/2 at a time, and waited for: so much of a message is out of our hands when a client stalls.
 * With TLS it is copied there. A quarter of this costs a third more CPU per push, four times of it saves nothing.
 */
const sliceBytes = 1024 * 1024;

/** One bidirectional gRPC call on an HTTP/2 stream. */
export class GrpcCall {
  /** `address:port` of the client. */
  readonly peer: string;
  readonly #stream: ServerHttp2Stream;
  readonly #queue: Uint8Array[] = [];
  #status: { readonly code: GrpcStatus; readonly message: string } = { code: GrpcStatus.ok, message: "" };
  #ending = false;
  #blocked = false;
  #lastWriteMs = Number.NEGATIVE_INFINITY;
  #handler: CallHandler | undefined;
  #arrival: RequestArrival | undefined;

  /** Answers the call's headers; trailers come with {@link end}. */
  constructor(stream: ServerHttp2Stream, peer: string) {
    this.#stream = stream;
    this.peer = peer;
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-accept-encoding": "identity" },
      {
        waitForTrailers: true,
      },
    );
    stream.on("wantTrailers", () => {
      stream.sendTrailers(statusTrailers(this.#status.code, this.#status.message));
      // What the client still wants to say, nobody will read. (After the trailers have left: a reset overtakes them.)
      setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    });
    stream.on("drain", () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  /** True if something was sent since then (by `performance.now()`), or is being sent. */
  sentSince(timeMs: number): boolean {
    return this.#blocked || this.#lastWriteMs >= timeMs;
  }

  /**
   * Begins to read. Requests that are too long end the call with `resourceExhausted`, those that take too long with
   * `deadlineExceeded`; `onSlow` is told of the latter.
   */
  start(handler: CallHandler, limits: RequestLimits, onSlow: (message: string) => void): void {
    this.#handler = handler;
    const stream = this.#stream;
    const reader = new MessageReader(limits.maxRequestBytes);
    const arrival = new RequestArrival(stream, limits, (isFirst) => {
      const what = isFirst ? "no request" : "request not complete";
      const message = `${what} within ${limits.requestTimeout} ms (xds.requestTimeout)`;
      onSlow(message);
      this.end(GrpcStatus.deadlineExceeded, message);
    });
    this.#arrival = arrival;
    stream.on("data", (bytes: Buffer) => {
      if (this.#ending) return;
      try {
        const messages = reader.read(bytes);
        arrival.onData(reader, messages.length);
        for (const message of messages) handler.onMessage(message);
      } catch (error) {
        const code = error instanceof UnusableMessage ? error.status : GrpcStatus.invalidArgument;
        this.end(code, errorText(error));
      }
    });
    stream.on("end", () => {
      if (handler.onHalfClose === undefined) this.end(GrpcStatus.ok, "");
      else handler.onHalfClose();
    });
    stream.on("error", (error) => this.#close(errorText(error)));
    stream.on("close", () => this.#close("stream closed"));
  }

  /**
   * Sends a message. Pieces wait here while the client doesn't read; that this stays bounded is the protocol's duty
   * (one response per type in flight).
   */
  send(pieces: MessagePieces): void {
    if (this.#ending) return;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(length, 1);
    if (length <= smallMessageBytes) this.#queue.push(Buffer.concat([prefix, ...pieces]));
    else this.#queue.push(prefix, ...pieces);
    this.#pump();
  }

  /** Ends the call with a status, after what is queued was sent. */
  end(code: GrpcStatus, message: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#status = { code, message };
    this.#close(message === "" ? "stream ended" : message);
    this.#pump();
  }

  /** Ends the call at once: what is queued is forgotten. A client in the middle of a message is cut off. */
  drop(code: GrpcStatus, message: string): void {
    this.#queue.length = 0;
    this.end(code, message);
    // gRPC's clients take this reset for `unavailable`. A status can't follow half a message.
    if (this.#blocked) this.#stream.close(constants.NGHTTP2_REFUSED_STREAM);
  }

  /** Hands over the next slice, as one write of HTTP/2 (`cork`), and waits until the client has taken it. */
  #pump(): void {
    const stream = this.#stream;
    if (stream.destroyed) return;
    if (!this.#blocked && this.#queue.length > 0) {
      this.#lastWriteMs = performance.now();
      stream.cork();
      for (let free = sliceBytes; free > 0;) {
        const piece = this.#queue.shift();
        if (piece === undefined) break;
        if (piece.length > free) this.#queue.unshift(piece.subarray(free));
        this.#blocked = !stream.write(piece.length > free ? piece.subarray(0, free) : piece);
        free -= piece.length;
      }
      stream.uncork();
    }
    if (this.#ending && this.#queue.length === 0 && !stream.writableEnded) stream.end();
  }

  #close(reason: string): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#arrival?.end();
    handler?.onClose(reason);
  }
}
