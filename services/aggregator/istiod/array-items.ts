/** Largest item that is put together, in bytes: no resource is larger. */
const maxItemBytes = 16 * 1024 * 1024;

const [quote, backslash, opening, closing] = [0x22, 0x5c, 0x7b, 0x7d];
const [space, listBegin, listEnd] = [0x20, 0x5b, 0x5d];

/**
 * Cuts the objects out of a JSON array that comes in pieces, so that an answer of any length needs no more memory than
 * its largest item. Of the bytes between objects only the first and the last count: what an item holds is for
 * `JSON.parse` to check.
 */
export class ArrayItems {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** The first and the last byte outside of objects and texts, spaces aside. */
  #first = 0;
  #last = 0;

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
      if (this.#depth === 0 && byte !== undefined && byte > space) {
        if (this.#first === 0) this.#first = byte;
        this.#last = byte;
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

  /** There is no more. @throws SyntaxError if that was no list, or not all of it */
  end(): void {
    if (this.#first !== listBegin || this.#last !== listEnd) {
      throw new SyntaxError("it answers with no list of configurations, or with a part of one");
    }
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
