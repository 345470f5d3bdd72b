import { MeshError } from "../../../shared/runtime/errors.ts";

/** gRPC's message prefix: one byte that says whether the message is compressed, four for its length. */
export const prefixBytes = 5;

/**
 * Cuts the bytes of a gRPC stream into messages («Length-Prefixed-Message» of gRPC over HTTP/2). A message may arrive
 * in any pieces, and a piece may hold several messages.
 */
export class MessageReader {
  readonly #maxMessageBytes: number;
  #pending: Buffer = Buffer.alloc(0);

  /** Longer messages than `maxMessageBytes` are a protocol violation. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Takes the next bytes and answers the messages that are complete with them.
   * @throws MeshError `protocol-violation` on a compressed message (we offer no compression) or one that is too long.
   */
  read(bytes: Buffer): Buffer[] {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const messages: Buffer[] = [];
    while (rest.length >= prefixBytes) {
      if (rest[0] !== 0) {
        throw new MeshError("protocol-violation", "gRPC message is compressed, which wasn't agreed on");
      }
      const length = rest.readUInt32BE(1);
      if (length > this.#maxMessageBytes) {
        throw new MeshError(
          "protocol-violation",
          `gRPC message has ${length} bytes, at most ${this.#maxMessageBytes} are taken`,
        );
      }
      if (rest.length < prefixBytes + length) break;
      messages.push(rest.subarray(prefixBytes, prefixBytes + length));
      rest = rest.subarray(prefixBytes + length);
    }
    this.#pending = rest.length === 0 ? Buffer.alloc(0) : Buffer.from(rest);
    return messages;
  }
}
