import type {
  ClusterAccess,
  ClusterOptions,
  KubernetesCluster,
  Reflector,
  ReflectorOptions,
  RequestKind,
  ResourceSelection,
} from "./kubernetes.ts";
import { openCluster } from "./open-cluster.ts";
import { SharedReflector } from "./reflector/shared-reflector.ts";

/** A cluster that is open, and who uses it. */
interface OpenedCluster {
  readonly cluster: Promise<KubernetesCluster>;
  readonly reflectors: Map<string, SharedReflector>;
  users: number;
}

/**
 * Clusters of a process that are opened once, however many of its parts read them: with the same access a cluster has one
 * transport, and each selection one watch. It holds nothing that isn't in use.
 */
export class SharedClusters {
  readonly #open: typeof openCluster;
  readonly #opened = new Map<string, OpenedCluster>();

  /** `open`: as `openCluster`. */
  constructor(open: typeof openCluster = openCluster) {
    this.#open = open;
  }

  /** The cluster for one more user; it is closed with the last one. @throws as `openCluster` does */
  async open(access: ClusterAccess, options: ClusterOptions): Promise<KubernetesCluster> {
    const key = JSON.stringify([access, options]);
    const opened = this.#opened.get(key) ??
      { cluster: this.#open(access, options), reflectors: new Map(), users: 0 };
    this.#opened.set(key, opened);
    opened.users++;
    const leave = async () => {
      if (--opened.users > 0) return;
      if (this.#opened.get(key) === opened) this.#opened.delete(key);
      await (await opened.cluster)[Symbol.asyncDispose]();
    };
    try {
      return new SharedCluster(await opened.cluster, opened.reflectors, leave);
    } catch (error) {
      opened.users--;
      if (this.#opened.get(key) === opened) this.#opened.delete(key);
      throw error;
    }
  }
}

/** The clusters that Services and facts are read from. */
export const sharedClusters: SharedClusters = new SharedClusters();

class SharedCluster implements KubernetesCluster {
  readonly name: string;
  readonly server: string;
  readonly requests: Readonly<Record<RequestKind, number>>;
  readonly #cluster: KubernetesCluster;
  readonly #reflectors: Map<string, SharedReflector>;
  readonly #leave: () => Promise<void>;
  readonly #own = new Set<AsyncDisposable>();
  #isClosed = false;

  constructor(
    cluster: KubernetesCluster,
    reflectors: Map<string, SharedReflector>,
    leave: () => Promise<void>,
  ) {
    this.name = cluster.name;
    this.server = cluster.server;
    this.requests = cluster.requests;
    this.#cluster = cluster;
    this.#reflectors = reflectors;
    this.#leave = leave;
  }

  reflect<T>(selection: ResourceSelection, options: ReflectorOptions<T>): Reflector<T> {
    const key = JSON.stringify(selection);
    const shared = this.#reflectors.get(key) ?? new SharedReflector(this.#cluster, selection);
    this.#reflectors.set(key, shared);
    const part = shared.join(options, async (isLast) => {
      this.#own.delete(part);
      if (!isLast) return;
      if (this.#reflectors.get(key) === shared) this.#reflectors.delete(key);
      await shared[Symbol.asyncDispose]();
    });
    this.#own.add(part);
    return part;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all([...this.#own].map((part) => part[Symbol.asyncDispose]()));
    await this.#leave();
  }
}
