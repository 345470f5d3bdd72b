import type { ServerHttp2Stream } from "node:http2";
import { freeBytes } from "./arrival-budget.ts";
import type { ArrivalBudget } from "./arrival-budget.ts";
import type { MessageReader } from "./message-reader.ts";

/** What a call's requests may take. */
export interface RequestLimits {
  readonly maxRequestBytes: number;
  /** For the first request since the call's beginning, and for each further one since its first byte; 0: for ever. */
  readonly requestTimeout: number;
  /** Shared by all calls. */
  readonly arriving: ArrivalBudget;
}

/**
 * The time and room that the requests of one call take while they arrive: a client that begins a message and doesn't
 * end it, or says nothing at all, holds neither for long.
 */
export class RequestArrival {
  readonly #stream: ServerHttp2Stream;
  readonly #limits: RequestLimits;
  readonly #onSlow: (isFirst: boolean) => void;
  #isFirst = true;
  #timer: NodeJS.Timeout | undefined;
  #giveBack: (() => void) | undefined;

  /** `onSlow` is called when the time is over. */
  constructor(stream: ServerHttp2Stream, limits: RequestLimits, onSlow: (isFirst: boolean) => void) {
    this.#stream = stream;
    this.#limits = limits;
    this.#onSlow = onSlow;
    this.#startTimer();
  }

  /** To be called after each piece of data, with the reader that took it, and how many messages that completed. */
  onData(reader: MessageReader, completed: number): void {
    if (completed > 0) {
      this.#isFirst = false;
      this.end();
    }
    if (!reader.isInMessage) return;
    this.#startTimer();
    if (reader.neededBytes <= freeBytes || this.#giveBack !== undefined) return;
    // The time in the queue isn't the client's fault.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stream.pause();
    this.#giveBack = this.#limits.arriving.reserve(reader.neededBytes, () => {
      this.#startTimer();
      this.#stream.resume();
    });
  }

  /** Nothing is expected any longer. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#giveBack?.();
    this.#giveBack = undefined;
  }

  #startTimer(): void {
    const { requestTimeout } = this.#limits;
    if (requestTimeout === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#onSlow(this.#isFirst), requestTimeout).unref();
  }
}
