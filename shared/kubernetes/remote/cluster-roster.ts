import type { ClusterSecret, RemoteKubeconfig } from "./cluster-secret.ts";

/** What to do about a remote cluster. `secret` is `<namespace>/<name>`. */
export type RosterChange =
  /** Connect. */
  | { readonly type: "added"; readonly id: string; readonly secret: string; readonly kubeconfig: string }
  /** Connect with this one, and end the old connection once the new one has read everything. */
  | { readonly type: "rotated"; readonly id: string; readonly secret: string; readonly kubeconfig: string }
  /** No Secret names it any more; `secret` was the last one in use. */
  | { readonly type: "removed"; readonly id: string; readonly secret: string }
  /** A Secret isn't used for this cluster, for this reason. What was used before stays in use. */
  | { readonly type: "refused"; readonly id: string; readonly secret: string; readonly reason: string }
  /** The refusal that was told last no longer holds: the Secret was mended, or doesn't name the cluster any more. */
  | { readonly type: "withdrawn"; readonly id: string; readonly secret: string };

/** A Secret with the last kubeconfig of each cluster that could be used. */
interface Claimant {
  readonly secret: ClusterSecret;
  readonly usable: ReadonlyMap<string, RemoteKubeconfig>;
}

/**
 * Which kubeconfig is used for which remote cluster. An id is its oldest Secret's that has a usable kubeconfig for it, so
 * that it doesn't depend on the order in which Secrets are read. A kubeconfig that becomes unusable doesn't replace the
 * one before it. Without I/O and clock.
 */
export class ClusterRoster {
  readonly #claimants = new Map<string, Claimant>();
  /** By id: the digest in use, and whose it is. */
  readonly #used = new Map<string, { readonly secret: string; readonly digest: string }>();
  /** By id and Secret: the refusal that was told last. */
  readonly #refusals = new Map<string, string>();

  /** Ids in use, with the Secrets that name them. */
  get clusters(): ReadonlyMap<string, string> {
    return new Map([...this.#used].map(([id, { secret }]) => [id, secret]));
  }

  /** A Secret was created, or has changed. */
  set(secret: ClusterSecret): readonly RosterChange[] {
    return this.change([secret], []);
  }

  /** A Secret was deleted, or isn't labelled any more. */
  deleted(key: string): readonly RosterChange[] {
    return this.change([], [key]);
  }

  /** Several at once: a cluster that moves from one Secret to another is neither removed nor refused in between. */
  change(set: Iterable<ClusterSecret>, deleted: Iterable<string>): readonly RosterChange[] {
    const ids = [...set].flatMap((secret) => this.#set(secret));
    for (const key of deleted) {
      ids.push(...(this.#claimants.get(key)?.secret.clusters.keys() ?? []));
      this.#claimants.delete(key);
    }
    return this.#settle(ids);
  }

  /** Takes a Secret over; returns the ids that it names, and those that it named. */
  #set(secret: ClusterSecret): string[] {
    const before = this.#claimants.get(secret.key);
    const usable = new Map<string, RemoteKubeconfig>();
    for (const [id, kubeconfig] of secret.clusters) {
      const kept = kubeconfig.problem === undefined ? kubeconfig : before?.usable.get(id);
      if (kept !== undefined) usable.set(id, kept);
    }
    this.#claimants.set(secret.key, { secret, usable });
    return [...secret.clusters.keys(), ...(before?.secret.clusters.keys() ?? [])];
  }

  #settle(ids: readonly string[]): RosterChange[] {
    return [...new Set(ids)].flatMap((id) => {
      const used = this.#use(id);
      // Who is told that a Secret is used now knows that it isn't refused.
      const others = this.#refuse(id).filter(({ type, secret }) =>
        type === "refused" || !used.some((change) => change.type !== "removed" && change.secret === secret)
      );
      return [...used, ...others];
    });
  }

  /** Chooses again whose kubeconfig is used. */
  #use(id: string): RosterChange[] {
    const chosen = this.#claims(id).find(({ usable }) => usable.has(id));
    const kubeconfig = chosen?.usable.get(id);
    const used = this.#used.get(id);
    if (chosen === undefined || kubeconfig === undefined) {
      this.#used.delete(id);
      return used === undefined ? [] : [{ type: "removed", id, secret: used.secret }];
    }
    const secret = chosen.secret.key;
    this.#used.set(id, { secret, digest: kubeconfig.digest });
    if (used?.digest === kubeconfig.digest) return [];
    return [{ type: used === undefined ? "added" : "rotated", id, secret, kubeconfig: kubeconfig.text }];
  }

  /** Tells of each Secret that isn't used for a cluster, once for each reason, and of those for which that is over. */
  #refuse(id: string): RosterChange[] {
    const changes: RosterChange[] = [];
    const claims = this.#claims(id);
    const holder = this.#used.get(id)?.secret;
    for (const key of this.#refusals.keys()) {
      const [ofId, ofSecret] = splitRefusal(key);
      if (ofId !== id || claims.some(({ secret }) => secret.key === ofSecret)) continue;
      this.#refusals.delete(key);
      changes.push({ type: "withdrawn", id, secret: ofSecret });
    }
    for (const { secret } of claims) {
      const taken = secret.key === holder ? undefined : `cluster ${id} is already that of Secret ${holder}`;
      const reason = secret.clusters.get(id)?.problem ?? taken;
      const key = `${id}\0${secret.key}`;
      if (reason === undefined) {
        if (this.#refusals.delete(key)) changes.push({ type: "withdrawn", id, secret: secret.key });
      } else if (this.#refusals.get(key) !== reason) {
        this.#refusals.set(key, reason);
        changes.push({ type: "refused", id, secret: secret.key, reason });
      }
    }
    return changes;
  }

  /** Secrets that name a cluster, the oldest first. */
  #claims(id: string): Claimant[] {
    return [...this.#claimants.values()].filter(({ secret }) => secret.clusters.has(id)).sort((a, b) => {
      const [first, second] = [a, b].map(({ secret }) => `${secret.createdAt}\0${secret.key}`);
      return first === second ? 0 : (first ?? "") < (second ?? "") ? -1 : 1;
    });
  }
}

function splitRefusal(key: string): readonly [string, string] {
  const [id = "", secret = ""] = key.split("\0");
  return [id, secret];
}
