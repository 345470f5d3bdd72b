import { MeshError } from "../../../shared/runtime/errors.ts";

/** Longest text around the applications: two short values, brackets and commas in a real answer. */
const maxFrameBytes = 16 * 1024 * 1024;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const openBracket = 0x5b;
const backslash = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit alone. */
const braceBit = 0x20;
const anyOpening = openBracket | braceBit;
const anyClosing = 0x7d;

/** Stands in the frame where an application was: the frame remains JSON, and its parsing checks the commas too. */
const placeholder = Buffer.from("{}");

/**
 * Splits a Eureka answer into its applications while it arrives, so that a registry of any size is never held as one
 * string: `{"applications": {…, "application": [ {…}, {…} ]}}`. Each application is handed out as soon as it is
 * complete; the frame around them (hash, version) is parsed at the end.
 *
 * Also takes what old servers' XStream codec answers (`application` a single object), the answer for one application
 * (`{"application": {…}}`), and a bare array of applications, as dumps have it.
 */
export class ApplicationSplitter {
  readonly #emit: (application: unknown) => void;
  readonly #maxApplicationBytes: number;
  readonly #recognise: (bytes: Buffer) => boolean;
  /** Everything but the applications. */
  #frame: Buffer[] = [];
  #frameBytes = 0;
  /** The beginning of an application whose end has not arrived. */
  #application: Buffer[] = [];
  #applicationBytes = 0;
  #started = false;
  #depth = 0;
  #inString = false;
  /** 1 if the last byte was a backslash in a string: the next one means nothing. */
  #skip = 0;
  /** The depth outside the application that is being read; -1 in the frame. */
  #outside = -1;
  /** The frame's last string, and the key whose value comes next; enough of them to recognise ours. */
  #text = "";
  #key = "";
  /** The depth inside `applications`, and inside the list of applications; -1 outside. */
  #wrapperDepth = -1;
  #listDepth = -1;
  #foundList = false;

  /**
   * `emit` gets each application, parsed but not yet checked. `recognise` is asked before with its bytes: true means
   * that the caller has this application already, and it is neither parsed nor emitted.
   */
  constructor(
    emit: (application: unknown) => void,
    maxApplicationBytes: number,
    recognise: (bytes: Buffer) => boolean = () => false,
  ) {
    this.#emit = emit;
    this.#maxApplicationBytes = maxApplicationBytes;
    this.#recognise = recognise;
  }

  /**
   * Takes the next bytes of the answer. The splitter doesn't keep them.
   * @throws MeshError `protocol-violation` on what can't be a Eureka answer.
   */
  write(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let index = this.#started ? 0 : this.#findStart(chunk);
    while (index < chunk.length) {
      index = this.#outside === -1 ? this.#readFrame(chunk, index) : this.#readApplication(chunk, index);
    }
  }

  /**
   * Ends the answer and returns the frame around the applications. Elements of the list that are no objects are handed
   * out only now, so that the caller can report them.
   * @throws MeshError `protocol-violation` if the answer was cut off, is no JSON, or has no place for applications.
   */
  end(): unknown {
    if (!this.#started) throw violation("is empty");
    if (this.#depth > 0 || this.#inString) throw violation("was cut off before its end");
    const bytes = Buffer.concat(this.#frame);
    const frame = parse(bytes, "is no JSON");
    const list = listOf(frame);
    if (list === undefined) throw violation(`is no list of applications («${excerpt(bytes)}»)`);
    if (isBare(frame)) {
      throw violation(
        `holds nothing that a Eureka server says («${excerpt(bytes)}»), so it isn't an empty registry`,
      );
    }
    // Old codecs write an empty list as an empty string.
    const items = Array.isArray(list) ? list : list === "" ? [] : [list];
    for (const item of items) if (!isPlaceholder(item)) this.#emit(item);
    return frame;
  }

  #findStart(chunk: Buffer): number {
    const index = chunk.findIndex((byte) => byte > 0x20);
    if (index === -1) return chunk.length;
    this.#started = true;
    const byte = chunk[index];
    if (byte === openBrace || byte === openBracket) return index;
    const found = excerpt(chunk.subarray(index));
    throw found.startsWith("<")
      ? violation("is XML or HTML in place of JSON: is the address Eureka's, without /apps?")
      : violation(`is no JSON object («${found}»)`);
  }

  /** Reads an application up to its end or the chunk's. Returns the next index. Nearly every byte comes through here. */
  #readApplication(chunk: Buffer, from: number): number {
    const { length } = chunk;
    const outside = this.#outside;
    let depth = this.#depth;
    let inString = this.#inString;
    let index = from + this.#skip;
    while (index < length) {
      let byte = chunk[index++] ?? 0;
      if (inString) {
        while (byte !== quote && byte !== backslash && index < length) byte = chunk[index++] ?? 0;
        if (byte === quote) inString = false;
        else if (byte === backslash) index++;
      } else if (byte === quote) inString = true;
      else if ((byte | braceBit) === anyOpening) depth++;
      else if ((byte | braceBit) === anyClosing && --depth === outside) break;
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#skip = index > length ? 1 : 0;
    const read = chunk.subarray(from, index);
    if (depth === outside) this.#finishApplication(read);
    else this.#keepBeginning(read);
    return index;
  }

  #finishApplication(last: Buffer): void {
    this.#outside = -1;
    this.#checkSize(last);
    const whole = this.#application.length === 0 ? last : Buffer.concat([...this.#application, last]);
    this.#application = [];
    this.#applicationBytes = 0;
    if (!this.#recognise(whole)) this.#emit(parse(whole, "has an application that is no JSON"));
  }

  #keepBeginning(bytes: Buffer): void {
    this.#checkSize(bytes);
    this.#application.push(Buffer.from(bytes));
    this.#applicationBytes += bytes.length;
  }

  #checkSize(more: Buffer): void {
    if (this.#applicationBytes + more.length <= this.#maxApplicationBytes) return;
    throw violation(`has an application of more than ${this.#maxApplicationBytes} bytes`);
  }

  /** Reads the frame up to an application or the chunk's end. Returns the next index. */
  #readFrame(chunk: Buffer, from: number): number {
    let index = from + this.#skip;
    while (index < chunk.length) {
      const byte = chunk[index++] ?? 0;
      if (this.#inString) index += this.#readFrameString(byte);
      else if (this.#readFrameMark(byte)) {
        this.#keepFrame(chunk.subarray(from, index - 1));
        this.#keepFrame(placeholder);
        this.#skip = 0;
        this.#outside = this.#depth;
        return index - 1;
      }
    }
    this.#skip = index > chunk.length ? 1 : 0;
    this.#keepFrame(chunk.subarray(from));
    return index;
  }

  /** Reads a byte of a string in the frame. Returns the number of bytes after it to skip. */
  #readFrameString(byte: number): 0 | 1 {
    if (byte === quote) this.#inString = false;
    // Longer ones are none of our keys. An escape is kept, so that `x\"application` is none either.
    else if (this.#text.length < 32) this.#text += String.fromCharCode(byte);
    return byte === backslash ? 1 : 0;
  }

  /** A byte of the frame outside strings. True if an application begins with it. */
  #readFrameMark(byte: number): boolean {
    if (byte === quote) {
      this.#inString = true;
      this.#text = "";
    } else if (byte === colon) this.#key = this.#text;
    else if (byte === comma) this.#key = "";
    else if ((byte | braceBit) === anyOpening) return this.#open(byte);
    else if ((byte | braceBit) === anyClosing) this.#close();
    return false;
  }

  /** An opening bracket in the frame. True if an application begins with it. */
  #open(byte: number): boolean {
    const key = this.#key;
    this.#key = "";
    if (this.#depth === this.#listDepth) {
      if (byte === openBrace) return true;
    } else if (this.#depth === 0) {
      if (byte === openBracket) this.#beginList(1);
    } else if (key === "application" && (this.#depth === 1 || this.#depth === this.#wrapperDepth)) {
      this.#beginList(byte === openBrace ? -1 : this.#depth + 1);
      if (byte === openBrace) return true;
    } else if (key === "applications" && this.#depth === 1) this.#wrapperDepth = 2;
    this.#depth++;
    return false;
  }

  #beginList(depth: number): void {
    if (this.#foundList) throw violation("has two lists of applications");
    this.#foundList = true;
    this.#listDepth = depth;
  }

  #close(): void {
    if (this.#depth === 0) throw violation("is no JSON: it closes more than it opens");
    if (this.#depth === this.#listDepth) this.#listDepth = -1;
    if (this.#depth === this.#wrapperDepth) this.#wrapperDepth = -1;
    this.#depth--;
  }

  #keepFrame(bytes: Buffer): void {
    this.#frame.push(Buffer.from(bytes));
    this.#frameBytes += bytes.length;
    if (this.#frameBytes > maxFrameBytes) throw violation("is no list of applications");
  }
}

/** The frame's value in the place of the applications; undefined if there is no such place. */
function listOf(frame: unknown): unknown {
  if (Array.isArray(frame)) return frame;
  if (!isObject(frame)) return undefined;
  const wrapper = frame["applications"];
  return (isObject(wrapper) ? wrapper["application"] ?? [] : frame["application"]) ?? undefined;
}

/**
 * True for `[]`, `{"applications":{}}` and the like: proxies and stubs answer so. A server without applications has its
 * versions and its hash in the answer, or at least the empty list by name.
 */
function isBare(frame: unknown): boolean {
  if (Array.isArray(frame)) return frame.length === 0;
  if (!isObject(frame)) return true;
  const wrapper = frame["applications"];
  return Object.keys(isObject(wrapper) ? wrapper : frame).length === 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlaceholder(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** The first characters, for messages. */
function excerpt(bytes: Buffer): string {
  return bytes.toString("utf8", 0, 60);
}

function parse(bytes: Buffer, complaint: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw violation(`${complaint} («${excerpt(bytes)}»)`, error);
  }
}

function violation(what: string, cause?: unknown): MeshError {
  return new MeshError("protocol-violation", `Eureka's answer ${what}`, cause === undefined ? {} : { cause });
}
