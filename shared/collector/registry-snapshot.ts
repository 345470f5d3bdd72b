import type { Turns } from "../runtime/turns.ts";
import type { Offer, PreparedOffer, Vet } from "./offers.ts";
import type { RegistryView } from "./registry.ts";
import type { Unit } from "./unit.ts";

/** How often what changed meanwhile is converted in turns again. It gets less each time, unless changes outrun it. */
const longestChase = 5;

/** What a snapshot is made of. */
export interface SnapshotOptions {
  readonly view: RegistryView;
  readonly vet: Vet;
  readonly prepare: (offer: Offer) => PreparedOffer;
  /** True for the units that are converted: what the view shows of them is what the registry has. */
  readonly isRead: (unit: Unit) => boolean;
  /** True once the snapshot is of no use: it is given up. */
  readonly isOver: () => boolean;
}

/**
 * A registry at one moment, converted as a whole. Converting 100,000 units takes longer than a lease lasts, so it is done
 * in turns of the event loop, and the registry changes meanwhile. Half of one state and half of another must not be
 * compared with the stream: half of a large loss would pass the mass-deletion guard as a small one. So the units that
 * change meanwhile are converted again, the last of them in the turn in which the snapshot is completed.
 */
export class RegistrySnapshot {
  readonly #options: SnapshotOptions;
  /** In the view's order. */
  readonly #offers = new Map<Unit, readonly PreparedOffer[]>();
  /** Units that hadn't been read, or aren't for this replica to read. */
  readonly #skipped = new Set<Unit>();
  readonly #changed = new Set<Unit>();
  #isOutdated = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** A unit changed. */
  changed(unit: Unit): void {
    this.#changed.add(unit);
  }

  /** A read showed differences that it doesn't name: what was converted before it and what comes now don't fit. */
  outdated(): void {
    this.#isOutdated = true;
  }

  /** Converts everything, in turns. {@link complete} has to follow in the same turn of the event loop. */
  async convert(turns: Turns): Promise<void> {
    for (let round = 0; round < longestChase; round++) {
      const before = turns.taken;
      for (const unit of this.#waiting()) {
        if (turns.isOver) {
          await turns.next();
          if (this.#isUseless) return;
        }
        this.#convert(unit);
      }
      if (turns.taken === before) return;
    }
  }

  /** Everything as the view shows it at this moment; undefined if it has to be converted anew. */
  complete(): PreparedOffer[] | undefined {
    if (this.#isUseless) return undefined;
    for (const unit of this.#waiting()) this.#convert(unit);
    return [...this.#offers.values()].flat();
  }

  get #isUseless(): boolean {
    return this.#isOutdated || this.#options.isOver();
  }

  /** Units that aren't converted yet, changed since, or have been read since. */
  #waiting(): Unit[] {
    const { view, isRead } = this.#options;
    const waiting = [...this.#changed];
    for (const unit of view.units()) {
      if (this.#offers.has(unit) || this.#changed.has(unit)) continue;
      if (!this.#skipped.has(unit) || isRead(unit)) waiting.push(unit);
    }
    return waiting;
  }

  #convert(unit: Unit): void {
    const { view, vet, prepare, isRead } = this.#options;
    this.#changed.delete(unit);
    view.observe(unit);
    if (!isRead(unit)) {
      this.#skipped.add(unit);
      return;
    }
    const offers = vet(unit, view.convert(unit)).map((manifest) => prepare({ unit, manifest }));
    this.#offers.set(unit, offers);
  }
}
