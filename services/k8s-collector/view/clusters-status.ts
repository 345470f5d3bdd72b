import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { ClusterSlot } from "./cluster-slot.ts";
import type { HomeSecrets } from "./home-secrets.ts";
import type { RefusedCluster } from "./wanted-clusters.ts";

/** What the status of a source's clusters is made of. */
export interface ClustersState {
  readonly slots: readonly ClusterSlot[];
  readonly refused: readonly RefusedCluster[];
  /** Why clusters couldn't be opened, by id. */
  readonly unopened: ReadonlyMap<string, string>;
  /** The Secrets of our own cluster; undefined: they aren't followed. */
  readonly home: HomeSecrets | undefined;
}

/** Why some cluster, or the Secrets with them, can't be read now; undefined if all can. */
export function errorOf({ slots, home }: ClustersState): string | undefined {
  const nowMs = performance.now();
  return home?.error ?? slots.map((slot) => slot.errorAt(nowMs)).find((error) => error !== undefined);
}

/** What an operator should know though everything can be read; undefined: nothing. */
export function remarkOf({ slots, unopened, refused: [refused], home }: ClustersState): string | undefined {
  const [failed] = unopened;
  return slots.map(({ remark }) => remark).find((remark) => remark !== undefined) ??
    (failed && `cluster ${failed[0]} can't be opened: ${failed[1]}`) ?? home?.remark ??
    (refused && `cluster ${refused.id} of ${refused.origin} is not read: ${refused.reason}`);
}

/** When the cluster that was heard last longest ago was heard, in milliseconds of a monotonic clock. */
export function heardMsOf({ slots, home }: ClustersState): number | undefined {
  let oldest: number | undefined;
  for (const { current: { heardMs } } of slots) {
    if (heardMs === undefined) return undefined;
    oldest = Math.min(oldest ?? heardMs, heardMs);
  }
  return oldest ?? home?.heardMs;
}

/** One line for each cluster, those that are refused among them, and one for the Secrets. */
export function connectionsOf(
  { slots, refused, unopened, home }: ClustersState,
): CollectorStatus["connections"] {
  const nowMs = performance.now();
  const ageMs = (heardMs: number | undefined) => heardMs === undefined ? null : Math.round(nowMs - heardMs);
  return [
    ...slots.map((slot) => ({
      name: slot.id,
      synced: slot.isSynced,
      lastSuccessAgeMs: ageMs(slot.current.heardMs),
      lastError: slot.errorAt(nowMs) ?? slot.remark ?? null,
    })),
    ...Array.from(unopened, ([name, lastError]) => ({
      name,
      synced: false,
      lastSuccessAgeMs: null,
      lastError,
    })),
    ...refused.map(({ id, origin, reason }) => ({
      name: `${id} (${origin})`,
      synced: false,
      lastSuccessAgeMs: null,
      lastError: `not read: ${reason}`,
    })),
    ...(home === undefined ? [] : [{
      name: "Secrets with clusters",
      synced: !home.isPending,
      lastSuccessAgeMs: ageMs(home.heardMs),
      lastError: home.error ?? home.remark ?? null,
    }]),
  ];
}
