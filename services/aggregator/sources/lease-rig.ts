import type { CollectorLease } from "../../../shared/model/collector-lease.ts";

/** The lease of a collector of Eureka that reads its registry well. */
export function leaseOf(member: string, change: Partial<CollectorLease> = {}): CollectorLease {
  return {
    registry: "eureka",
    source: "default",
    member,
    version: "1",
    startedAt: "2026-01-01T00:00:00Z",
    state: "ready",
    lastReadAt: "2026-01-01T00:00:00Z",
    error: null,
    failingSince: null,
    settledTerm: "1",
    published: 3,
    held: 0,
    ...change,
  };
}
