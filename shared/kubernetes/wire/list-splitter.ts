import { KubernetesError } from "../kubernetes-error.ts";

const quote = 34;
const backslash = 92;
const comma = 44;
const [braceOpen, braceClose] = [123, 125];
const [bracketOpen, bracketClose] = [91, 93];

/** The key `items` with its quotes, and generous white space, is shorter. */
const keyBytes = 64;

/** The nesting inside `items`: the list's object is 1, the array 2, an item 3. */
const itemsDepth = 2;

/**
 * Cuts the JSON text of a list (`{"kind":…,"metadata":{…},"items":[{…},…]}`) into its items while it arrives, so that no
 * more than one of them is in memory as text. Only nesting and strings are looked at; whether an item is JSON shows when
 * it is parsed.
 */
export class ListSplitter {
  readonly #maxBytes: number;
  /** Everything but the items. */
  readonly #frame: Buffer[] = [];
  #frameBytes = 0;
  #item: Buffer[] = [];
  #itemBytes = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** True in the value of the key `items`. */
  #isItems = false;

  /** @param maxBytes of one item, and of all the rest together */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Hands over each item that is complete now. @throws KubernetesError `protocol` if one is too large */
  push(chunk: Buffer, onItem: (json: string) => void): void {
    // Locals: this loop sees each byte of each list.
    let depth = this.#depth;
    let inString = this.#inString;
    let isEscaped = this.#isEscaped;
    let isItems = this.#isItems;
    // Where begins what hasn't been kept yet: of an item, or of the frame.
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === quote) inString = false;
        else if (byte === backslash) isEscaped = true;
        continue;
      }
      if (byte === quote) inString = true;
      else if (byte === braceOpen || byte === bracketOpen) {
        if (depth === 1 && byte === bracketOpen) {
          this.#keepFrame(chunk.subarray(start, index));
          start = index;
          isItems = this.#endsWithItemsKey();
        } else if (depth === itemsDepth && isItems) {
          this.#keepFrame(chunk.subarray(start, index));
          start = index;
        }
        depth++;
      } else if (byte === braceClose || byte === bracketClose) {
        depth--;
        if (depth === itemsDepth && isItems) {
          onItem(this.#takeItem(chunk.subarray(start, index + 1)));
          start = index + 1;
        } else if (depth === 1) isItems = false;
      } else if (byte === comma && depth === itemsDepth && isItems) {
        // The commas between items would make the frame no JSON.
        this.#keepFrame(chunk.subarray(start, index));
        start = index + 1;
      }
    }
    const rest = chunk.subarray(start);
    if (isItems && depth > itemsDepth) this.#keepItem(rest);
    else this.#keepFrame(rest);
    this.#depth = depth;
    this.#inString = inString;
    this.#isEscaped = isEscaped;
    this.#isItems = isItems;
  }

  /** The list without its items, as JSON text. Call it after the last chunk. */
  end(): string {
    return Buffer.concat(this.#frame).toString("utf8");
  }

  /** Whether the value that begins now is that of `items`. */
  #endsWithItemsKey(): boolean {
    let tail = "";
    for (let index = this.#frame.length - 1; index >= 0 && tail.length < keyBytes; index--) {
      tail = (this.#frame[index]?.subarray(-keyBytes).toString("latin1") ?? "") + tail;
    }
    return /[{,]\s*"items"\s*:\s*$/.test(tail);
  }

  #takeItem(last: Buffer): string {
    if (this.#itemBytes === 0) return last.toString("utf8");
    this.#keepItem(last);
    const item = Buffer.concat(this.#item, this.#itemBytes).toString("utf8");
    this.#item = [];
    this.#itemBytes = 0;
    return item;
  }

  #keepItem(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#item.push(piece);
    this.#itemBytes += piece.length;
    this.#check(this.#itemBytes);
  }

  #keepFrame(piece: Buffer): void {
    if (piece.length === 0) return;
    // A copy: the frame outlives the chunk.
    this.#frame.push(Buffer.from(piece));
    this.#frameBytes += piece.length;
    this.#check(this.#frameBytes);
  }

  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    const text = `the API server sent an object of more than ${this.#maxBytes} bytes (maxObjectBytes)`;
    throw new KubernetesError("protocol", text);
  }
}
