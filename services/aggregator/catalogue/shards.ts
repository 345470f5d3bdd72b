/**
 * The catalogue in equal parts, one for each listener. Which part a name belongs to follows Lamping and Veach («A Fast,
 * Minimal Memory, Consistent Hash Algorithm», 2014): with more parts, names move only from old parts to new ones, and
 * with fewer only from those that are gone to those that stay. So a client of the first parts of a larger number can be
 * served exactly as before, and nothing ever moves between two listeners that a client has at the same time.
 */

/** One part, as one client needs it. */
export interface Shard {
  /** From 0. The part `of` and those above it are retired: there is nothing in them. */
  readonly index: number;
  readonly of: number;
  /** The parts that the client gets from us, this one among them, ascending; undefined: all. What would be in others, they share. */
  readonly present?: readonly number[] | undefined;
  /**
   * Under which versions resources are shown: 0, or undefined, under their own; each further number makes a client take
   * once more what it has.
   */
  readonly generation?: number | undefined;
}

/** True for a part that was one when there were more. */
export function isRetired({ index, of }: Shard): boolean {
  return index >= of;
}

/** True if a name with this hash (32 bits) is in that part. Costs about as many steps as the number of parts has bits. */
export function isInShard(hash: number, { index, of, present }: Shard): boolean {
  if (present === undefined) return lastJump(hash, of) === index;
  return presentShard(hash, of, present) === index;
}

/** The part among so many. */
function lastJump(hash: number, of: number): number {
  let last = 0;
  for (const jump of jumps(hash, of)) last = jump;
  return last;
}

/** Where it would be with fewer and fewer parts, until that one is there; of none, in the first that is there. */
function presentShard(hash: number, of: number, present: readonly number[]): number | undefined {
  return [...jumps(hash, of)].reverse().find((jump) => present.includes(jump)) ?? present[0];
}

/** The parts that a name is in while their number grows up to `of`, in that order. */
function* jumps(hash: number, of: number): Iterable<number> {
  let state = hash;
  for (let jump = 0; jump < of;) {
    yield jump;
    state = (state + 0x6d2b79f5) | 0;
    jump = Math.floor((jump + 1) / uniform(state));
  }
}

/** A number in (0, 1] from 32 bits: the mixing of MurmurHash3's end. */
function uniform(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  mixed ^= mixed >>> 16;
  return ((mixed >>> 0) + 1) / 2 ** 32;
}
