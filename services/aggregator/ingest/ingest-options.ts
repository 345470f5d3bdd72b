import type { ShrinkPolicy } from "../../../shared/collector/shrink-guard.ts";
import type { Addressed } from "../../../shared/istio/addressed-host.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { AggregatorState, StateHeader } from "../state/state-file.ts";
import type { AddressKeeper } from "../virtual-addresses/address-keeper.ts";
import type { PushTraces } from "../xds/push-traces.ts";
import type { SyncGate } from "./sync-gate.ts";

/** What an ingest works with. */
export interface IngestOptions {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly profile: Profile;
  /** Which losses are held that only a complete read shows. */
  readonly guard: ShrinkPolicy;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
  /** Who has which virtual address, and who is given one; without it, nobody is. */
  readonly addresses?: { readonly keeper: AddressKeeper; readonly addressed: Addressed } | undefined;
  /** The state on disk, if one is kept. */
  readonly earlier?: EarlierState | undefined;
  /** Absent: changes aren't traced. */
  readonly traces?: PushTraces | undefined;
  /** How a person lets go what is held of a registry, for the log. */
  readonly releaseHint?: (registry: string) => string;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

/** A state of earlier times that can be asked for; undefined if there is none that can be used. */
export interface EarlierState {
  header(): Promise<StateHeader | undefined>;
  load(): Promise<AggregatorState | undefined>;
}
