import type { FencePolicy, Item, Unit } from "./unit.ts";

/** Limits of what is under way: enough to keep a server busy over 20 ms of distance. */
const windowMessages = 1024;
const windowBytes = 16 * 1024 * 1024;

/**
 * An acknowledgement that took longer than this (milliseconds) is not waited for; twice, three times, … that in later
 * attempts. Short, because what is sent during a leader election is lost; a duplicate has no effect.
 */
const ackTimeoutMs = 2000;
const longestAckTimeoutMs = 10_000;

/** The units that were sent and have no answer yet, and what may not be sent because of them. */
export class InFlight {
  readonly #units = new Map<number, Unit>();
  readonly #subjects = new Set<string>();
  /** The fences of which only one unit may be under way. */
  readonly #fences = new Map<Unit, string>();
  #messages = 0;
  #bytes = 0;

  /** The unit whose last message has this order. */
  get(order: number): Unit | undefined {
    return this.#units.get(order);
  }

  /** All units, in a list of its own. */
  get units(): readonly Unit[] {
    return [...this.#units.values()];
  }

  /** Units whose answer isn't waited for any longer. */
  overdue(nowMs: number): readonly Unit[] {
    return this.units.filter(({ items: [{ attempts }], sentAtMs }) =>
      nowMs - sentAtMs > Math.min(longestAckTimeoutMs, ackTimeoutMs * attempts)
    );
  }

  has(subject: string): boolean {
    return this.#subjects.has(subject);
  }

  /** True if the message needn't wait for an answer. */
  hasRoomFor({ subject, barrier, fence }: Item, policy: FencePolicy): boolean {
    if (this.#messages >= windowMessages || this.#bytes >= windowBytes) return false;
    if (this.#subjects.has(subject) || (barrier && this.#units.size > 0)) return false;
    return policy === "free" || fence === undefined || ![...this.#fences.values()].includes(fence.subject);
  }

  add(unit: Unit, policy: FencePolicy): void {
    const { items, bytes, last } = unit;
    this.#units.set(last.order, unit);
    if (policy !== "free" && last.fence !== undefined) this.#fences.set(unit, last.fence.subject);
    for (const { subject } of items) this.#subjects.add(subject);
    this.#messages += items.length;
    this.#bytes += bytes;
  }

  /** Forgets a unit; nothing happens if it isn't under way. */
  delete(unit: Unit): void {
    const { items, bytes, last } = unit;
    if (this.#units.get(last.order) !== unit) return;
    this.#units.delete(last.order);
    this.#fences.delete(unit);
    for (const { subject } of items) this.#subjects.delete(subject);
    this.#messages -= items.length;
    this.#bytes -= bytes;
  }
}
