/** Calls once when nothing was heard for a while. Hearing costs nothing: the timer is set anew only when it fires. */
export class SilenceTimer implements Disposable {
  readonly #silenceMs: number;
  readonly #onSilence: () => void;
  #heardMs = performance.now();
  #timer: ReturnType<typeof setTimeout>;

  constructor(silenceMs: number, onSilence: () => void) {
    this.#silenceMs = silenceMs;
    this.#onSilence = onSilence;
    this.#timer = setTimeout(() => this.#check(), silenceMs);
  }

  heard(): void {
    this.#heardMs = performance.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    const leftMs = this.#heardMs + this.#silenceMs - performance.now();
    // Timers may be a millisecond early.
    if (leftMs <= 1) this.#onSilence();
    else this.#timer = setTimeout(() => this.#check(), leftMs);
  }
}
