import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { KindCatalogue } from "../catalogue/catalogue.ts";

/** What a stream may speak. */
export const dialects = ["stateOfTheWorld", "incremental", "delta"] as const;

/** What a stream speaks. */
export type Dialect = (typeof dialects)[number];

/** A client's last refusal. */
export interface LastError {
  readonly message: string;
  /** The resources that it concerns: those that the text names, else all that the response carried (the first 100). */
  readonly names: readonly string[];
}

/** What a stream knows of one requested type: for `/clients`, metrics and tests. */
export interface TypeStatus {
  readonly typeUrl: string;
  /** Undefined: a type that we have nothing of. */
  readonly kind: ResourceKind | undefined;
  /** What the client was last sent: a content hash (state of the world) or a place in the entry log. */
  readonly sentVersion: string | undefined;
  readonly sentNonce: string;
  readonly ackedVersion: string | undefined;
  readonly ackedNonce: string;
  /** True from a response until its ACK or NACK. */
  readonly inFlight: boolean;
  readonly sentAtMs: number;
  readonly nacks: number;
  readonly lastError: LastError | undefined;
  /** Resources that the client refused and has not taken since; absent where the dialect can't tell. */
  readonly refused?: readonly string[];
}

/** The world around a stream that is sent changes. */
export interface ChangeView {
  /** What there is of a kind, as this client may see it. */
  catalogue(kind: ResourceKind | undefined): KindCatalogue;
  readonly nowMs: number;
}

/** How many names are shown of a refusal that names none. */
export const shownNames = 100;

/**
 * The last change of a kind that all of a stream's types of that kind are known to have, by number: 0 if one has none,
 * undefined if there is no such type.
 */
export function confirmedByAll(
  types: Iterable<{ readonly kind: ResourceKind | undefined; readonly confirmedChange: number | undefined }>,
  kind: ResourceKind,
): number | undefined {
  let least: number | undefined;
  for (const type of types) {
    if (type.kind !== kind) continue;
    const confirmed = type.confirmedChange ?? 0;
    least = least === undefined ? confirmed : Math.min(least, confirmed);
  }
  return least;
}
