/**
 * When to ping a server, and when to take it for gone. Any answer shows that it lives. ZooKeeper's rule for a session
 * timeout T: a ping after T/3 without a request, another server after 2T/3 without an answer. That leaves T/3 to find
 * one before the session expires. Without clock; times are milliseconds of a monotonic clock.
 */
export class Liveness {
  readonly #pingMs: number;
  readonly #silenceMs: number;
  #sentMs: number;
  #heardMs: number;

  constructor(sessionTimeoutMs: number, nowMs: number) {
    this.#pingMs = sessionTimeoutMs / 3;
    this.#silenceMs = sessionTimeoutMs * 2 / 3;
    this.#sentMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** Something was sent. */
  sent(nowMs: number): void {
    this.#sentMs = nowMs;
  }

  /** Something came. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** How long nothing has come. */
  silentMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /** What is to be done now. */
  due(nowMs: number): "nothing" | "ping" | "give up" {
    if (this.silentMs(nowMs) >= this.#silenceMs) return "give up";
    return nowMs - this.#sentMs >= this.#pingMs ? "ping" : "nothing";
  }

  /** How long nothing will be to be done, unless something is sent or comes. */
  nextMs(nowMs: number): number {
    const next = Math.min(this.#sentMs + this.#pingMs, this.#heardMs + this.#silenceMs);
    return Math.max(1, Math.ceil(next - nowMs));
  }
}
