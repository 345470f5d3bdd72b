import { MeshError } from "../../../shared/runtime/errors.ts";
import { GrpcStatus } from "./grpc-status.ts";

/** gRPC's message prefix: one byte that says whether the message is compressed, four for its length. */
export const prefixBytes = 5;

/** A message that can't be taken, with the status that gRPC wants the call to end with. Its code is `protocol-violation`. */
export class UnusableMessage extends MeshError {
  readonly status: GrpcStatus;

  constructor(status: GrpcStatus, message: string) {
    super("protocol-violation", message);
    this.status = status;
  }
}

/**
 * Cuts the bytes of a gRPC stream into messages («Length-Prefixed-Message» of gRPC over HTTP/2). A message may arrive
 * in any pieces, and a piece may hold several messages. Pieces are joined once, when the message is complete: a long
 * one costs its length, however finely it was cut.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Bytes that have to be there before it is worth looking again. */
  #needed = prefixBytes;

  /** Longer messages than `maxMessageBytes` are refused. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Takes the next bytes and answers the messages that are complete with them.
   * @throws UnusableMessage if a message is compressed (we offer no compression) or too long.
   */
  read(bytes: Buffer): Buffer[] {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes < this.#needed) return [];
    let rest = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces, this.#bytes);
    const messages: Buffer[] = [];
    for (;;) {
      this.#needed = prefixBytes;
      if (rest.length < prefixBytes) break;
      this.#needed += this.#lengthIn(rest);
      if (rest.length < this.#needed) break;
      messages.push(rest.subarray(prefixBytes, this.#needed));
      rest = rest.subarray(this.#needed);
    }
    this.#pieces = rest.length === 0 ? [] : [Buffer.from(rest)];
    this.#bytes = rest.length;
    return messages;
  }

  /** True if a message has begun to arrive and isn't complete. */
  get isInMessage(): boolean {
    return this.#bytes > 0;
  }

  /** The length of the message that is arriving, with its prefix, as far as that is known. */
  get neededBytes(): number {
    return this.#needed;
  }

  #lengthIn(prefixed: Buffer): number {
    if (prefixed[0] !== 0) {
      throw new UnusableMessage(
        GrpcStatus.unimplemented,
        "gRPC message is compressed, which wasn't agreed on",
      );
    }
    const length = prefixed.readUInt32BE(1);
    if (length <= this.#maxMessageBytes) return length;
    throw new UnusableMessage(
      GrpcStatus.resourceExhausted,
      `gRPC message has ${length} bytes, at most ${this.#maxMessageBytes} are taken (xds.maxRequestBytes)`,
    );
  }
}
