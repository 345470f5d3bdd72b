import type { Claim } from "./claim.ts";

/** What a sweep has to know beside the claim itself. */
export interface SweepView {
  /** Whether the claim's host is in use and has this address. */
  readonly isUsed: boolean;
  /** The time of day, in milliseconds since 1970. */
  readonly nowMs: number;
  /** How long an address stays reserved after its host is gone. */
  readonly releaseAfterMs: number;
}

/**
 * What becomes of a claim that is in the bucket: the claim to write in its place, null if it is to be removed, undefined
 * if it stays as it is. A host that is gone is first marked as released; one that is back has the mark taken off.
 */
export function sweepClaim(claim: Claim, view: SweepView): Claim | null | undefined {
  const { isUsed, nowMs, releaseAfterMs } = view;
  const { host, claimedAt, releasedAt } = claim;
  if (isUsed) return releasedAt === undefined ? undefined : { host, claimedAt };
  if (releasedAt === undefined) return { host, claimedAt, releasedAt: new Date(nowMs).toISOString() };
  return nowMs - Date.parse(releasedAt) >= releaseAfterMs ? null : undefined;
}
