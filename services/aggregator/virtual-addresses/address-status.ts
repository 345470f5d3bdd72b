import type { ClaimBook } from "./claim-book.ts";

/** How it stands with the virtual addresses, for metrics and the debug API. */
export interface AddressStatus {
  /** Claims that are in the bucket; `released` of them belong to hosts that are gone. */
  readonly claimed: number;
  readonly released: number;
  /** Addresses that are served though the bucket doesn't have them. */
  readonly unclaimed: number;
  /** Hosts whose entries are held back until they have an address. */
  readonly waiting: number;
  /** Hosts that go without, because a range is full. */
  readonly denied: readonly string[];
  /** What the bucket complained about last; empty if all is well. */
  readonly problem: string;
}

/** Counts the claims of the book: looks at all of them. */
export function countClaims(
  book: ClaimBook,
): Pick<AddressStatus, "claimed" | "released" | "unclaimed" | "denied"> {
  let claimed = 0;
  let released = 0;
  let unclaimed = 0;
  for (const { stored, usable, claim } of book.claims.values()) {
    if (stored) claimed++;
    else if (usable) unclaimed++;
    if (stored && claim.releasedAt !== undefined) released++;
  }
  return { claimed, released, unclaimed, denied: [...book.denied] };
}
