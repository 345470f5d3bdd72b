import { MeshError } from "../../runtime/errors.ts";

/**
 * Jute, the encoding of everything in ZooKeeper's protocol: fields in their order, big-endian, without tags. Texts,
 * buffers and lists begin with their length, -1 for none.
 */
export interface Codec<T> {
  /** Appends the record. */
  write(writer: JuteWriter, value: T): void;
  /** Takes the record. @throws MeshError `protocol-violation` if that isn't one. */
  read(reader: JuteReader): T;
}

/** Reads the fields of one frame. Every method throws a MeshError `protocol-violation` where the frame is too short. */
export class JuteReader {
  readonly #bytes: Buffer;
  /** A Buffer puts a `long` together from halves, which makes reading a Stat twice as dear. */
  readonly #view: DataView;
  #position = 0;

  /** @param bytes what stands in a frame behind its length; it is looked at, not copied */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** How many bytes have not been read. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  boolean(): boolean {
    return this.#bytes[this.#take(1)] !== 0;
  }

  int(): number {
    return this.#view.getInt32(this.#take(4));
  }

  long(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  /** A buffer of its own, or undefined where the sender has none: ZooKeeper tells that from an empty one. */
  buffer(): Uint8Array | undefined {
    const length = this.int();
    if (length === -1) return undefined;
    const start = this.#take(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  /** A text; none is the empty one. */
  text(): string {
    const length = this.int();
    if (length === -1) return "";
    const start = this.#take(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  /** A list; none is the empty one. */
  list<T>(element: (reader: JuteReader) => T): T[] {
    const count = this.int();
    // The shortest element has four bytes: a wrong count must not cost memory before it is noticed.
    if (count < -1 || count * 4 > this.remaining) throw tooShort(count);
    const list: T[] = [];
    for (let index = 0; index < count; index++) list.push(element(this));
    return list;
  }

  texts(): string[] {
    return this.list(readText);
  }

  /** Leaves out fields that nobody asks for. */
  skip(length: number): undefined {
    this.#take(length);
  }

  /** Where the field begins that has this length. */
  #take(length: number): number {
    const start = this.#position;
    if (length < 0 || length > this.#bytes.length - start) throw tooShort(length);
    this.#position = start + length;
    return start;
  }
}

const readText = (reader: JuteReader) => reader.text();

function tooShort(length: number): MeshError {
  return new MeshError(
    "protocol-violation",
    `malformed ZooKeeper frame: it ends within a field of length ${length}`,
  );
}

/** Writes frames one behind the other into one growing buffer, so that many small requests are one write. */
export class JuteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  /** How many bytes have been written since the last {@link take}. */
  get length(): number {
    return this.#length;
  }

  /** All that was written. The writer begins anew, with a buffer of its own. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(4096);
    this.#length = 0;
    return bytes;
  }

  /** Writes what `content` writes, behind its length. */
  frame(content: (writer: JuteWriter) => void): this {
    const start = this.#room(4);
    content(this);
    this.#bytes.writeInt32BE(this.#length - start - 4, start);
    return this;
  }

  boolean(value: boolean): void {
    const start = this.#room(1);
    this.#bytes[start] = value ? 1 : 0;
  }

  int(value: number): void {
    const start = this.#room(4);
    this.#bytes.writeInt32BE(value, start);
  }

  long(value: bigint): void {
    const start = this.#room(8);
    this.#bytes.writeBigInt64BE(value, start);
  }

  buffer(value: Uint8Array | undefined): void {
    this.int(value?.length ?? -1);
    if (value === undefined) return;
    const start = this.#room(value.length);
    this.#bytes.set(value, start);
  }

  text(value: string): void {
    // A unit of UTF-16 takes three bytes at most.
    const start = this.#room(4 + value.length * 3);
    const length = this.#bytes.write(value, start + 4, "utf8");
    this.#bytes.writeInt32BE(length, start);
    this.#length = start + 4 + length;
  }

  list<T>(values: readonly T[], element: (writer: JuteWriter, value: T) => void): void {
    this.int(values.length);
    for (const value of values) element(this, value);
  }

  texts(values: readonly string[]): void {
    this.list(values, writeText);
  }

  /** Makes room for so many bytes behind the last one; answers where they begin. */
  #room(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
    }
    this.#length = end;
    return start;
  }
}

const writeText = (writer: JuteWriter, value: string) => writer.text(value);
