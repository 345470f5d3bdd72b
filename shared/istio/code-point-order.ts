/** Moves UTF-16 units so that their order is that of code points: the surrogates go behind U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * Compares two texts by code point, which is the order of their UTF-8 bytes and so Go's order. JavaScript's own order
 * (UTF-16 units) differs from it beyond U+D7FF. Negative, zero or positive, for `sort`.
 */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const unitA = a.charCodeAt(index);
    const unitB = b.charCodeAt(index);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** True if no item comes after its successor; with `strictly`, if none is equal to its successor either. */
function isSorted<Item>(items: readonly Item[], compare: Compare<Item>, strictly: boolean): boolean {
  let before = items[0];
  for (let index = 1; index < items.length; index++) {
    const item = items[index];
    if (before === undefined || item === undefined) continue;
    const difference = compare(before, item);
    if (difference > 0 || (strictly && difference === 0)) return false;
    before = item;
  }
  return true;
}

/** Negative if `a` comes first, positive if `b` does, zero if they are equal. */
export type Compare<Item> = (a: Item, b: Item) => number;

/** The items in order; the very same array if they are already. The sort is stable. */
export function sorted<Item>(items: Item[], compare: Compare<Item>): Item[] {
  return isSorted(items, compare, false) ? items : items.toSorted(compare);
}

/**
 * The items in order, and of those that `identify` finds equal only the first; the very same array if it is so
 * already. `compare` must refine `identify`: what `identify` tells apart, `compare` orders the same way.
 */
export function sortedUnique<Item>(items: Item[], compare: Compare<Item>, identify = compare): Item[] {
  if (isSorted(items, identify, true)) return items;
  const kept: Item[] = [];
  for (const item of items.toSorted(compare)) {
    const last = kept.at(-1);
    if (last === undefined || identify(last, item) !== 0) kept.push(item);
  }
  return kept;
}
