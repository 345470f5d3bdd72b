import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { AckClock } from "./ack-clock.ts";

/** What a client refused last, also if it has taken all since. */
export interface LastRefusal {
  readonly at: Date;
  readonly typeUrl: string;
  readonly message: string;
  /** The resources that it concerns, as far as the client's text or its dialect tells. */
  readonly names: readonly string[];
}

/**
 * How far one client is behind: since when, and by how many changes. A pure state machine; all times in milliseconds of
 * one monotonic clock.
 */
export class ClientLag {
  readonly #connectedMs: number;
  readonly #clock = new AckClock();
  /** By kind: the number of the last change at the time of the response that is on its way. */
  readonly #sentHead = new Map<ResourceKind, number>();
  /** The same of the last response that was acknowledged. */
  readonly #ackedHead = new Map<ResourceKind, number>();
  #lastRefusal: LastRefusal | undefined;

  constructor(connectedMs: number) {
    this.#connectedMs = connectedMs;
  }

  /** What it refused last; undefined: nothing. */
  get lastRefusal(): LastRefusal | undefined {
    return this.#lastRefusal;
  }

  /** See {@link AckClock.changed}. */
  changed(kind: ResourceKind, atMs: number): void {
    this.#clock.changed(kind, atMs);
  }

  /** A response was sent with all changes of its kind up to that number. */
  sent(kind: ResourceKind, head: number): void {
    this.#clock.sent(kind);
    this.#sentHead.set(kind, head);
  }

  /** The client has taken the last response of that kind: how long that took, if it brought a change. */
  acknowledged(kind: ResourceKind, nowMs: number): number | undefined {
    const head = this.#sentHead.get(kind);
    if (head !== undefined) this.#ackedHead.set(kind, head);
    return this.#clock.acknowledged(kind, nowMs);
  }

  /** The client has refused a response. */
  refused(refusal: LastRefusal): void {
    this.#lastRefusal = refusal;
  }

  /** See {@link AckClock.settled}. */
  settled(): void {
    this.#clock.settled();
  }

  /** When the oldest change came that it isn't known to have; of a client that has taken nothing yet, when it came. */
  get sinceMs(): number {
    return this.#clock.oldestMs ?? this.#connectedMs;
  }

  /** How many changes of a kind came after the last that it is known to have; undefined: it has taken nothing yet. */
  changesAfter(kind: ResourceKind, head: number): number | undefined {
    const acked = this.#ackedHead.get(kind);
    return acked === undefined ? undefined : Math.max(0, head - acked);
  }
}
