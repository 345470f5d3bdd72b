import { pause } from "../runtime/waiting.ts";

/*
 * A part of a source that can't be read (a cluster, a namespace) must not keep the others from being published. It is
 * waited for as long as a server's start takes, if another part can be read.
 */

/** What is asked of a part. */
export interface ReadState {
  /** True once it has been read. */
  readonly isComplete: boolean;
  /** True while it can't be read. */
  readonly isFailing: boolean;
  /** True if something of it has been read. */
  readonly isReadable: boolean;
}

/** How often it is looked at whether a part is still to be waited for, in milliseconds. */
const lookMs = 200;

/** Returns a function that says whether what can't be read has been waited for long enough, `waitMs` from now. */
export function patienceWith(parts: readonly ReadState[], waitMs: number): () => boolean {
  const dueMs = performance.now() + waitMs;
  return () => performance.now() >= dueMs && parts.some(({ isReadable }) => isReadable);
}

/** Settles when each part has been read, or isn't waited for any more; or when the signal aborts. */
export async function untilOthersRead(
  parts: readonly ReadState[],
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const mayLeave = patienceWith(parts, waitMs);
  while (!signal.aborted) {
    if (parts.every(({ isComplete }) => isComplete)) return;
    if (mayLeave() && parts.every(({ isComplete, isFailing }) => isComplete || isFailing)) return;
    await pause(lookMs, signal);
  }
}
