import type { RosterChange } from "../../../shared/kubernetes/remote/cluster-roster.ts";

/**
 * Clusters that the local istiod's multicluster Secrets name, also by kubeconfigs that we don't take: istiod may take them.
 * Without I/O and clock.
 */
export class WatchedRemotes {
  /** Secrets by the ids of the clusters. */
  readonly #used = new Map<string, string>();
  /** By id and Secret. */
  readonly #refused = new Map<string, { readonly id: string; readonly secret: string }>();

  /** A change of istiod's Secrets. */
  apply(change: RosterChange): void {
    const { id, secret } = change;
    const key = `${id}\0${secret}`;
    switch (change.type) {
      case "added":
      case "rotated":
        this.#refused.delete(key);
        this.#used.set(id, secret);
        break;
      case "removed":
        this.#used.delete(id);
        break;
      case "refused":
        this.#refused.set(key, { id, secret });
        break;
      case "withdrawn":
        this.#refused.delete(key);
        break;
    }
  }

  /** The ids, each with a Secret that names it. */
  get clusters(): ReadonlyMap<string, string> {
    const refused = Array.from(this.#refused.values(), ({ id, secret }) => [id, secret] as const);
    return new Map([...refused, ...this.#used]);
  }
}
