import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { SourceContext } from "../../../shared/collector/registry.ts";
import { wantsPodFacts } from "../../../shared/config/mod.ts";
import type { K8sSource } from "../../../shared/config/mod.ts";
import { safeHost } from "../../../shared/istio/mod.ts";
import { configuredClusters, homeAccess } from "../../../shared/kubernetes/configured-clusters.ts";
import type { ConfiguredCluster } from "../../../shared/kubernetes/configured-clusters.ts";
import type {
  ClusterAccess,
  ClusterOptions,
  KubernetesCluster,
} from "../../../shared/kubernetes/kubernetes.ts";
import { sharedClusters } from "../../../shared/kubernetes/shared-clusters.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { ClusterTraits } from "../conversion/cluster-service.ts";
import { ClusterFollower } from "./cluster-follower.ts";
import type { ReadOutcome } from "./cluster-follower.ts";
import type { UnitChanged } from "./cluster-objects.ts";
import { ClusterSlot } from "./cluster-slot.ts";
import { connectionsOf, errorOf, heardMsOf, remarkOf } from "./clusters-status.ts";
import type { ClustersState } from "./clusters-status.ts";
import { HomeSecrets } from "./home-secrets.ts";
import { RefusalLog } from "./refusal-log.ts";
import { defaultRetryMs, UnopenedClusters } from "./unopened-clusters.ts";
import { WantedClusters } from "./wanted-clusters.ts";
import type { WantedCluster } from "./wanted-clusters.ts";

/** Opens a cluster; as `openCluster`. */
export type OpenCluster = (access: ClusterAccess, options: ClusterOptions) => Promise<KubernetesCluster>;

/** Receives what happens in all clusters. */
export interface ClustersListener {
  readonly changed: UnitChanged;
  readonly readEnded: (read: ReadOutcome) => void;
}

/** The clusters of a source: which there are, and a connection to each. */
export class Clusters implements AsyncDisposable {
  readonly #source: K8sSource;
  readonly #context: SourceContext;
  readonly #listener: ClustersListener;
  readonly #openCluster: OpenCluster;
  readonly #configured: ReadonlyMap<string, ConfiguredCluster>;
  readonly #wanted: WantedClusters;
  readonly #slots = new Map<string, ClusterSlot>();
  /** Clusters that are being opened, by id. */
  readonly #opening = new Map<string, WantedCluster>();
  readonly #closing = new Set<Promise<void>>();
  readonly #unopened: UnopenedClusters<WantedCluster>;
  readonly #refusals: RefusalLog;
  readonly #startedMs = performance.now();
  #home: HomeSecrets | undefined;
  #isClosed = false;

  constructor(
    source: K8sSource,
    context: SourceContext,
    listener: ClustersListener,
    open: OpenCluster = (access, options) => sharedClusters.open(access, options),
    retryMs = defaultRetryMs,
  ) {
    this.#source = source;
    this.#context = context;
    this.#listener = listener;
    this.#openCluster = open;
    this.#refusals = new RefusalLog(context.log);
    this.#unopened = new UnopenedClusters(retryMs, (wanted) => {
      if (!this.#opening.has(wanted.id)) void this.#start(wanted);
    });
    const configured = configuredClusters(source, context.config);
    this.#configured = new Map(configured.map((cluster) => [cluster.id, cluster]));
    const { clusterId } = context.config.k8s;
    this.#wanted = new WantedClusters([...this.#configured.keys()], source.allowWatchedClusters, clusterId);
  }

  /**
   * Opens the configured clusters. One that can't be opened is tried again while the others are read.
   * @throws MeshError `configuration` that names the kubeconfig at fault, if none can be
   */
  async open(): Promise<void> {
    const { config, log } = this.#context;
    const { clusters, clusterSecretsNamespace, istiodNamespace } = this.#source;
    const own = clusters.find(({ inCluster }) => inCluster);
    for (const cluster of this.#wanted.clusters.values()) await this.#start(cluster);
    if (this.#unopened.size > 0 && this.#slots.size === 0 && clusterSecretsNamespace === "") {
      const { firstError } = this.#unopened;
      this.#unopened[Symbol.dispose]();
      throw firstError;
    }
    if (clusterSecretsNamespace !== "" || (own !== undefined && istiodNamespace !== "")) {
      const home = await this.#openCluster(homeAccess(config), { name: config.k8s.clusterId });
      this.#home = new HomeSecrets(home, this.#source, this.#wanted, log, () => this.#reconcile());
    }
    if (own === undefined) return;
    log.warn(
      { cluster: own.id === "" ? config.k8s.clusterId : own.id },
      "the cluster that this collector runs in is read, as the configuration says: an istiod that watches this cluster itself must not get these entries",
    );
  }

  /** The views of all clusters that have been read. */
  get synced(): readonly ClusterFollower[] {
    return [...this.#slots.values()].filter(({ isSynced }) => isSynced).map(({ current }) => current);
  }

  /** True if what was published of the cluster may exist, because the cluster can't be read yet. */
  isMissing(id: string): boolean {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return !slot.isSynced;
    return this.#opening.has(id) || this.#unopened.has(id) || this.#home?.isPending === true ||
      this.#wanted.unreadable.has(id);
  }

  /** True while some cluster can't be read yet. */
  get isMissingSome(): boolean {
    return this.#opening.size > 0 || this.#unopened.size > 0 || this.#home?.isPending === true ||
      this.#wanted.unreadable.size > 0 ||
      [...this.#slots.values()].some(({ isSynced }) => !isSynced);
  }

  /** How long clusters are still waited for, in milliseconds; 0: not any more. */
  waitMs(nowMs: number): number {
    const { clusterWaitTime: limit } = this.#source;
    // One that couldn't be opened isn't waited for while it is tried again.
    const isPending = this.#home?.isPending === true || this.#home?.isWatchedPending === true ||
      [...this.#opening.keys()].some((id) => !this.#unopened.has(id));
    const homeMs = limit === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.#startedMs + limit - nowMs);
    return Math.max(
      isPending ? homeMs : 0,
      ...[...this.#slots.values()].map((slot) => slot.waitsForMs(nowMs)),
    );
  }

  get error(): string | undefined {
    const error = errorOf(this.#state);
    // Without any cluster that can be read the others' reasons count.
    return error ?? (this.#slots.size === 0 && this.isMissingSome ? this.remark : undefined);
  }

  get remark(): string | undefined {
    return remarkOf(this.#state);
  }

  /** When the cluster that was heard last longest ago was heard, in milliseconds of a monotonic clock. */
  get heardMs(): number | undefined {
    return heardMsOf(this.#state);
  }

  /** One line for each cluster, those that are refused among them, and one for the Secrets. */
  connections(): CollectorStatus["connections"] {
    return connectionsOf(this.#state);
  }

  get #state(): ClustersState {
    return {
      slots: [...this.#slots.values()],
      refused: this.#wanted.refused,
      unopened: this.#unopened.reasons,
      home: this.#home,
    };
  }

  /**
   * Settles after a complete read of each cluster that can be read; of one that hangs not later than after `limitMs` (0:
   * no limit). @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal, limitMs: number): Promise<void> {
    const limited = limitMs === 0 ? signal : AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const readable = this.synced.filter(({ error }) => error === undefined);
    await Promise.all(readable.map(async (follower) => {
      try {
        await follower.refresh(limited);
      } catch (error) {
        if (signal.aborted) throw error;
      }
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#unopened[Symbol.dispose]();
    await this.#home?.[Symbol.asyncDispose]();
    await Promise.all([...this.#slots.values()].map((slot) => slot[Symbol.asyncDispose]()));
    await Promise.all(this.#closing);
  }

  /** Brings the connections in line with the clusters that are wanted. */
  #reconcile(): void {
    if (this.#isClosed) return;
    this.#refusals.tell(this.#wanted.refused);
    const wanted = this.#wanted.clusters;
    for (const [id, slot] of this.#slots) {
      const cluster = wanted.get(id);
      if (cluster === undefined) this.#remove(slot);
      else if (cluster.kubeconfig !== slot.kubeconfig) void this.#start(cluster);
    }
    this.#unopened.keepOnly(wanted);
    for (const id of this.#opening.keys()) if (!wanted.has(id)) this.#opening.delete(id);
    for (const [id, cluster] of wanted) if (!this.#slots.has(id)) void this.#start(cluster);
    this.#listener.readEnded({ seconds: 0, differs: false });
  }

  #remove(slot: ClusterSlot): void {
    this.#slots.delete(slot.id);
    this.#close(slot);
    this.#context.log.warn(
      { cluster: slot.id },
      "a cluster is read no more: its endpoints are removed, as far as the guard lets them go at once",
    );
    this.#listener.readEnded({ seconds: 0, differs: true });
  }

  #close(resource: AsyncDisposable): void {
    const closing = Promise.resolve(resource[Symbol.asyncDispose]());
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  /** Connects to a cluster, for the first time or with new credentials. */
  async #start(wanted: WantedCluster): Promise<void> {
    const { id, kubeconfig } = wanted;
    const present = this.#opening.get(id);
    if (present !== undefined && present.kubeconfig === kubeconfig) return;
    this.#opening.set(id, wanted);
    const configured = this.#configured.get(id);
    const access: ClusterAccess | undefined = kubeconfig === undefined
      ? configured?.access
      : { kind: "untrusted", text: kubeconfig };
    if (access === undefined) throw new TypeError(`cluster ${id} has no address`);
    let cluster: KubernetesCluster;
    try {
      cluster = await this.#openCluster(access, { name: id });
    } catch (error) {
      if (this.#isClosed || this.#opening.get(id) !== wanted) return;
      this.#opening.delete(id);
      if (this.#unopened.add(wanted, error)) {
        this.#context.log.error(
          { cluster: id, reason: errorText(error) },
          "a cluster can't be opened: what was published of it stays, the others are read; mend its kubeconfig",
        );
        this.#listener.readEnded({ seconds: 0, differs: false });
      }
      return;
    }
    // Meanwhile the Secret may have been deleted, or rotated again.
    if (this.#isClosed || this.#opening.get(id) !== wanted) return this.#close(cluster);
    this.#opening.delete(id);
    this.#unopened.delete(id);
    this.#follow(wanted, cluster);
  }

  #follow(wanted: WantedCluster, cluster: KubernetesCluster): void {
    const { id, kubeconfig, origin } = wanted;
    const { log } = this.#context;
    const slot = this.#slots.get(id);
    const follower: ClusterFollower = new ClusterFollower(cluster, {
      traits: this.#traitsOf(id),
      source: this.#source,
      records: this.#context.records,
      sharesPods: wantsPodFacts(this.#context.config),
      believeEmptyAfterMs: this.#context.config.guard.holdTime,
      requested: this.#context.requested,
      listener: {
        changed: (unit, endpoints) => {
          if (this.#slots.get(id)?.current === follower) this.#listener.changed(unit, endpoints);
        },
        readAgain: (read) => this.#read(id, follower, read),
        synced: () => this.#read(id, follower, { seconds: 0, differs: true }),
      },
    });
    log.info({ cluster: id, server: cluster.server, origin }, "reading a cluster");
    if (slot === undefined) {
      const { clusterWaitTime } = this.#source;
      const waitMs = this.#configured.get(id)?.waitTimeMs || clusterWaitTime;
      this.#slots.set(id, new ClusterSlot(wanted, follower, waitMs, performance.now()));
      return;
    }
    slot.kubeconfig = kubeconfig;
    if (slot.next !== undefined) this.#close(slot.next);
    slot.next = follower;
  }

  /** Something was read with one of a cluster's connections, or couldn't be. */
  #read(id: string, follower: ClusterFollower, read: ReadOutcome): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    const former = slot.takeOver();
    if (former !== undefined) {
      this.#close(former);
      this.#context.log.info(
        { cluster: id },
        "the new credentials of a cluster work, the former connection is closed",
      );
      this.#listener.readEnded({ seconds: 0, differs: true });
    } else if (slot.current === follower) this.#listener.readEnded(read);
  }

  #traitsOf(id: string): ClusterTraits {
    const { clusterEntries, domain } = this.#source;
    const configured = this.#configured.get(id);
    const own = configured?.domain ?? "";
    const common = clusterEntries === "merged" ? domain : safeHost(`${id.toLowerCase()}.${domain}`);
    return { id, domain: own === "" ? common : own, network: configured?.network ?? "" };
  }
}
