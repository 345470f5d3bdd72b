import type { ServerHttp2Stream } from "node:http2";
import { errorText } from "../../../shared/runtime/errors.ts";
import { MessageReader, prefixBytes } from "./message-reader.ts";

/** The gRPC status codes that we answer with. */
export const GrpcStatus = {
  ok: 0,
  invalidArgument: 3,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/** A message in pieces that are shared with other calls and never copied together; nobody may change them. */
export type MessagePieces = readonly Uint8Array[];

/** What the owner of a call wants to be told. */
export interface CallHandler {
  /** A message of the client. What it throws ends the call with `invalidArgument`. */
  onMessage(bytes: Buffer): void;
  /** The call is over, for whatever reason. Comes once. */
  onClose(reason: string): void;
}

/** Messages up to this size are sent in one piece: copying them is cheaper than further writes. */
const smallMessageBytes = 16 * 1024;

/** One bidirectional gRPC call on an HTTP/2 stream. */
export class GrpcCall {
  /** `address:port` of the client. */
  readonly peer: string;
  readonly #stream: ServerHttp2Stream;
  readonly #queue: Uint8Array[] = [];
  #status: { readonly code: GrpcStatus; readonly message: string } = { code: GrpcStatus.ok, message: "" };
  #ending = false;
  #blocked = false;
  #handler: CallHandler | undefined;

  /** Answers the call's headers; trailers come with {@link end}. */
  constructor(stream: ServerHttp2Stream, peer: string) {
    this.#stream = stream;
    this.peer = peer;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => {
      const { code, message } = this.#status;
      stream.sendTrailers({
        "grpc-status": String(code),
        ...(message === "" ? {} : { "grpc-message": encodeURI(message) }),
      });
    });
    stream.on("drain", () => {
      this.#blocked = false;
      this.#pump();
    });
  }

  /** Begins to read. Messages longer than `maxMessageBytes` end the call. */
  start(handler: CallHandler, maxMessageBytes: number): void {
    this.#handler = handler;
    const stream = this.#stream;
    const reader = new MessageReader(maxMessageBytes);
    stream.on("data", (bytes: Buffer) => {
      try {
        for (const message of reader.read(bytes)) handler.onMessage(message);
      } catch (error) {
        this.end(GrpcStatus.invalidArgument, errorText(error));
      }
    });
    stream.on("end", () => this.end(GrpcStatus.ok, ""));
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

  #pump(): void {
    if (this.#stream.destroyed) return;
    while (!this.#blocked) {
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#blocked = !this.#stream.write(piece);
    }
    if (this.#ending && this.#queue.length === 0 && !this.#stream.writableEnded) this.#stream.end();
  }

  #close(reason: string): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose(reason);
  }
}
