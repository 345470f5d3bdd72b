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

/** The items in order; the very same array if they are already. The sort is stable. */
export function sorted<Item>(items: Item[], compare: (a: Item, b: Item) => number): Item[] {
  for (let index = 1; index < items.length; index++) {
    const before = items[index - 1];
    const item = items[index];
    if (before !== undefined && item !== undefined && compare(before, item) > 0) {
      return items.toSorted(compare);
    }
  }
  return items;
}

/**
 * The items without those that `same` finds equal to the item kept before them; the very same array if there is none.
 */
export function withoutRepeats<Item>(items: Item[], same: (a: Item, b: Item) => boolean): Item[] {
  const kept: Item[] = [];
  for (const item of items) {
    const last = kept.at(-1);
    if (last === undefined || !same(last, item)) kept.push(item);
  }
  return kept.length === items.length ? items : kept;
}
