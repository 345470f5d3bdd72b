import { sourceKey } from "../ingest/sync-gate.ts";
import type { Contest } from "./settlement.ts";

/** What clients get for a host that several entries claim, and why: a clause without a full stop. */
export function whyServed({ outcome, claimants, leftOut }: Contest): string {
  const [first] = claimants;
  const name = first?.name ?? "";
  switch (outcome) {
    case "merged":
      return `clients get one entry, ${name}, with the endpoints of all`;
    case "preferred":
      return `clients get one entry, ${name}, with the endpoints of the first source that has some`;
    case "separate":
      return "clients get an entry for each";
    case "unmergeable": {
      const reasons = leftOut.map(({ resource: { registry, source }, reason }) =>
        `that of ${sourceKey(registry, source)} ${reason}`
      );
      return `the entries can't be merged (${
        reasons.slice(0, 5).join("; ")
      }), so clients get the first that has endpoints`;
    }
  }
}
