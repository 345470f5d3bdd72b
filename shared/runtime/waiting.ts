import { MeshError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";

/** The error of what ends because its caller's signal aborted before it was done; `code` says what it waited for. */
export function abortedError(code: ErrorCode, what: string): MeshError {
  return new MeshError(code, `${what}: stopped before it was done`);
}

/** Resolves after `milliseconds`, or at once when the signal aborts. Never rejects. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const listener = () => resolve();
  signal.addEventListener("abort", listener, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", listener);
  }
}

/**
 * The promise's outcome, unless the signal aborts before it.
 * @throws MeshError `code` when the signal aborts first; the promise's own outcome is then ignored.
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  code: ErrorCode,
  what: string,
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const listener = () => reject(abortedError(code, what));
  if (signal.aborted) listener();
  signal.addEventListener("abort", listener, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}

/** How long to wait before the next attempt: doubles from 50 ms to 2 s, with jitter, and starts over on success. */
export class Backoff {
  #attempt = 0;

  reset(): void {
    this.#attempt = 0;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const longest = Math.min(2000, 50 * 2 ** this.#attempt);
    this.#attempt = Math.min(this.#attempt + 1, 10);
    await pause(longest * (0.5 + Math.random() / 2), signal);
  }
}
