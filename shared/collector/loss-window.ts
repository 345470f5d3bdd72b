import type { ShrinkPolicy } from "./shrink-guard.ts";

/** Losses within this time are looked at together: sessions that a broken ensemble lets expire go over several ticks. */
const windowMs = 60_000;

/**
 * Notices a mass loss that comes one by one. Each vanished node is evidence of its own, but an ensemble that was away
 * for longer than the sessions' timeout lets them all expire within a minute: then the mass-deletion guard has to
 * look at the whole. The clock is passed in, in milliseconds of a monotonic clock.
 */
export class LossWindow {
  readonly #policy: ShrinkPolicy;
  readonly #losses: { readonly atMs: number; readonly lost: number }[] = [];
  #sum = 0;

  constructor(policy: ShrinkPolicy) {
    this.#policy = policy;
  }

  /** Records the difference that a change makes: providers that came (above 0) or went (below 0). */
  note(cameOrWent: number, nowMs: number): void {
    if (cameOrWent === 0) return;
    this.#losses.push({ atMs: nowMs, lost: -cameOrWent });
    this.#sum -= cameOrWent;
    this.#forget(nowMs);
  }

  /** True if the guard would hold the losses of the window; `present` is the number of providers now. */
  exceeds(present: number, nowMs: number): boolean {
    this.#forget(nowMs);
    const { maxShrinkPercent, minEndpoints } = this.#policy;
    if (maxShrinkPercent >= 100 || this.#sum < Math.max(1, minEndpoints)) return false;
    return this.#sum * 100 > (present + this.#sum) * maxShrinkPercent;
  }

  /** What was lost so far is meant to be lost. */
  clear(): void {
    this.#losses.length = 0;
    this.#sum = 0;
  }

  #forget(nowMs: number): void {
    let old = 0;
    while (nowMs - (this.#losses[old]?.atMs ?? nowMs) > windowMs) {
      this.#sum -= this.#losses[old]?.lost ?? 0;
      old++;
    }
    if (old > 0) this.#losses.splice(0, old);
  }
}
