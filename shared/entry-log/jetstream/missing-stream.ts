/**
 * For how long «no stream takes this subject» is believed to pass, in milliseconds: leader elections take up to 11 s
 * (measured). After that it is a permission or a configuration, and the publisher is told.
 */
const noStreamMs = 30_000;

/** And for how long, in milliseconds, if the stream has been seen to be there meanwhile, … */
const subjectMissingMs = 12_000;

/** … so long ago, in milliseconds, that every server has heard of its leader's subjects. */
const settledMs = 1000;

/** What is known of a message that no stream took. Times are those of `performance.now()`. */
export interface Missing {
  readonly sinceMs: number;
  lastMs: number;
  /** How often others had been stored meanwhile. */
  othersStored: number;
  /** Since when the stream is seen to be there all the same. */
  usableMs: number | undefined;
}

/**
 * No stream took a message. Notes that in what is known of it, and returns why it never will be taken; `reason` is
 * undefined while that may pass. `storedSentAtMs`: when the last one was sent of the messages that were stored;
 * `usableAtMs`: when the stream was last seen to be usable, undefined if it isn't now.
 */
export function noteMissing(
  known: Missing | undefined,
  nowMs: number,
  storedSentAtMs: number,
  usableAtMs: number | undefined,
): { readonly missing: Missing; readonly reason: string | undefined } {
  const missing = known ?? { sinceMs: nowMs, lastMs: nowMs, othersStored: 0, usableMs: undefined };
  // Others were stored that were sent after this had failed, and it fails again: it is about this message.
  if (storedSentAtMs > missing.lastMs) missing.othersStored++;
  missing.lastMs = nowMs;
  const forMs = nowMs - missing.sinceMs;
  if (usableAtMs === undefined) missing.usableMs = undefined;
  else if (usableAtMs > missing.sinceMs) missing.usableMs ??= usableAtMs;
  const isSettled = nowMs - (missing.usableMs ?? nowMs) > settledMs;
  const isOnlyThis = missing.othersStored > 1 || (forMs > subjectMissingMs && isSettled);
  if (isOnlyThis) return { missing, reason: "missing permission" };
  return { missing, reason: forMs > noStreamMs ? "missing stream or permission" : undefined };
}
