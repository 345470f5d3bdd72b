import type { SidecarManifest } from "../model/manifest.ts";
import { inTurns, Turns } from "../runtime/turns.ts";
import { sidecarUnits } from "./offers.ts";
import type { PlanStep } from "./publish-plan.ts";
import type { PublishedTerm } from "./published-state.ts";
import type { PublishSummary } from "./publish-summary.ts";
import type { SidecarPlan, SidecarStage } from "./registry.ts";
import { settleStep } from "./settle-step.ts";
import type { SourceParts } from "./source-parts.ts";

/** What is published at once. */
interface SidecarWork {
  /** Under which it was planned. */
  readonly term: PublishedTerm | undefined;
  readonly stage: SidecarStage;
  readonly plan: SidecarPlan;
  readonly manifests: Iterable<SidecarManifest>;
  readonly turns: Turns;
}

/** Publishes a source's Sidecars, which have times of their own. */
export class SidecarPublisher {
  readonly #parts: SourceParts;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  /** While the registry can't be read or losses are held, it is no evidence that an application calls a service no more. */
  get mayRemoveCalls(): boolean {
    return this.#parts.view.error === undefined && !this.#parts.publisher.isHolding;
  }

  /** Publishes the Sidecars that are due, and deletes those that are gone. */
  async publish(step: PlanStep, signal: AbortSignal): Promise<void> {
    const { view: { sidecars }, share: { term } } = this.#parts;
    if (sidecars === undefined) return;
    const turns = new Turns();
    const plan = await inTurns(sidecars.plan(Date.now(), () => this.mayRemoveCalls), turns);
    await this.#publish(step, { term, stage: sidecars, plan, manifests: plan.upserts, turns }, signal);
  }

  /**
   * Compares all Sidecars with the stream, once the entries that they name are published: the last part of a comparison
   * under this term. Undefined if the term is over, or something failed: then everything has to be compared anew.
   */
  async compare(
    step: PlanStep,
    term: PublishedTerm | undefined,
    signal: AbortSignal,
  ): Promise<Pick<PublishSummary, "sidecars"> | undefined> {
    const { sidecars } = this.#parts.view;
    if (sidecars === undefined) return {};
    const turns = new Turns();
    const plan = await inTurns(sidecars.plan(Date.now(), () => false), turns);
    const manifests = sidecars.manifests();
    return await this.#publish(step, { term, stage: sidecars, plan, manifests, turns }, signal);
  }

  async #publish(
    step: PlanStep,
    { term, stage, plan, manifests, turns }: SidecarWork,
    signal: AbortSignal,
  ): Promise<Pick<PublishSummary, "sidecars"> | undefined> {
    const { share, publisher, vet } = this.#parts;
    if (share.term !== term) {
      this.#parts.plan.failed(step, [], performance.now());
      return undefined;
    }
    const units = sidecarUnits(stage, manifests, vet);
    const published = await publisher.publishUnits(units, true, signal, turns);
    // What was refused isn't the view's to convert again: the stage has it in its next plan.
    settleStep(this.#parts, step, [], { ...published, refused: new Set() });
    if (published.fenced) return undefined;
    if (!await this.#deleteGone(step, term, stage, plan.gone, signal)) return undefined;
    stage.settle(plan, published.refused);
    return published.summary;
  }

  /** Deletes what was found to be gone under this term. False if the term is over: then it has to be found out anew. */
  async #deleteGone(
    step: PlanStep,
    term: PublishedTerm | undefined,
    stage: SidecarStage,
    gone: SidecarPlan["gone"],
    signal: AbortSignal,
  ): Promise<boolean> {
    if (gone.length === 0) return true;
    const { share, publisher, metrics, plan } = this.#parts;
    const named = gone.map((sidecar) => ({ ...sidecar, unit: stage.unitOf(sidecar.name) }));
    const deleted = share.term === term ? await publisher.deleteNamed(named, signal) : undefined;
    if (deleted !== undefined) metrics.published(deleted.summary);
    if (deleted?.fenced === false) return true;
    plan.failed(step, [], performance.now());
    return false;
  }
}
