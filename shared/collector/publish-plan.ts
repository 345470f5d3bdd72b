import type { DebounceRules } from "./watching-debounce.ts";
import { ChangeQueue } from "./change-queue.ts";
import type { LossDelays } from "./change-queue.ts";
import { LossWindow } from "./loss-window.ts";
import type { Unit } from "./unit.ts";
import type { ShrinkPolicy } from "./shrink-guard.ts";

/** In what registries differ. */
export interface PlanTraits {
  /**
   * True if instances vanish one by one though one fault took them all (ZooKeeper's sessions after an outage of the
   * ensemble): losses of a minute are then added up, and too many are for the mass-deletion guard to judge. False if
   * each named loss is evidence of its own.
   */
  readonly addsUpLosses: boolean;
  /** How long a loss waits for what may follow. */
  readonly lossDelays: LossDelays;
  /** Puts off units that change again and again; undefined: never. */
  readonly debounce: DebounceRules | undefined;
  /** Comparisons that aren't urgent are at least this far apart, in milliseconds. */
  readonly minCompareMs: number;
}

/** The state of view, stream and share at a moment. */
export interface PlanFacts {
  /** The registry has been read completely. */
  readonly isComplete: boolean;
  /** A complete read is under way. */
  readonly isReading: boolean;
  /** The registry can be read. */
  readonly isReachable: boolean;
  /** Instances in the registry. */
  readonly endpoints: number;
  /** This replica shares the source, and knows all that is on the stream. */
  readonly mayPublish: boolean;
  /** Everything has to be compared before anything else: after a start, a reset of the stream, a new term. */
  readonly needsComparison: boolean;
  /** The mass-deletion guard holds something. */
  readonly isHolding: boolean;
  /** There are services without endpoints. */
  readonly keepsEmpty: boolean;
  /** How long until Sidecars may have to be published, in milliseconds; undefined: not by themselves. */
  readonly sidecarsDueInMs: number | undefined;
}

/** The next step. */
export type PlanStep =
  /** Nothing for that time, or (undefined) before something changes. */
  | { readonly type: "wait"; readonly ms: number | undefined }
  /** Publish these units: the registry named their changes. */
  | { readonly type: "publish"; readonly units: ReadonlySet<Unit> }
  /** Compare everything with the stream. */
  | { readonly type: "compare" }
  /** Look again at what could not be found out, then ask again. */
  | { readonly type: "housekeeping" }
  | { readonly type: "sidecars" };

/** Held losses, empty services and what could not be found out are looked at this often, in milliseconds. */
const housekeepingMs = 60_000;

/** After a failed publish: doubles from here up to the longest, in milliseconds. */
const retryMs = { first: 250, longest: 10_000 };

/** Units that the log refuses (permissions, a full stream) are offered again after this time, in milliseconds. */
const refusedRetryMs = 5_000;

/**
 * A comparison or Sidecars that are this late, in milliseconds, come before named changes, which otherwise come first:
 * where changes never end, they take turns.
 */
const overdueAfterMs = 1_000;

/** While losses are held, the whole is compared again after changes, but not more often than this, in milliseconds. */
const holdingCompareMs = 2_000;

/**
 * Decides when a collector does what. A state machine without I/O and clock: the time is handed in, in milliseconds of
 * a monotonic clock. These promises are kept here:
 *
 * - What the registry named is published at once; what only a comparison shows goes through the mass-deletion guard.
 * - While everything is being read, and after a mass loss, a vanished instance is no evidence.
 * - No housekeeping while the registry can't be read: what it lost then must not run out of its time.
 */
export class PublishPlan {
  readonly #traits: PlanTraits;
  readonly #queue: ChangeQueue;
  readonly #losses: LossWindow;
  /** A comparison is due this long after the last one, in milliseconds; undefined: none is due. */
  #compareGapMs: number | undefined;
  #comparedAtMs = Number.NEGATIVE_INFINITY;
  #housekeepingAtMs: number;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** Since when Sidecars have been due, in milliseconds; undefined: they aren't. */
  #sidecarsDueAtMs: number | undefined;
  /** The last step published named changes: what is overdue comes next. */
  #hasJustPublished = false;
  /** True if the last complete read found no instance at all. */
  #readNothing = false;

  constructor(traits: PlanTraits, guard: ShrinkPolicy, nowMs: number) {
    this.#traits = traits;
    this.#queue = new ChangeQueue(traits.debounce, traits.lossDelays);
    this.#losses = new LossWindow(guard);
    this.#housekeepingAtMs = nowMs + housekeepingMs;
  }

  /** The registry named a change. `isFirstRead`: what the first reading finds is no loss and no gain. */
  changed(unit: Unit, endpoints: number, isEmpty: boolean, isFirstRead: boolean, nowMs: number): void {
    if (!isFirstRead) this.#losses.note(endpoints, nowMs);
    this.#queue.mark(unit, endpoints, isEmpty, nowMs);
  }

  /** A complete read ended well. `compares`: it showed differences that nothing named, or may end a hold. */
  readEnded(endpoints: number, compares: boolean): void {
    this.#readNothing = endpoints === 0;
    if (compares) this.#askToCompare(this.#traits.minCompareMs);
  }

  /** An operator let the losses go: those of the last minute are no reason any more to doubt the next ones. */
  released(): void {
    this.#losses.clear();
    this.compareNow();
  }

  /** Everything is to be compared as soon as that is possible. */
  compareNow(): void {
    this.#askToCompare(0);
  }

  /** Returns the next step. The caller carries out a step other than `wait`; its outcome goes to {@link done} or {@link failed}. */
  next(nowMs: number, facts: PlanFacts): PlanStep {
    if (!facts.isComplete || !facts.mayPublish) return { type: "wait", ms: undefined };
    if (nowMs < this.#retryAtMs) return { type: "wait", ms: this.#retryAtMs - nowMs };
    if (nowMs >= this.#housekeepingAtMs) {
      this.#housekeepingAtMs = nowMs + housekeepingMs;
      if (facts.isReachable && (facts.keepsEmpty || facts.isHolding)) this.#askToCompare(0);
      return { type: "housekeeping" };
    }
    const isMassLoss = this.isMassLoss(facts.endpoints, nowMs);
    if (this.#queue.size > 0 && isMassLoss) this.#askToCompare(this.#traits.minCompareMs);
    else if (this.#queue.size > 0 && facts.isHolding) this.#askToCompare(holdingCompareMs);
    const takesLosses = !facts.isReading && !isMassLoss;
    if (facts.needsComparison) {
      // Until a read has ended, an entry that it lacks may still come.
      if (!facts.isReading) return this.#compare(nowMs);
    } else {
      const dueAtMs = {
        compare: facts.isReading ? Number.POSITIVE_INFINITY : this.#compareAtMs,
        sidecars: this.#sidecarsAtMs(nowMs, facts),
      };
      const overdueMs = this.#hasJustPublished ? nowMs - Math.min(dueAtMs.compare, dueAtMs.sidecars) : 0;
      this.#hasJustPublished = false;
      if (!isMassLoss && overdueMs < overdueAfterMs) {
        const units = this.#queue.takeDue(nowMs, takesLosses);
        this.#hasJustPublished = units.size > 0;
        if (units.size > 0) return { type: "publish", units };
      }
      if (nowMs >= dueAtMs.compare) return this.#compare(nowMs);
      if (nowMs >= dueAtMs.sidecars) {
        this.#sidecarsDueAtMs = undefined;
        return { type: "sidecars" };
      }
    }
    return { type: "wait", ms: this.#waitMs(nowMs, facts, takesLosses) };
  }

  /** The last step was carried out. */
  done(): void {
    this.#failures = 0;
  }

  /** The log refused these units for now. They are tried again after a while, their neighbours aren't held up. */
  refused(units: Iterable<Unit>, nowMs: number): void {
    this.#queue.putBack(units, nowMs + refusedRetryMs);
  }

  /** True for a unit that changed, and that no step has taken since. */
  isQueued(unit: Unit): boolean {
    return this.#queue.has(unit);
  }

  /** These units wait until then, unless they change before: a pod isn't known yet. */
  later(units: Iterable<Unit>, dueAtMs: number): void {
    this.#queue.putBack(units, dueAtMs);
  }

  /** The last step failed: it is tried again after a while, with these units. */
  failed(step: PlanStep, units: Iterable<Unit>, nowMs: number): void {
    if (step.type === "compare") this.#askToCompare(0);
    this.#queue.putBack(units, nowMs);
    this.#retryAtMs = nowMs + Math.min(retryMs.longest, retryMs.first * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
  }

  #compare(nowMs: number): PlanStep {
    this.#compareGapMs = undefined;
    this.#comparedAtMs = nowMs;
    this.#queue.clear();
    return { type: "compare" };
  }

  #sidecarsAtMs(nowMs: number, { sidecarsDueInMs }: PlanFacts): number {
    if (sidecarsDueInMs === undefined || sidecarsDueInMs > 0) {
      this.#sidecarsDueAtMs = undefined;
      return Number.POSITIVE_INFINITY;
    }
    this.#sidecarsDueAtMs ??= nowMs;
    return this.#sidecarsDueAtMs;
  }

  #askToCompare(gapMs: number): void {
    this.#compareGapMs = Math.min(this.#compareGapMs ?? gapMs, gapMs);
  }

  get #compareAtMs(): number {
    return this.#compareGapMs === undefined
      ? Number.POSITIVE_INFINITY
      : this.#comparedAtMs + this.#compareGapMs;
  }

  /** True if so much went that it has to be compared as a whole, with the guard, rather than taken for evidence. */
  isMassLoss(endpoints: number, nowMs: number): boolean {
    if (!this.#traits.addsUpLosses) return false;
    // A server that was replaced by an empty one looks like this, however little there was.
    if (this.#readNothing && endpoints === 0) return true;
    return this.#losses.exceeds(endpoints, nowMs);
  }

  #waitMs(nowMs: number, facts: PlanFacts, takesLosses: boolean): number {
    const waits = [this.#housekeepingAtMs - nowMs];
    if (!facts.isReading) waits.push(this.#compareAtMs - nowMs);
    const queued = this.#queue.msUntilDue(nowMs, takesLosses);
    if (queued !== undefined) waits.push(queued);
    if (facts.sidecarsDueInMs !== undefined) waits.push(facts.sidecarsDueInMs);
    return Math.max(0, Math.min(...waits));
  }
}
