import { seededRandom } from "../../seeded-random.ts";

/** Random choices that a seed decides. */
export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let count = 0; count < 16; count++) this.#random();
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** One of the items. */
  one<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  /** Some of the items, each once, in their order. */
  some<Item>(items: readonly Item[], probability: number): Item[] {
    return items.filter(() => this.chance(probability));
  }

  /** `make` as often as the dice say, at most `most` times. */
  list<Item>(most: number, make: (index: number) => Item): Item[] {
    return Array.from({ length: this.below(most + 1) }, (_, index) => make(index));
  }

  /** Keys with values, each there with the given probability. */
  options(probability: number, options: Readonly<Record<string, () => unknown>>): Record<string, unknown> {
    return Object.fromEntries(
      this.some(Object.entries(options), probability).map(([key, value]) => [key, value()]),
    );
  }
}
