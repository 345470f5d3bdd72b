/** Texts of more characters than this are written by native code. */
const longestLooped = 64;

/** A map in the buffer, between two marks. */
interface WrittenMap {
  readonly field: number;
  readonly map: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
}

/**
 * A protobuf writer that fills its buffer from the end to the front. Going backwards, the length of a nested message
 * is known when its header is written, so nothing is measured twice and nothing is moved. Fields are therefore
 * written in descending order of their numbers and come out ascending.
 *
 * The caller reads a result with {@link finish} before it begins the next message. One writer is reused for all.
 */
export class WireWriter {
  #buffer: Buffer;
  #position: number;
  /** The map that was written last, with the marks before and after it: it often comes again at once. */
  #lastMap: WrittenMap | undefined;

  constructor(initialBytes = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
    this.#position = initialBytes;
  }

  /** A mark to measure from: the number of bytes written so far. */
  get written(): number {
    return this.#buffer.length - this.#position;
  }

  /** The bytes written since `mark`, as a view that is valid until the next write. */
  since(mark: number): Uint8Array {
    return this.#buffer.subarray(this.#position, this.#buffer.length - mark);
  }

  /** A copy of everything written; the writer is empty afterwards. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(this.written);
    bytes.set(this.#buffer.subarray(this.#position));
    this.#position = this.#buffer.length;
    this.#lastMap = undefined;
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#position >= bytes) return;
    const written = this.written;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, written + bytes));
    this.#buffer.copy(grown, grown.length - written, this.#position);
    this.#position = grown.length - written;
    this.#buffer = grown;
  }

  #varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[--this.#position] = value;
      return;
    }
    let length = 1;
    for (let rest = Math.floor(value / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) length++;
    this.#reserve(length);
    this.#position -= length;
    let at = this.#position;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[at++] = (rest % 0x80) | 0x80;
    this.#buffer[at] = rest;
  }

  /** A varint field; zero, the default of proto3, is left out. `value` is a non-negative integer. */
  uint(field: number, value: number | undefined): void {
    if (value === undefined || value === 0) return;
    this.#varint(value);
    this.#varint(field << 3);
  }

  /** A string field; the empty string is left out. */
  string(field: number, value: string | undefined): void {
    if (value !== undefined && value !== "") this.stringAlways(field, value);
  }

  /** A string field that is written even when empty: an element of a repeated field. */
  stringAlways(field: number, value: string): void {
    const bytes = this.#shortAscii(value) ? value.length : this.#utf8(value);
    this.#varint(bytes);
    this.#varint((field << 3) | 2);
  }

  /** Nearly all texts are of this kind: a loop takes half the time of the calls into native code. */
  #shortAscii(value: string): boolean {
    const { length } = value;
    if (length > longestLooped) return false;
    this.#reserve(length);
    const start = this.#position - length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      this.#buffer[start + index] = code;
    }
    this.#position = start;
    return true;
  }

  #utf8(value: string): number {
    const bytes = Buffer.byteLength(value);
    this.#reserve(bytes);
    this.#position -= bytes;
    this.#buffer.write(value, this.#position);
    return bytes;
  }

  /** Whole fields that are already encoded, tags included. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length);
    this.#position -= fields.length;
    this.#buffer.set(fields, this.#position);
  }

  /** Bytes that are already encoded. */
  bytes(field: number, value: Uint8Array): void {
    this.raw(value);
    this.#varint(value.length);
    this.#varint((field << 3) | 2);
  }

  /** Closes a nested message whose content was written since `mark`: prepends its length and the field's tag. */
  message(field: number, mark: number): void {
    this.#varint(this.written - mark);
    this.#varint((field << 3) | 2);
  }

  /** Repeated strings, in the order given. */
  strings(field: number, values: readonly string[] | undefined): void {
    if (values === undefined) return;
    for (let index = values.length - 1; index >= 0; index--) this.stringAlways(field, values[index] ?? "");
  }

  /**
   * A `map<string, string>`, ordered by key, so that equal content has equal bytes. Endpoints of a service mostly have
   * the same labels: those of the last one are copied then, which costs a fifth.
   */
  stringMap(field: number, map: Readonly<Record<string, string>> | undefined): void {
    if (map === undefined) return;
    const last = this.#lastMap;
    if (last !== undefined && last.field === field && isSameMap(last.map, map)) {
      const bytes = last.to - last.from;
      this.#reserve(bytes);
      const end = this.#buffer.length - last.from;
      this.#position -= bytes;
      this.#buffer.copyWithin(this.#position, end - bytes, end);
      return;
    }
    const from = this.written;
    this.#writeStringMap(field, map);
    this.#lastMap = { field, map, from, to: this.written };
  }

  #writeStringMap(field: number, map: Readonly<Record<string, string>>): void {
    for (const key of Object.keys(map).sort().reverse()) {
      const mark = this.written;
      this.string(2, map[key]);
      this.string(1, key);
      this.message(field, mark);
    }
  }

  /** A `map<string, uint32>`, ordered by key. */
  uintMap(field: number, map: Readonly<Record<string, number>> | undefined): void {
    if (map === undefined) return;
    for (const key of Object.keys(map).sort().reverse()) {
      const mark = this.written;
      this.uint(2, map[key]);
      this.string(1, key);
      this.message(field, mark);
    }
  }
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  let keys = 0;
  for (const key in a) {
    if (a[key] !== b[key]) return false;
    keys++;
  }
  for (const _key in b) keys--;
  return keys === 0;
}
