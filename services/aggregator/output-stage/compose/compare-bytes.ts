/** Up to this many bytes a loop takes less than two views and a call into native code. */
const longestLooped = 128;

/**
 * The order of a piece of `a` and a piece of `b`, as `Buffer.compare` says it. By views, since Deno holds the offsets of
 * `buffer.compare(target, …)` against the length of the other buffer, and throws.
 */
export function compareBytes(
  a: Buffer,
  fromA: number,
  toA: number,
  b: Buffer,
  fromB: number,
  toB: number,
): number {
  return a.subarray(fromA, toA).compare(b.subarray(fromB, toB));
}

/** True if a piece of `a` and a piece of `b` have the same bytes. */
export function areSameBytes(
  a: Buffer,
  fromA: number,
  toA: number,
  b: Buffer,
  fromB: number,
  toB: number,
): boolean {
  const length = toA - fromA;
  if (length !== toB - fromB) return false;
  if (length > longestLooped) return compareBytes(a, fromA, toA, b, fromB, toB) === 0;
  for (let index = 0; index < length; index++) if (a[fromA + index] !== b[fromB + index]) return false;
  return true;
}
