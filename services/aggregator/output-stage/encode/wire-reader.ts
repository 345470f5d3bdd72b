/**
 * Reads the fields of a protobuf message one after the other, without decoding what they hold: for messages that were
 * encoded here, of which only a few fields matter. The fields of the reader describe the field that {@link next} found.
 */
export class WireReader {
  readonly bytes: Buffer;
  /** The number of the present field. */
  field = 0;
  /** Where the present field begins, its tag included. */
  start = 0;
  /** Where its content begins and ends; both are the field's end if it is a number. */
  from = 0;
  to = 0;
  /** The present field's number, if it is one, or the length of its content. */
  value = 0;
  #at: number;
  readonly #end: number;

  /** Reads `bytes` from `from` up to `to`. */
  constructor(bytes: Buffer, from = 0, to = bytes.length) {
    this.bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** Goes to the next field; false at the end. @throws RangeError for a wire type other than 0 and 2. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.start = this.#at;
    const tag = this.#varint();
    this.field = tag >>> 3;
    this.value = this.#varint();
    switch (tag & 7) {
      case 0:
        this.from = this.#at;
        break;
      case 2:
        this.from = this.#at;
        this.#at += this.value;
        break;
      default:
        throw new RangeError(`A field of wire type ${tag & 7} can't be read`);
    }
    this.to = this.#at;
    return true;
  }

  /** The content of the present field as a text. */
  get text(): string {
    return this.bytes.toString("utf8", this.from, this.to);
  }

  /** The content of the present field as a message. */
  get message(): WireReader {
    return new WireReader(this.bytes, this.from, this.to);
  }

  /** The bytes of the present field, its tag included. */
  get whole(): Uint8Array {
    return this.bytes.subarray(this.start, this.to);
  }

  #varint(): number {
    const first = this.bytes[this.#at] ?? 0;
    // Nearly every tag and length.
    if (first < 0x80) {
      this.#at++;
      return first;
    }
    let value = 0;
    for (let factor = 1;; factor *= 0x80) {
      const byte = this.bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }
}
