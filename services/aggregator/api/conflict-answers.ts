import type { Conflict } from "../../../shared/api/services.ts";
import { whyServed } from "../conflicts/contest-text.ts";
import type { Group } from "../conflicts/conflict-book.ts";
import type { Contest } from "../conflicts/settlement.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { ApiOptions } from "./api-options.ts";
import { hostsOf } from "./service-rows.ts";

type ConflictOptions = Pick<ApiOptions, "cache" | "ingest">;

/** All hosts that several entries claim, by host. */
export function allConflicts(options: ConflictOptions): Conflict[] {
  const { conflicts } = options.cache;
  return [...conflicts.groups].flatMap((group) => conflictsIn(group, options))
    .sort((a, b) => a.host < b.host ? -1 : 1);
}

/** The conflicts of one group of entries. */
export function conflictsIn(group: Group, options: ConflictOptions): Conflict[] {
  return options.cache.conflicts.contestsOf(group).map((contest) => conflictOf(contest, group, options));
}

function conflictOf(contest: Contest, group: Group, { ingest }: ConflictOptions): Conflict {
  const { host, mode, outcome, claimants, leftOut } = contest;
  return {
    host,
    mode,
    outcome,
    why: whyServed(contest),
    claimedBy: claimants.map((claimant) => {
      const { registry, source, name, subject, endpoints } = claimant;
      return {
        source: sourceKey(registry, source),
        name,
        endpoints,
        inDoubt: ingest.doubtsOf({ registry, source }).get(subject)?.why ?? null,
        leftOut: leftOut.find(({ resource }) => resource === claimant)?.reason ?? null,
      };
    }),
    served: [...group.served.values()].filter((resource) => hostsOf(resource).includes(host))
      .map(({ name, endpoints }) => ({ name, endpoints })),
  };
}
