import { MeshError } from "../../runtime/errors.ts";

/**
 * Reads values in Hessian 2 (hessian.caucho.com/doc/hessian-serialization.html), as far as a Dubbo provider's answer
 * about itself needs it: objects and maps become records, dates and longs numbers, binary data Uint8Arrays.
 */
export class HessianReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** Classes, types and containers, each referred to by their order. */
  readonly #classes: string[][] = [];
  #types = 0;
  readonly #containers: unknown[] = [];
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** True if all was read. */
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next value. @throws MeshError protocol-violation if there is none, or it is broken. */
  read(): unknown {
    if (this.#depth > deepest) throw broken("its values are nested too deeply");
    this.#depth++;
    try {
      return this.#value(this.#byte());
    } finally {
      this.#depth--;
    }
  }

  #value(code: number): unknown {
    if (code <= 0x1f || (code >= 0x30 && code <= 0x33) || code === 0x52 || code === 0x53) {
      return this.#text(code);
    }
    if (code <= 0x2f || (code >= 0x34 && code <= 0x37) || code === 0x41 || code === 0x42) {
      return this.#binary(code);
    }
    if (code >= 0x60 && code <= 0x6f) return this.#object(code - 0x60);
    if (code >= 0x70 && code <= 0x77) return this.#list(code - 0x70, true);
    if (code >= 0x78 && code <= 0x7f) return this.#list(code - 0x78, false);
    if (code >= 0x80 && code <= 0xd7) return this.#compactInt(code);
    if (code >= 0xd8 || (code >= 0x38 && code <= 0x3f)) return this.#compactLong(code);
    return this.#tagged(code);
  }

  #tagged(code: number): unknown {
    switch (code) {
      case 0x4e: // N
        return null;
      case 0x54: // T
        return true;
      case 0x46: // F
        return false;
      case 0x49: // I
      case 0x59: // a long of four bytes
        return this.#take(4).readInt32BE();
      case 0x4c: // L
      case 0x4a: // date in milliseconds
        return Number(this.#take(8).readBigInt64BE());
      case 0x4b: // date in minutes
        return this.#take(4).readInt32BE() * 60_000;
      case 0x43: // C: a class, then what follows it
        this.#class();
        return this.read();
      case 0x4f: // O
        return this.#object(this.#int());
      case 0x48: // H
        return this.#map();
      case 0x4d: // M
        this.#type();
        return this.#map();
      case 0x51: // Q
        return this.#reference();
      case 0x55:
        return this.#list(undefined, true);
      case 0x56:
        this.#type();
        return this.#list(this.#int(), false);
      case 0x57:
        return this.#list(undefined, false);
      case 0x58:
        return this.#list(this.#int(), false);
      default:
        return this.#double(code);
    }
  }

  #double(code: number): number {
    switch (code) {
      case 0x44: // D
        return this.#take(8).readDoubleBE();
      case 0x5b:
        return 0;
      case 0x5c:
        return 1;
      case 0x5d:
        return this.#take(1).readInt8();
      case 0x5e:
        return this.#take(2).readInt16BE();
      case 0x5f:
        return this.#take(4).readInt32BE() / 1000;
      default:
        throw broken(`0x${code.toString(16)} begins no value`);
    }
  }

  #class(): void {
    this.#string();
    const count = this.#int();
    const fields: string[] = [];
    for (let i = 0; i < count; i++) fields.push(this.#string());
    this.#classes.push(fields);
  }

  #object(index: number): Record<string, unknown> {
    const fields = this.#classes[index];
    if (fields === undefined) throw broken(`class ${index} wasn't defined`);
    const object = emptyRecord();
    this.#containers.push(object);
    for (const field of fields) object[field] = this.read();
    return object;
  }

  #map(): Record<string, unknown> {
    const map = emptyRecord();
    this.#containers.push(map);
    while (!this.#ended()) {
      const key = this.read();
      map[String(key)] = this.read();
    }
    return map;
  }

  /** Without a length it ends with Z. */
  #list(length: number | undefined, typed: boolean): unknown[] {
    if (typed) this.#type();
    const list: unknown[] = [];
    this.#containers.push(list);
    if (length === undefined) { while (!this.#ended()) list.push(this.read()); }
    else for (let i = 0; i < length; i++) list.push(this.read());
    return list;
  }

  #ended(): boolean {
    if (this.#bytes[this.#at] !== 0x5a) return false;
    this.#at++;
    return true;
  }

  #reference(): unknown {
    const index = this.#int();
    if (index < 0 || index >= this.#containers.length) throw broken(`there is no value ${index} to refer to`);
    return this.#containers[index];
  }

  /** A name, or the number of one that came before; nobody here asks which. */
  #type(): void {
    const type = this.read();
    if (typeof type === "string") this.#types++;
    else if (typeof type !== "number" || type < 0 || type >= this.#types) throw broken("a type has no name");
  }

  #int(): number {
    const value = this.read();
    if (typeof value !== "number" || !Number.isInteger(value)) throw broken("a number was expected");
    return value;
  }

  #string(): string {
    const value = this.read();
    if (typeof value !== "string") throw broken("a text was expected");
    return value;
  }

  #compactInt(code: number): number {
    if (code <= 0xbf) return code - 0x90;
    if (code <= 0xcf) return ((code - 0xc8) << 8) + this.#byte();
    return ((code - 0xd4) << 16) + this.#take(2).readUInt16BE();
  }

  #compactLong(code: number): number {
    if (code <= 0x3f) return ((code - 0x3c) << 16) + this.#take(2).readUInt16BE();
    if (code <= 0xef) return code - 0xe0;
    return ((code - 0xf8) << 8) + this.#byte();
  }

  #text(first: number): string {
    let code = first;
    let text = "";
    while (code === 0x52) {
      text += this.#characters(this.#take(2).readUInt16BE());
      code = this.#byte();
    }
    if (code <= 0x1f) return text + this.#characters(code);
    if (code >= 0x30 && code <= 0x33) return text + this.#characters(((code - 0x30) << 8) + this.#byte());
    if (code === 0x53) return text + this.#characters(this.#take(2).readUInt16BE());
    throw broken("a text ends within");
  }

  /** Lengths count UTF-16 units, of which Java writes each by itself: halves of a pair take three bytes each. */
  #characters(units: number): string {
    const codes: number[] = [];
    while (codes.length < units) {
      const first = this.#byte();
      if (first < 0x80) codes.push(first);
      else if (first < 0xe0) codes.push(((first & 0x1f) << 6) + this.#tail());
      else if (first < 0xf0) codes.push(((first & 0x0f) << 12) + (this.#tail() << 6) + this.#tail());
      else {
        const point = ((first & 7) << 18) + (this.#tail() << 12) + (this.#tail() << 6) + this.#tail() -
          0x10000;
        codes.push(0xd800 + ((point >> 10) & 0x3ff), 0xdc00 + (point & 0x3ff));
      }
    }
    let text = "";
    // In pieces: arguments of a call are limited.
    for (let i = 0; i < codes.length; i += 4096) text += String.fromCharCode(...codes.slice(i, i + 4096));
    return text;
  }

  #tail(): number {
    return this.#byte() & 0x3f;
  }

  #binary(first: number): Uint8Array {
    let code = first;
    const chunks: Uint8Array[] = [];
    while (code === 0x41) {
      chunks.push(this.#take(this.#take(2).readUInt16BE()));
      code = this.#byte();
    }
    if (code >= 0x20 && code <= 0x2f) chunks.push(this.#take(code - 0x20));
    else if (code >= 0x34 && code <= 0x37) chunks.push(this.#take(((code - 0x34) << 8) + this.#byte()));
    else if (code === 0x42) chunks.push(this.#take(this.#take(2).readUInt16BE()));
    else throw broken("binary data end within");
    return Buffer.concat(chunks);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw broken("it ends too early");
    return byte;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw broken("it ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** Deeper than any answer of Dubbo's. */
const deepest = 64;

/** A text in Hessian 2; of at most 65,535 UTF-16 units. */
export function hessianText(text: string): Uint8Array {
  const length = text.length;
  const header = length <= 0x1f
    ? [length]
    : length <= 0x3ff
    ? [0x30 + (length >> 8), length & 0xff]
    : [0x53, length >> 8, length & 0xff];
  const body: number[] = [];
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) body.push(unit);
    else if (unit < 0x800) body.push(0xc0 | (unit >> 6), 0x80 | (unit & 0x3f));
    else body.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f));
  }
  return Uint8Array.from([...header, ...body]);
}

/** An untyped map of texts in Hessian 2. */
export function hessianMap(entries: Readonly<Record<string, string>>): Uint8Array {
  const parts = Object.entries(entries).flat().map(hessianText);
  return Buffer.concat([Uint8Array.of(0x48), ...parts, Uint8Array.of(0x5a)]);
}

function emptyRecord(): Record<string, unknown> {
  return Object.create(null);
}

function broken(reason: string): MeshError {
  return new MeshError("protocol-violation", `a Hessian answer can't be read: ${reason}`);
}
