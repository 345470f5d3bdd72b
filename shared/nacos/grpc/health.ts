/** What Nacos' own clients do: ask after five idle seconds, and give up after three unanswered questions. */
export interface HealthTimes {
  readonly idleMs: number;
  readonly answerMs: number;
  readonly attempts: number;
}

/** As Nacos' Java client has it. */
export const usualHealthTimes: HealthTimes = { idleMs: 5_000, answerMs: 3_000, attempts: 3 };

/**
 * When to ask a server whether it is still there, and when to take it for gone. Whatever it sends shows that it is.
 * HTTP/2's own pings are no way to find out: a Nacos server allows one in five minutes. Without clock; times are
 * milliseconds of a monotonic clock.
 */
export class Health {
  readonly #times: HealthTimes;
  #heardMs: number;
  #failed = 0;
  #askedMs: number | undefined;

  constructor(times: HealthTimes, nowMs: number) {
    this.#times = times;
    this.#heardMs = nowMs;
  }

  /** Something came from the server. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#failed = 0;
    this.#askedMs = undefined;
  }

  /** The question was sent; `heard` or `unanswered` follows. */
  asked(nowMs: number): void {
    this.#askedMs = nowMs;
  }

  /** No answer came to the last question. */
  unanswered(): void {
    if (this.#askedMs === undefined) return;
    this.#askedMs = undefined;
    this.#failed++;
  }

  /** What is to be done now. */
  due(nowMs: number): "nothing" | "ask" | "give up" {
    if (this.#failed >= this.#times.attempts) return "give up";
    if (this.#askedMs !== undefined) return "nothing";
    return this.#failed > 0 || nowMs - this.#heardMs >= this.#times.idleMs ? "ask" : "nothing";
  }

  /** How long nothing will be to be done, unless something comes. */
  nextMs(nowMs: number): number {
    if (this.#askedMs !== undefined) return Math.max(1, this.#askedMs + this.#times.answerMs - nowMs);
    return Math.max(1, Math.ceil(this.#heardMs + this.#times.idleMs - nowMs));
  }
}
