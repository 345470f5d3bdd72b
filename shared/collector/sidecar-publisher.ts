import type { Manifest } from "../model/manifest.ts";
import { sidecarOffers } from "./offers.ts";
import type { PlanStep } from "./publish-plan.ts";
import type { PublishedTerm } from "./published-state.ts";
import type { SidecarStage } from "./registry.ts";
import { settleStep } from "./settle-step.ts";
import type { SourceParts } from "./source-parts.ts";
import type { Unit } from "./unit.ts";

/** A Sidecar that no application needs any more. */
type GoneSidecar = ReturnType<SidecarStage["plan"]>["gone"][number];

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
    const { view: { sidecars }, share: { term }, publisher, vet } = this.#parts;
    if (sidecars === undefined) return;
    const { upserts, gone } = sidecars.plan(Date.now(), this.mayRemoveCalls);
    const units = new Map<Unit, Manifest[]>();
    for (const { unit, manifest } of sidecarOffers(sidecars, upserts, vet)) units.set(unit, [manifest]);
    const published = await publisher.publishUnits(units, true, signal);
    settleStep(this.#parts, step, [], published);
    if (published.fenced) return;
    if (await this.deleteGone(step, term, sidecars, gone, signal)) sidecars.settle();
  }

  /** Deletes what was found to be gone under this term. False if the term is over: then it has to be found out anew. */
  async deleteGone(
    step: PlanStep,
    term: PublishedTerm | undefined,
    stage: SidecarStage,
    gone: readonly GoneSidecar[],
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
