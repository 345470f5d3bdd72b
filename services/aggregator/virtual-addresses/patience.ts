export interface PatienceOptions {
  /** How long to wait without a sign of life. */
  readonly limitMs: number;
  /** Whether there is nothing (any more) to wait for: the wait then ends by itself. */
  readonly isAnswered: () => boolean;
  /** Called each time that patience has run out. */
  readonly onOver: () => void;
}

/**
 * Waits for something that may never answer: any sign of life is worth another `limitMs`. A sign of life moves no timer
 * (there are very many of them): the timer looks when it fires how long ago the last one was.
 */
export class Patience {
  readonly #options: PatienceOptions;
  #isOver = false;
  #isStopped = false;
  #progressAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** True once it has run out, until there is a sign of life. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes note of a sign of life. */
  progress(): void {
    this.#progressAtMs = performance.now();
    this.#isOver = false;
  }

  /** Begins to wait, if it doesn't already, and wasn't stopped. */
  wait(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    this.progress();
    this.#timer = setTimeout(() => this.#look(), this.#options.limitMs);
  }

  /** Ends a wait that is under way, for good: there won't be another. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    this.#timer = undefined;
    const { limitMs, isAnswered, onOver } = this.#options;
    if (isAnswered()) return;
    // Timers may be early by a millisecond.
    const leftMs = this.#progressAtMs + limitMs - performance.now();
    if (leftMs > 1) {
      this.#timer = setTimeout(() => this.#look(), leftMs);
      return;
    }
    this.#isOver = true;
    onOver();
  }
}
