import { MeshError } from "../../runtime/errors.ts";

/** Cuts a stream of bytes, which come in chunks of any size, into frames: four bytes of length, then the content. */
export class FrameSplitter {
  readonly #maxFrameBytes: number;
  /** The first bytes of a length, as many as there are. */
  #length = Buffer.allocUnsafe(4);
  #lengthBytes = 0;
  /** A frame that began in an earlier chunk, and how much of it is there. */
  #frame: Buffer | undefined;
  #frameBytes = 0;

  /** @param maxFrameBytes larger frames are an error */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Takes bytes and calls back with the content of each frame that they complete. Small frames are views of the chunk.
   * @throws MeshError `protocol-violation` for a length below 0 or above the maximum, once the frames before it have
   * been handed out. The stream can't be read on from there.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#frame !== undefined) {
        const taken = chunk.copy(this.#frame, this.#frameBytes, position);
        position += taken;
        this.#frameBytes += taken;
        if (this.#frameBytes < this.#frame.length) return;
        const frame = this.#frame;
        this.#frame = undefined;
        onFrame(frame);
      } else if (this.#lengthBytes === 0 && chunk.length - position >= 4) {
        position = this.#begin(chunk.readInt32BE(position), chunk, position + 4, onFrame);
      } else {
        const taken = chunk.copy(this.#length, this.#lengthBytes, position, position + 4 - this.#lengthBytes);
        position += taken;
        this.#lengthBytes += taken;
        if (this.#lengthBytes < 4) return;
        this.#lengthBytes = 0;
        position = this.#begin(this.#length.readInt32BE(0), chunk, position, onFrame);
      }
    }
  }

  /** A frame whose content begins at `start`. Answers where to go on. */
  #begin(length: number, chunk: Buffer, start: number, onFrame: (frame: Buffer) => void): number {
    if (length < 0 || length > this.#maxFrameBytes) {
      const limit = `this side takes 0 to ${this.#maxFrameBytes}`;
      throw new MeshError("protocol-violation", `a ZooKeeper frame of ${length} bytes; ${limit}`);
    }
    const end = start + length;
    if (end <= chunk.length) {
      onFrame(chunk.subarray(start, end));
      return end;
    }
    this.#frame = Buffer.allocUnsafe(length);
    this.#frameBytes = chunk.copy(this.#frame, 0, start);
    return chunk.length;
  }
}
