import type { ResourceKind } from "../../../shared/model/manifest.ts";

/**
 * Times one client's acknowledgements: from the first change that it wasn't sent yet to the acknowledgement of the
 * response that brought it. A pure state machine; all times in milliseconds of one monotonic clock.
 *
 * What a client is sent when it begins is no change. A change that waits for the acknowledgement of another response
 * counts from when it came, so a slow client is seen as slow.
 */
export class AckClock {
  /** By kind: when the first change came that the client wasn't sent. */
  readonly #unsent = new Map<ResourceKind, number>();
  /** By kind: when the first change came of the response that is on its way. */
  readonly #sent = new Map<ResourceKind, number>();

  /** Something of that kind has changed. */
  changed(kind: ResourceKind, atMs: number): void {
    if (!this.#unsent.has(kind)) this.#unsent.set(kind, atMs);
  }

  /** A response of that kind was sent, with all its changes so far. */
  sent(kind: ResourceKind): void {
    const since = this.#unsent.get(kind);
    this.#unsent.delete(kind);
    // Of a response in parts, and of one that follows a refusal, the first time counts.
    if (since !== undefined && !this.#sent.has(kind)) this.#sent.set(kind, since);
  }

  /** The client has taken the last response of that kind: how long that took, if it brought a change. */
  acknowledged(kind: ResourceKind, nowMs: number): number | undefined {
    const since = this.#sent.get(kind);
    this.#sent.delete(kind);
    return since === undefined ? undefined : Math.max(nowMs - since, 0);
  }

  /** When the oldest change came that the client isn't known to have; undefined: there is none. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const times of [this.#unsent, this.#sent]) {
      for (const atMs of times.values()) if (oldest === undefined || atMs < oldest) oldest = atMs;
    }
    return oldest;
  }

  /** There is nothing to send and nothing on its way: what has changed is nothing that this client sees. */
  settled(): void {
    this.#unsent.clear();
  }
}
