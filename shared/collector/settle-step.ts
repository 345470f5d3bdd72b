import type { PlanStep } from "./publish-plan.ts";
import type { SourceParts } from "./source-parts.ts";
import type { Published } from "./source-publisher.ts";
import type { Unit } from "./unit.ts";

/** Tells metrics and plan what became of a step; `units` are to be tried again if it was fenced. */
export function settleStep(
  { metrics, plan }: Pick<SourceParts, "metrics" | "plan">,
  step: PlanStep,
  units: Iterable<Unit>,
  { summary, refused, fenced }: Published,
): void {
  metrics.published(summary);
  if (fenced) plan.failed(step, units, performance.now());
  else {
    plan.done();
    plan.refused(refused, performance.now());
  }
}
