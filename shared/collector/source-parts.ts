import type { FactJoin } from "../facts/fact-join.ts";
import type { Logger } from "../runtime/log.ts";
import type { ChangeTraces } from "./change-traces.ts";
import type { CollectorMetrics } from "./collector-metrics.ts";
import type { InvalidRecords } from "./invalid-records.ts";
import type { Vet } from "./offers.ts";
import type { PublishPlan } from "./publish-plan.ts";
import type { PublishedState } from "./published-state.ts";
import type { RegistryView } from "./registry.ts";
import type { SourcePublisher } from "./source-publisher.ts";
import type { TermProgress } from "./term-progress.ts";
import type { Unit } from "./unit.ts";
import type { WorkShare } from "./work-share.ts";
import type { WorkSignal } from "./work-signal.ts";

/** One source's parts, as far as those need each other that carry its work out. */
export interface SourceParts {
  readonly view: RegistryView;
  readonly records: InvalidRecords;
  readonly metrics: CollectorMetrics;
  /** Undefined: no labels of pods are laid over this source's endpoints. */
  readonly facts: FactJoin | undefined;
  readonly vet: Vet;
  readonly state: PublishedState;
  readonly share: WorkShare;
  readonly publisher: SourcePublisher;
  readonly plan: PublishPlan;
  readonly progress: TermProgress;
  /** Undefined: changes aren't traced. */
  readonly traces: ChangeTraces | undefined;
  /** Wakes the loop that asks the plan. */
  readonly work: WorkSignal;
  readonly log: Logger;
}

/** True if the unit is this replica's, and what the view shows of it is what the registry has. */
export function isReadHere({ share, view }: Pick<SourceParts, "share" | "view">, unit: Unit): boolean {
  return share.owns(unit) && view.shareReader?.knows(unit) !== false;
}
