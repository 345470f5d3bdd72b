import { MeshError } from "../../shared/runtime/errors.ts";

/** Longest text around the applications: two short values and the brackets in a real answer. */
const maxFrameBytes = 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Splits a Eureka answer into its applications while it arrives, so that a registry of any size is never held as one
 * string: `{"applications": {…, "application": [ {…}, {…} ]}}`. Each application is handed out as soon as it is
 * complete; the frame around them (hash, version) is parsed at the end.
 *
 * Also takes what old servers' XStream codec answers (`application` a single object), and a bare array of
 * applications, as dumps have it.
 */
export class ApplicationSplitter {
  readonly #emit: (application: unknown) => void;
  readonly #maxApplicationBytes: number;
  #frame: Buffer[] = [];
  #frameBytes = 0;
  #application: Buffer[] = [];
  #applicationBytes = 0;
  /** Where bytes go: to the frame, to the application being read, or nowhere (commas between applications). */
  #mode: "frame" | "application" | "between" = "frame";
  #depth = 0;
  /** The depth at which the list of applications, or the application, was opened. */
  #listDepth = -1;
  #applicationDepth = -1;
  #inString = false;
  #escaped = false;
  #started = false;

  /** `emit` gets each application, parsed but not yet checked. */
  constructor(emit: (application: unknown) => void, maxApplicationBytes: number) {
    this.#emit = emit;
    this.#maxApplicationBytes = maxApplicationBytes;
  }

  /**
   * Takes the next bytes of the answer.
   * @throws MeshError `protocol-violation` on what can't be a Eureka answer.
   */
  write(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!this.#started) this.#checkStart(chunk);
    let start = 0;
    let inString = this.#inString;
    let escaped = this.#escaped;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
      } else if (byte === quote) inString = true;
      else if (byte === openBrace || byte === openBracket) start = this.#open(chunk, start, index, byte);
      else if (byte === closeBrace || byte === closeBracket) start = this.#close(chunk, start, index);
    }
    this.#inString = inString;
    this.#escaped = escaped;
    this.#flush(Buffer.from(chunk.subarray(start)));
  }

  /**
   * Ends the answer and gives what stood around the applications.
   * @throws MeshError `protocol-violation` if the answer was cut off or is no JSON.
   */
  end(): unknown {
    if (!this.#started) throw violation("is empty");
    if (this.#depth !== 0 || this.#inString) throw violation("was cut off before its end");
    return parse(Buffer.concat(this.#frame).toString("utf8"), "is no JSON");
  }

  #checkStart(chunk: Buffer): void {
    const start = chunk.toString("utf8", 0, 64).trimStart();
    if (start === "") return;
    this.#started = true;
    if (start.startsWith("<")) {
      throw violation("is XML or HTML in place of JSON: is the address Eureka's, without /apps?");
    }
    if (!start.startsWith("{") && !start.startsWith("[")) throw violation("is no JSON");
  }

  /** An opening bracket at `index`; answers from where on bytes are not yet flushed. */
  #open(chunk: Buffer, start: number, index: number, byte: number): number {
    const depth = this.#depth++;
    if (this.#mode === "application") return start;
    if (this.#mode === "between") {
      if (byte !== openBrace) return start;
      return this.#beginApplication(depth, index);
    }
    const isRootList = byte === openBracket && depth === 0;
    if (!isRootList && !this.#followsKey(chunk, start, index, depth)) return start;
    if (byte === openBrace) {
      this.#flush(chunk.subarray(start, index));
      this.#flush(Buffer.from("null"));
      return this.#beginApplication(depth, index);
    }
    this.#flush(chunk.subarray(start, index + 1));
    this.#mode = "between";
    this.#listDepth = depth;
    return index + 1;
  }

  #beginApplication(depth: number, index: number): number {
    this.#mode = "application";
    this.#applicationDepth = depth;
    return index;
  }

  /** A closing bracket at `index`; answers from where on bytes are not yet flushed. */
  #close(chunk: Buffer, start: number, index: number): number {
    const depth = --this.#depth;
    if (this.#mode === "application" && depth === this.#applicationDepth) {
      this.#finishApplication(chunk.subarray(start, index + 1));
      this.#mode = this.#listDepth === -1 ? "frame" : "between";
      return index + 1;
    }
    if (this.#mode === "between" && depth === this.#listDepth) {
      this.#mode = "frame";
      this.#listDepth = -1;
      return index;
    }
    return start;
  }

  /** True if the bracket at `index` is the value of the key `application`, directly inside the outer objects. */
  #followsKey(chunk: Buffer, start: number, index: number, depth: number): boolean {
    if (depth !== 1 && depth !== 2) return false;
    const tail = Buffer.concat([...this.#frame.slice(-1), chunk.subarray(start, index)]).subarray(-64);
    return /"application"\s*:\s*$/.test(tail.toString("latin1"));
  }

  #flush(bytes: Buffer): void {
    if (bytes.length === 0 || this.#mode === "between") return;
    if (this.#mode === "frame") {
      this.#frame.push(Buffer.from(bytes));
      this.#frameBytes += bytes.length;
      if (this.#frameBytes > maxFrameBytes) throw violation("is no list of applications");
      return;
    }
    this.#application.push(bytes);
    this.#applicationBytes += bytes.length;
    if (this.#applicationBytes > this.#maxApplicationBytes) {
      throw violation(`has an application of more than ${this.#maxApplicationBytes} bytes`);
    }
  }

  #finishApplication(last: Buffer): void {
    const whole = this.#application.length === 0 ? last : Buffer.concat([...this.#application, last]);
    this.#application = [];
    this.#applicationBytes = 0;
    this.#emit(parse(whole.toString("utf8"), "has an application that is no JSON"));
  }
}

function parse(text: string, complaint: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw violation(`${complaint} («${text.slice(0, 60)}»)`, error);
  }
}

function violation(what: string, cause?: unknown): MeshError {
  return new MeshError("protocol-violation", `Eureka's answer ${what}`, cause === undefined ? {} : { cause });
}
