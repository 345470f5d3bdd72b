import type { Manifest } from "../model/manifest.ts";
import { errorText } from "../runtime/errors.ts";
import { Turns } from "../runtime/turns.ts";
import { Comparison } from "./comparison.ts";
import type { PlanFacts, PlanStep } from "./publish-plan.ts";
import { settleStep } from "./settle-step.ts";
import { SidecarPublisher } from "./sidecar-publisher.ts";
import { isReadHere } from "./source-parts.ts";
import type { SourceParts } from "./source-parts.ts";
import type { Unit } from "./unit.ts";

type NamedChanges = Extract<PlanStep, { readonly type: "publish" }>;

/** Which replica publishes the sync marker: as if it were a unit. */
const markerUnit: Unit = "sync-marker";

/** The one loop of a source: asks the plan what to do, does it, and tells the plan what became of it. */
export class PublishLoop {
  readonly comparison: Comparison;
  readonly #sidecars: SidecarPublisher;
  readonly #parts: SourceParts;
  /** How often a read showed differences that nothing names. */
  #outdatings = 0;

  constructor(parts: SourceParts) {
    this.#parts = parts;
    this.#sidecars = new SidecarPublisher(parts);
    this.comparison = new Comparison(parts, this.#sidecars);
  }

  /** True once everything has been read and published under the current term, and said to be so. */
  get isSettled(): boolean {
    const { share, progress } = this.#parts;
    return progress.isSettled && (progress.isMarked || !share.owns(markerUnit));
  }

  /** A read showed differences that nothing names: what was converted so far may not fit to what comes. */
  outdated(): void {
    this.#outdatings++;
    this.comparison.outdated();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { plan, work, log } = this.#parts;
    while (!signal.aborted) {
      await this.#markIfSettled(signal);
      const step = plan.next(performance.now(), this.#facts());
      if (step.type === "wait") {
        await work.wait(step.ms, signal);
        continue;
      }
      try {
        await this.#carryOut(step, signal);
      } catch (error) {
        if (signal.aborted) return;
        plan.failed(step, step.type === "publish" ? step.units : [], performance.now());
        log.error(
          { reason: errorText(error) },
          "publishing to the entry log failed: published entries stay as they are; the collector tries again",
        );
      }
    }
  }

  #facts(): PlanFacts {
    const { view, facts, state, share, publisher, progress } = this.#parts;
    return {
      // An entry that is published before the labels of its pods are known would be published twice.
      isComplete: view.isComplete && facts?.isReady !== false,
      isReading: view.isReading,
      isReachable: view.error === undefined,
      endpoints: view.endpoints,
      mayPublish: state.caughtUp && share.fence !== undefined && progress.isRefreshed,
      needsComparison: !progress.isCompared,
      isHolding: publisher.isHolding,
      keepsEmpty: state.keepsEmpty,
      sidecarsDueInMs: view.sidecars?.dueInMs(Date.now(), this.#sidecars.mayRemoveCalls),
    };
  }

  async #carryOut(step: PlanStep, signal: AbortSignal): Promise<void> {
    switch (step.type) {
      case "publish":
        return await this.#publishUnits(step, signal);
      case "compare":
        return await this.comparison.compare(step, signal);
      case "sidecars":
        return await this.#sidecars.publish(step, signal);
      case "housekeeping":
        this.#parts.view.retry?.();
        return;
      case "wait":
        return;
    }
  }

  /**
   * Publishes units that the registry named. Thousands may have changed at once, so they are converted in turns of the
   * event loop. What happens between two turns mustn't make a loss look like one that the registry named: then the rest
   * goes back to the plan.
   */
  async #publishUnits(step: NamedChanges, signal: AbortSignal): Promise<void> {
    const { view, facts, plan, publisher, share: { term }, traces, vet } = this.#parts;
    const outdatings = this.#outdatings;
    const turns = new Turns();
    const waiting = new Set(step.units);
    const converted = new Map<Unit, readonly Manifest[]>();
    for (const unit of step.units) {
      if (turns.isOver) {
        await turns.next();
        if (this.#parts.share.term !== term) return plan.failed(step, step.units, performance.now());
        if (this.#outdatings !== outdatings || this.#isDoubtful) break;
      }
      waiting.delete(unit);
      // It has changed again since, and is due at its own time.
      if (plan.isQueued(unit)) continue;
      view.observe(unit);
      if (!isReadHere(this.#parts, unit)) {
        traces?.done([unit]);
        continue;
      }
      const convert = () => vet(unit, view.convert(unit));
      const manifests = traces === undefined ? convert() : traces.convert(unit, convert);
      const waitMs = facts?.waitMs(unit, performance.now()) ?? 0;
      if (waitMs > 0) {
        plan.later([unit], performance.now() + waitMs);
        continue;
      }
      facts?.published(unit);
      converted.set(unit, manifests);
    }
    // Differences that nothing named are for the guard, in these units as in all others.
    if (this.#outdatings !== outdatings) plan.compareNow();
    else plan.later(waiting, performance.now());
    const published = await publisher.publishUnits(converted, view.keepsLastEndpoints, signal, turns);
    settleStep(this.#parts, step, step.units, published);
    if (!published.fenced) traces?.done(converted.keys());
  }

  /** True while a missing instance is no evidence. */
  get #isDoubtful(): boolean {
    const { view, plan } = this.#parts;
    return view.isReading || plan.isMassLoss(view.endpoints, performance.now());
  }

  /** When all replicas have published their shares, one of them says so. */
  async #markIfSettled(signal: AbortSignal): Promise<void> {
    const { share, share: { term }, state, publisher, progress, log } = this.#parts;
    if (term === undefined || progress.isMarked || !progress.isSettled) return;
    if (!share.owns(markerUnit) || !share.isSettled) return;
    // The term may outlive what a stream loses, and another replica may not have noticed that its share is gone. Where
    // terms began anew it has: what it didn't publish again is nothing that it or its registry has.
    if (!state.hasNewTerms) {
      for (const unit of state.lost()) if (!share.owns(unit)) return;
    }
    try {
      if (await publisher.publishMarker(signal)) progress.marked(term);
    } catch (error) {
      if (!signal.aborted) {
        log.warn(
          { reason: errorText(error) },
          "publishing the sync marker failed: new aggregators wait for it; the collector tries again",
        );
      }
    }
  }
}
