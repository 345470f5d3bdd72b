import { MeshError } from "../runtime/errors.ts";
import type { JuteReader } from "./wire/jute.ts";
import type { ReplyHeader } from "./wire/records.ts";

/** A request that waits for its answer. */
export interface PendingRequest {
  /** Takes the answer. @throws MeshError `protocol-violation` if what is behind the header is malformed. */
  answer(error: number, reader: JuteReader): void;
  /** There will be no answer. */
  fail(error: MeshError): void;
}

const largestXid = 2 ** 31 - 1;

/** The requests of one connection that wait for answers, by number. */
export class PendingRequests {
  readonly #requests = new Map<number, PendingRequest>();
  #lastXid = 0;

  /** Gives a request its number. */
  add(request: PendingRequest): number {
    this.#lastXid = this.#lastXid === largestXid ? 1 : this.#lastXid + 1;
    this.#requests.set(this.#lastXid, request);
    return this.#lastXid;
  }

  /**
   * Hands an answer to its request.
   * @throws MeshError `protocol-violation` if nothing was asked under that number, or the answer is malformed.
   */
  answer({ xid, error }: ReplyHeader, reader: JuteReader): void {
    const request = this.#requests.get(xid);
    if (request === undefined) {
      throw new MeshError("protocol-violation", `an answer to request ${xid}, which waits for none`);
    }
    // First: a malformed one fails with all others.
    request.answer(error, reader);
    this.#requests.delete(xid);
  }

  /** Fails all requests, with one error. */
  failAll(error: MeshError): void {
    for (const request of this.#requests.values()) request.fail(error);
    this.#requests.clear();
  }
}
