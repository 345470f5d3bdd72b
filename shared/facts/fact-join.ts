import type { AddressFacts } from "./facts-index.ts";

/** Looks up the pod at an address. */
export type FactLookup = (address: string) => AddressFacts | undefined;

/** What a join asks of the known facts. */
export interface KnownFacts {
  /** True once everything that was known at the start has been read. */
  readonly isReady: boolean;
  of(address: string): AddressFacts | undefined;
  isAmongPods(address: string): boolean;
}

/**
 * Which units hold which addresses: whose entries need another look when the facts of an address change. A conversion
 * looks its addresses up with {@link lookupFor}, which notes them. Without I/O; the clock is passed in, in milliseconds of
 * a monotonic one.
 */
export class FactJoin {
  readonly #facts: KnownFacts;
  readonly #latePodMs: number;
  readonly #addressesOf = new Map<string, Set<string>>();
  readonly #unitsOf = new Map<string, Set<string>>();
  /** Since when units wait for pods that aren't known yet. */
  readonly #waitingSinceMs = new Map<string, number>();
  /** Addresses without a known pod with which a unit was published all the same: it doesn't wait for them again. */
  readonly #accepted = new Map<string, ReadonlySet<string>>();

  /** `latePodMs`: how long a unit waits at most for a pod that isn't known yet; 0: not at all. */
  constructor(facts: KnownFacts, latePodMs: number) {
    this.#facts = facts;
    this.#latePodMs = latePodMs;
  }

  /** False while facts are being read: what is converted now has to be converted again. */
  get isReady(): boolean {
    return this.#facts.isReady;
  }

  /** A lookup that notes nothing: for what is only shown. */
  readonly lookup: FactLookup = (address) => this.#facts.of(address);

  /** A lookup for one conversion of a unit. What earlier ones have looked up for it no longer counts. */
  lookupFor(unit: string): FactLookup {
    this.#forget(unit);
    const looked = new Set<string>();
    this.#addressesOf.set(unit, looked);
    return (address) => {
      if (!looked.has(address)) {
        looked.add(address);
        const units = this.#unitsOf.get(address);
        if (units === undefined) this.#unitsOf.set(address, new Set([unit]));
        else units.add(unit);
      }
      return this.#facts.of(address);
    };
  }

  /** The units that hold any of these addresses. */
  unitsWith(addresses: Iterable<string>): Set<string> {
    const found = new Set<string>();
    for (const address of addresses) {
      for (const unit of this.#unitsOf.get(address) ?? []) found.add(unit);
    }
    return found;
  }

  /**
   * For how many more milliseconds a unit that was just converted should wait, because an address in a range of pods has
   * no known pod; 0 if it need not. A unit waits once for an address, and at most for `latePodMs` for all together.
   */
  waitMs(unit: string, nowMs: number): number {
    if (this.#latePodMs <= 0) return 0;
    const accepted = this.#accepted.get(unit);
    const isLate = this.#unknown(unit).some((address) => accepted?.has(address) !== true);
    if (!isLate) {
      this.#waitingSinceMs.delete(unit);
      return 0;
    }
    const sinceMs = this.#waitingSinceMs.get(unit) ?? nowMs;
    this.#waitingSinceMs.set(unit, sinceMs);
    return Math.max(0, sinceMs + this.#latePodMs - nowMs);
  }

  /** A unit is published as it was converted: it doesn't wait again for the pods that it lacks now. */
  published(unit: string): void {
    if (this.#latePodMs <= 0) return;
    this.#waitingSinceMs.delete(unit);
    const unknown = this.#unknown(unit);
    if (unknown.length === 0) this.#accepted.delete(unit);
    else this.#accepted.set(unit, new Set(unknown));
  }

  /** {@link published}, of all units. */
  allPublished(): void {
    for (const unit of this.#addressesOf.keys()) this.published(unit);
  }

  /** Addresses of a unit in ranges of pods that have no known pod. */
  #unknown(unit: string): string[] {
    return [...this.#addressesOf.get(unit) ?? []].filter((address) =>
      this.#facts.of(address) === undefined && this.#facts.isAmongPods(address)
    );
  }

  #forget(unit: string): void {
    for (const address of this.#addressesOf.get(unit) ?? []) {
      const units = this.#unitsOf.get(address);
      units?.delete(unit);
      if (units?.size === 0) this.#unitsOf.delete(address);
    }
    this.#addressesOf.delete(unit);
  }
}
