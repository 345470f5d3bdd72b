import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import type { NatsLink } from "./connection.ts";

/**
 * The answers to one request that has many: a reply subject and what arrived on it. It never outlives a connection,
 * because what was under way when a connection broke never comes.
 */
export class ReplyQueue implements Disposable {
  readonly subject: string;
  /** When something arrived last (`performance.now()`), or when the queue was made. */
  arrivedAtMs = performance.now();
  readonly #subscription: Subscription;
  readonly #cleanUp: () => void;
  #messages: Msg[] = [];
  #wakeUp: (() => void) | undefined;
  #closed = false;

  constructor(link: NatsLink, connection: NatsConnection, signal: AbortSignal) {
    this.subject = createInbox(link.inboxPrefix);
    this.#subscription = connection.subscribe(this.subject, {
      callback: (error, message) => {
        if (error !== null) return this.close();
        this.arrivedAtMs = performance.now();
        this.#messages.push(message);
        this.#wakeUp?.();
      },
    });
    const close = () => this.close();
    const stopListening = link.onChange(close);
    signal.addEventListener("abort", close);
    this.#cleanUp = () => {
      stopListening();
      signal.removeEventListener("abort", close);
    };
    if (signal.aborted || link.current !== connection) this.close();
  }

  /** True when the connection was lost, the signal aborted or the queue was disposed of. */
  get closed(): boolean {
    return this.#closed;
  }

  /** What arrived since the last call. */
  take(): Msg[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Waits until something is there to take: true; or until the time is over or the queue closed: false. */
  async more(timeoutMs: number): Promise<boolean> {
    if (this.#messages.length === 0 && !this.#closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeUp = resolve;
      const timer = setTimeout(resolve, timeoutMs);
      await promise;
      clearTimeout(timer);
      this.#wakeUp = undefined;
    }
    return this.#messages.length > 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cleanUp();
    this.#subscription.unsubscribe();
    this.#wakeUp?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
