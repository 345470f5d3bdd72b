import { KubernetesError } from "../kubernetes-error.ts";

const newline = 10;

/** Cuts a byte stream into lines. A line may arrive in any pieces, also within a character. */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @param maxBytes of one line */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True if a line has begun and not ended. */
  get isWithin(): boolean {
    return this.#bytes > 0;
  }

  /** Hands over each line that is complete now, without empty ones. @throws KubernetesError `protocol` if it is too long */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      if (end < 0) break;
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line !== "") onLine(line);
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #take(last: Buffer): string {
    if (this.#bytes === 0) return last.toString("utf8");
    this.#keep(last);
    const line = Buffer.concat(this.#pieces, this.#bytes).toString("utf8");
    this.#pieces = [];
    this.#bytes = 0;
    return line;
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes <= this.#maxBytes) return;
    const text = `the API server sent an object of more than ${this.#maxBytes} bytes (maxObjectBytes)`;
    throw new KubernetesError("protocol", text);
  }
}
