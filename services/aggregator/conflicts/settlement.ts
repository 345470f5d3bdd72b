import type { CachedResource } from "../catalogue/cached-resource.ts";
import type { ConflictMode } from "./conflict-rules.ts";

/** What is served of some entries for some hosts: one entry. */
export interface Part {
  /** Name, namespace, labels and addresses come from this one. */
  readonly identity: CachedResource;
  /** Ports and endpoints come from these, in their order; at least one. */
  readonly contents: readonly CachedResource[];
  /** In lower case, in order. Empty for kinds without hosts. */
  readonly hosts: readonly string[];
}

/** A {@link Part} with the name that it is served under. */
export interface NamedPart extends Part {
  /** `<namespace>/<name>`. */
  readonly name: string;
}

/**
 * How a conflict ended: `merged` into one entry; `unmergeable`: an entry of another source could not be merged and is
 * left out; `preferred`: one is served, and the others are not; `separate`: all are served, because the mode says so or
 * because not the same clients see them.
 */
export const outcomes = ["merged", "unmergeable", "preferred", "separate"] as const;
export type Outcome = (typeof outcomes)[number];

/** An entry that isn't served for a host, and why: the end of a sentence that begins with the entry. */
export interface LeftOut {
  readonly resource: CachedResource;
  readonly reason: string;
}

/** A host that several entries claim which some client sees together. */
export interface Contest {
  readonly host: string;
  readonly mode: ConflictMode;
  readonly outcome: Outcome;
  /** In the order of precedence. */
  readonly claimants: readonly CachedResource[];
  readonly leftOut: readonly LeftOut[];
}

/** What is served of a group of entries that have hosts or names in common. */
export interface Settlement {
  readonly parts: readonly NamedPart[];
  readonly contests: readonly Contest[];
}
