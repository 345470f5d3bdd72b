import type { K8sSource } from "../../../shared/config/mod.ts";
import { followClusterSecrets } from "../../../shared/kubernetes/remote/follow-cluster-secrets.ts";
import type { KubernetesCluster, Reflector } from "../../../shared/kubernetes/kubernetes.ts";
import { clusterSecretLabel } from "../../../shared/kubernetes/remote/cluster-secret.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { WantedClusters } from "./wanted-clusters.ts";
import { WatchedRemotes } from "./watched-remotes.ts";

/** Secrets that are followed in our own cluster. */
interface FollowedSecrets {
  readonly namespace: string;
  readonly state: Reflector<unknown>["state"];
  /** How many there are. */
  readonly size: number;
}

/**
 * The Secrets of our own cluster: those that name clusters for us, and those that tell which clusters the local istiod
 * watches. Both are followed while we run.
 */
export class HomeSecrets implements AsyncDisposable {
  readonly #cluster: KubernetesCluster;
  readonly #named: FollowedSecrets | undefined;
  readonly #watched: FollowedSecrets | undefined;

  constructor(
    cluster: KubernetesCluster,
    source: K8sSource,
    wanted: WantedClusters,
    log: Logger,
    changed: () => void,
  ) {
    this.#cluster = cluster;
    const { clusterSecretsNamespace: named, istiodNamespace: watched } = source;
    if (named !== "") {
      this.#named = followed(
        named,
        followClusterSecrets(cluster, named, {
          onChange: (change) => wanted.apply(change),
          onEvent: (event) => {
            if (event.type === "read-ended" && this.#missing !== undefined) log.warn(this.#missing);
            changed();
          },
        }),
      );
    }
    if (watched !== "") {
      const remotes = new WatchedRemotes();
      this.#watched = followed(
        watched,
        followClusterSecrets(cluster, watched, {
          onChange: (change) => {
            remotes.apply(change);
            wanted.watched = { ...wanted.watched, remote: remotes.clusters };
          },
          onEvent: changed,
        }),
      );
    }
  }

  /** True until it is known which clusters are to be read. */
  get isPending(): boolean {
    return this.#named?.state.isSynced === false;
  }

  /** True until it is known which clusters the local istiod watches, or why that can't be known. */
  get isWatchedPending(): boolean {
    return this.#watched !== undefined && !this.#watched.state.isSynced &&
      this.#watched.state.error === undefined;
  }

  /** Why the Secrets with our clusters can't be read now; undefined if they can. */
  get error(): string | undefined {
    const error = this.#named?.state.error;
    return error &&
      `the Secrets with clusters in namespace ${this.#named?.namespace} can't be read: ${error.message}`;
  }

  /** That there are none, or why it isn't known which clusters the local istiod watches; undefined if all is well. */
  get remark(): string | undefined {
    if (this.#missing !== undefined) return this.#missing;
    const error = this.#watched?.state.error;
    if (error === undefined) return undefined;
    const where = `the Secrets of istiod in namespace ${this.#watched?.namespace} can't be read`;
    return `${where}, so no cluster is refused because istiod watches it: ${error.message}`;
  }

  /** An API server lists what a namespace has that doesn't exist: nothing. It takes no further permission to say so. */
  get #missing(): string | undefined {
    if (this.#named?.state.isSynced !== true || this.#named.size > 0) return undefined;
    return `namespace ${this.#named.namespace} has no Secret labelled ${clusterSecretLabel}, so no cluster is read by one: ` +
      "create a Secret there, or correct k8sSource.clusterSecretsNamespace if there is no such namespace";
  }

  /** When the API server was last heard, in milliseconds of a monotonic clock. */
  get heardMs(): number | undefined {
    return this.#named?.state.heardMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }
}

function followed(namespace: string, reflector: Reflector<unknown>): FollowedSecrets {
  return {
    namespace,
    get state() {
      return reflector.state;
    },
    get size() {
      return reflector.objects.size;
    },
  };
}
