import type { RosterChange } from "../../../shared/kubernetes/remote/cluster-roster.ts";

/** What to do about a cluster of a Secret. `isEvidence`: false if its Secret is merely missing from a complete read. */
export interface ClaimChange {
  readonly change: RosterChange;
  readonly isEvidence: boolean;
}

/** A usable kubeconfig, and the Secret that has it. */
interface Claim {
  readonly secret: string;
  readonly kubeconfig: string;
}

/**
 * Which kubeconfig counts for a cluster that Secrets of several namespaces name: that of the namespace that comes first.
 * A cluster is gone once no namespace names it any more. Without I/O and clock.
 */
export class SecretClaims {
  readonly #namespaces: readonly string[];
  /** By cluster, then by namespace. */
  readonly #claims = new Map<string, Map<string, Claim>>();

  /** The first namespace has the first say. */
  constructor(namespaces: readonly string[]) {
    this.#namespaces = namespaces;
  }

  /** Takes over what the Secrets of a namespace tell; undefined: nothing is to be done. */
  apply(namespace: string, { change, isEvidence }: ClaimChange): ClaimChange | undefined {
    // Nothing changes by a refusal: it is for the operator only.
    if (change.type === "refused") return { change, isEvidence };
    if (change.type === "withdrawn") return undefined;
    const { id, secret } = change;
    const claims = this.#claims.get(id) ?? new Map<string, Claim>();
    const before = this.#chosen(claims);
    if (change.type === "removed") claims.delete(namespace);
    else claims.set(namespace, { secret, kubeconfig: change.kubeconfig });
    const after = this.#chosen(claims);
    if (after === undefined) {
      this.#claims.delete(id);
      return before && { change: { type: "removed", id, secret }, isEvidence };
    }
    this.#claims.set(id, claims);
    if (before?.kubeconfig === after.kubeconfig) return undefined;
    return { change: { type: before === undefined ? "added" : "rotated", id, ...after }, isEvidence: true };
  }

  #chosen(claims: ReadonlyMap<string, Claim>): Claim | undefined {
    return this.#namespaces.map((namespace) => claims.get(namespace)).find((claim) => claim !== undefined);
  }
}
