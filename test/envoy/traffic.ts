import { errorText } from "../../shared/runtime/errors.ts";

/** One request and what came of it. */
export interface Outcome {
  /** `performance.now()` when it was sent. */
  readonly sentAtMs: number;
  /** Name of the instance that answered, or why nobody did. */
  readonly text: string;
  readonly failed: boolean;
}

/** Requests at an even rate, whether or not earlier ones have been answered, until it is disposed of. */
export class Traffic implements AsyncDisposable {
  /** In the order in which they were answered. */
  readonly outcomes: Outcome[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();

  constructor(perSecond: number, send: () => Promise<string>) {
    this.#timer = setInterval(() => {
      const running = this.#one(send).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }, 1_000 / perSecond);
  }

  /** What came of the requests that were sent from this moment on. */
  since(atMs: number): readonly Outcome[] {
    return this.outcomes.filter(({ sentAtMs }) => sentAtMs >= atMs);
  }

  /** The failed ones among them, each with how long after that moment it was sent. */
  failuresSince(atMs: number): readonly string[] {
    return this.since(atMs).filter(({ failed }) => failed)
      .map(({ sentAtMs, text }) => `${text} (after ${Math.round(sentAtMs - atMs)} ms)`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  async #one(send: () => Promise<string>): Promise<void> {
    const sentAtMs = performance.now();
    try {
      this.outcomes.push({ sentAtMs, text: await send(), failed: false });
    } catch (error) {
      this.outcomes.push({ sentAtMs, text: errorText(error), failed: true });
    }
  }
}
