import { pause } from "../runtime/waiting.ts";

/** A timer's longest time, in milliseconds. */
const longestMs = 2 ** 31 - 1;

/** Lets one loop sleep until there is work. A call while the loop works is not forgotten. */
export class WorkSignal {
  #sleep = new AbortController();

  /** Ends the loop's sleep, now or as soon as it begins. */
  call(): void {
    // Without a reason each call would make an exception with a stack, which costs as much as a small conversion.
    if (!this.#sleep.signal.aborted) this.#sleep.abort("called");
  }

  /** Sleeps until {@link call}, the signal's end, or for `milliseconds`; undefined: without limit. */
  async wait(milliseconds: number | undefined, signal: AbortSignal): Promise<void> {
    await pause(
      Math.min(milliseconds ?? longestMs, longestMs),
      AbortSignal.any([this.#sleep.signal, signal]),
    );
    this.#sleep = new AbortController();
  }
}
