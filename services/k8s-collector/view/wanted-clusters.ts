import type { RosterChange } from "../../../shared/kubernetes/remote/cluster-roster.ts";

/** A cluster that is to be read: from the configuration, or from a Secret. */
export interface WantedCluster {
  readonly id: string;
  /** Of a Secret; undefined: from the configuration. */
  readonly kubeconfig: string | undefined;
  /** `Secret mesh/east`, or `k8sSource.clusters`. */
  readonly origin: string;
}

/** Why a cluster isn't read that the configuration or a Secret names. */
export interface RefusedCluster {
  readonly id: string;
  readonly origin: string;
  readonly reason: string;
}

/** What is known of the clusters that the istiod watches which gets our entries. */
export interface WatchedClusters {
  /** The cluster that it runs in. */
  readonly ownId: string;
  /** Those of its multicluster Secrets, with the Secrets' names. */
  readonly remote: ReadonlyMap<string, string>;
}

/**
 * Which clusters are read. An entry of a cluster that the istiod watches itself would say again what that istiod knows,
 * and from a view that is older: such a cluster is refused unless the configuration allows it. The cluster that we run in
 * is read where the configuration names it. Without I/O and clock.
 */
export class WantedClusters {
  readonly #configured: ReadonlyMap<string, WantedCluster>;
  readonly #allowed: ReadonlySet<string>;
  readonly #fromSecrets = new Map<string, WantedCluster>();
  /** Ids for which a Secret had a usable kubeconfig at any time since this process started. */
  readonly #everUsable = new Set<string>();
  /** Secrets that a roster refuses, by id and Secret. */
  readonly #unusable = new Map<string, RefusedCluster>();
  watched: WatchedClusters;

  constructor(
    configured: readonly string[],
    allowed: readonly string[],
    ownId: string,
  ) {
    this.#configured = new Map(
      configured.map((id) => [id, { id, kubeconfig: undefined, origin: "k8sSource.clusters" }]),
    );
    this.#allowed = new Set(allowed);
    this.watched = { ownId, remote: new Map() };
  }

  /** A change of the Secrets. */
  apply(change: RosterChange): void {
    const { id, secret } = change;
    const key = `${id}\0${secret}`;
    switch (change.type) {
      case "added":
      case "rotated":
        this.#unusable.delete(key);
        this.#everUsable.add(id);
        this.#fromSecrets.set(id, { id, kubeconfig: change.kubeconfig, origin: `Secret ${secret}` });
        break;
      case "removed":
        this.#fromSecrets.delete(id);
        break;
      case "withdrawn":
        this.#unusable.delete(key);
        break;
      case "refused":
        this.#unusable.set(key, { id, origin: `Secret ${secret}`, reason: change.reason });
        break;
    }
  }

  /** The clusters to read now, by id. */
  get clusters(): ReadonlyMap<string, WantedCluster> {
    const wanted = new Map<string, WantedCluster>();
    for (const cluster of this.#all()) {
      if (!wanted.has(cluster.id) && this.#refusal(cluster) === undefined) wanted.set(cluster.id, cluster);
    }
    return wanted;
  }

  /**
   * Clusters that only Secrets without a usable kubeconfig name, and named so when this process started: what an earlier
   * one published of them stays, because a Secret that is broken is no deletion.
   */
  get unreadable(): ReadonlySet<string> {
    const ids = [...this.#unusable.values()].filter(({ id, origin }) =>
      !this.#everUsable.has(id) && !this.#configured.has(id) &&
      this.#refusal({ id, kubeconfig: "", origin }) === undefined
    );
    return new Set(ids.map(({ id }) => id));
  }

  /** The others, and why. */
  get refused(): readonly RefusedCluster[] {
    const judged = [...this.#all()].flatMap((cluster) => {
      const reason = this.#refusal(cluster);
      return reason === undefined ? [] : [{ id: cluster.id, origin: cluster.origin, reason }];
    });
    return [...judged, ...this.#unusable.values()];
  }

  *#all(): Iterable<WantedCluster> {
    yield* this.#configured.values();
    yield* this.#fromSecrets.values();
  }

  #refusal({ id, kubeconfig }: WantedCluster): string | undefined {
    if (kubeconfig !== undefined && this.#configured.has(id)) {
      return "k8sSource.clusters names a cluster with this id already";
    }
    if (this.#allowed.has(id)) return undefined;
    const allow = `to read it all the same, add it to k8sSource.allowWatchedClusters`;
    const secret = this.watched.remote.get(id);
    if (secret !== undefined) {
      return `istiod watches this cluster itself (Secret ${secret}) and would know each Service twice; ${allow}`;
    }
    if (kubeconfig !== undefined && id === this.watched.ownId) {
      return `this is the id of the cluster that we run in, which istiod watches itself; ${allow}`;
    }
    return undefined;
  }
}
