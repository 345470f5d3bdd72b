/** Largest item that is put together, in bytes: no resource is larger. */
const maxItemBytes = 16 * 1024 * 1024;

const [quote, backslash, opening, closing] = [0x22, 0x5c, 0x7b, 0x7d];

/**
 * Cuts the objects out of a JSON array that comes in pieces, so that an answer of any length needs no more memory than
 * its largest item. Bytes between objects aren't looked at: what an item holds is for `JSON.parse` to check.
 */
export class ArrayItems {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #depth = 0;
  #inText = false;
  #escaped = false;

  /** The objects that end in the next piece, as text. @throws RangeError for one that is too large */
  *add(piece: Uint8Array): Generator<string, undefined, undefined> {
    let begin = this.#depth > 0 ? 0 : -1;
    for (let index = 0; index < piece.length; index++) {
      const byte = piece[index];
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === backslash) this.#escaped = true;
        else if (byte === quote) this.#inText = false;
        continue;
      }
      if (byte === quote) this.#inText = true;
      else if (byte === opening) {
        if (this.#depth++ === 0) begin = index;
      } else if (byte === closing && this.#depth > 0 && --this.#depth === 0) {
        this.#keep(piece.subarray(begin, index + 1));
        begin = -1;
        yield this.#take();
      }
    }
    if (begin >= 0) this.#keep(piece.subarray(begin));
  }

  #keep(part: Uint8Array): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes > maxItemBytes) throw new RangeError(`an item has more than ${maxItemBytes} bytes`);
  }

  #take(): string {
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#bytes = 0;
    return text;
  }
}
