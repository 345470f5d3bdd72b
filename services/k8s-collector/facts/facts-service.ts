import { Hono } from "hono";
import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import { shrinkPolicyOf } from "../../../shared/collector/shrink-policy.ts";
import { enabledSources, readsClusters } from "../../../shared/config/mod.ts";
import type { Config, K8sSource } from "../../../shared/config/mod.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import type { ClusterAccess, KubernetesCluster, Reflector } from "../../../shared/kubernetes/kubernetes.ts";
import { configuredClusters, homeAccess } from "../../../shared/kubernetes/configured-clusters.ts";
import { sharedClusters } from "../../../shared/kubernetes/shared-clusters.ts";
import type { ClusterSecret } from "../../../shared/kubernetes/remote/cluster-secret.ts";
import { followClusterSecrets } from "../../../shared/kubernetes/remote/follow-cluster-secrets.ts";
import { errorText, isMeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ServiceContext } from "../../../shared/runtime/run-service.ts";
import { defaultRetryMs, UnopenedClusters } from "../view/unopened-clusters.ts";
import { ClusterFacts } from "./cluster-facts.ts";
import { SecretClaims } from "./secret-claims.ts";
import type { ClaimChange } from "./secret-claims.ts";

/** What facts are published with. */
export interface FactsServiceOptions {
  readonly config: Config;
  readonly factsLog: EntryLog;
  readonly member: string;
  readonly metrics: Registry;
  /** Opens a cluster: tests have their own. */
  readonly open?: (access: ClusterAccess, name: string) => Promise<KubernetesCluster>;
  /** The time between two attempts to open a cluster, in milliseconds. Default {@link defaultRetryMs}. */
  readonly retryMs?: number;
}

/** A cluster that the configuration names. */
interface Configured {
  readonly id: string;
  readonly access: ClusterAccess;
}

/**
 * Publishes what pods and nodes of our own cluster, of those in multicluster Secrets, and of those whose Services are read
 * (named in the configuration or by Secrets of their own) tell of addresses.
 */
export class FactsService {
  readonly #options: FactsServiceOptions;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #clusters = new Map<string, { readonly facts: ClusterFacts; readonly running: Promise<void> }>();
  readonly #configured: ReadonlyMap<string, ClusterAccess>;
  /** Configured clusters that couldn't be opened. */
  readonly #unopened: UnopenedClusters<Configured>;
  readonly #failure = Promise.withResolvers<void>();
  /** By namespace. */
  readonly #secrets = new Map<string, Reflector<ClusterSecret>>();
  /** Changes of remote clusters are carried out one after the other. */
  #changes: Promise<void> = Promise.resolve();

  private constructor(options: FactsServiceOptions, context: ServiceContext) {
    const { log, signal } = context;
    this.#options = options;
    this.#unopened = new UnopenedClusters(options.retryMs ?? defaultRetryMs, (cluster) => {
      void this.#retry(cluster, context);
    });
    this.#configured = serviceClusters(options.config);
    this.#log = log.child({ registry: "facts" });
    this.#signal = signal;
  }

  /**
   * Starts to read our own cluster (`k8s`), the clusters of its Secrets, and those that Kubernetes sources name; all ends
   * with the service.
   * @throws MeshError `configuration` if the kubeconfig of our own cluster, or our pod, is at fault, or every kubeconfig.
   * Without any access to our own cluster the others are read, if there are any.
   */
  static async start(options: FactsServiceOptions, context: ServiceContext): Promise<FactsService> {
    const service = new FactsService(options, context);
    for (const [id, access] of service.#configured) await service.#openConfigured({ id, access });
    if (!service.#unopened.has(options.config.k8s.clusterId)) await service.#startHome(context);
    if (service.#clusters.size === 0 && service.#unopened.size > 0) {
      const { firstError } = service.#unopened;
      service.#unopened[Symbol.dispose]();
      throw firstError;
    }
    context.use({ [Symbol.asyncDispose]: () => service.#ended() });
    registerMetrics(service, options.metrics);
    return service;
  }

  /** A kubeconfig that can't be used may be mended while other clusters are read. */
  async #openConfigured(configured: Configured): Promise<void> {
    const { id, access } = configured;
    try {
      const cluster = await this.#open(access, id);
      if (this.#signal.aborted) return await cluster[Symbol.asyncDispose]();
      this.#unopened.delete(id);
      this.#add(id, cluster);
    } catch (error) {
      if (this.#signal.aborted || !this.#unopened.add(configured, error)) return;
      this.#log.error(
        { cluster: id, reason: errorText(error) },
        "a cluster can't be opened: what is known of its pods stays, the others are read; mend its kubeconfig",
      );
    }
  }

  async #retry(configured: Configured, context: ServiceContext): Promise<void> {
    await this.#openConfigured(configured);
    const { id } = configured;
    if (id !== this.#options.config.k8s.clusterId || !this.#clusters.has(id)) return;
    // Our own cluster has the Secrets of others.
    await this.#startHome(context).catch((error: unknown) => this.#failure.reject(error));
  }

  async #startHome(context: ServiceContext): Promise<void> {
    const { config, config: { k8s } } = this.#options;
    const access = this.#configured.get(k8s.clusterId) ?? homeAccess(config);
    try {
      if (!this.#clusters.has(k8s.clusterId)) {
        this.#add(k8s.clusterId, await this.#open(access, k8s.clusterId));
      }
      const secretsHome = context.use(await this.#open(access, k8s.clusterId));
      const namespaces = secretNamespaces(config);
      const claims = new SecretClaims(namespaces);
      for (const namespace of namespaces) {
        const reflector = followClusterSecrets(secretsHome, namespace, {
          onChange: (change, isEvidence) => {
            const claimed = claims.apply(namespace, { change, isEvidence });
            if (claimed !== undefined) this.#changed(claimed);
          },
        });
        this.#secrets.set(namespace, reflector);
      }
    } catch (error) {
      // Outside of a cluster those that are named are all that there are.
      const isOutside = isMeshError(error, "configuration") && access.kind === "in-cluster";
      if (!isOutside || this.#configured.size === 0) throw error;
    }
  }

  /** Settles when the work ends: with the process's stop, or with an error. */
  get finished(): Promise<void> {
    return this.#failure.promise;
  }

  /** Why the facts aren't all known yet; undefined once they are. A remote cluster doesn't hold up the others. */
  get notReady(): string | undefined {
    return this.#clusters.get(this.#options.config.k8s.clusterId)?.facts.notReady;
  }

  /** A remark for the operator though the facts are known. */
  get remark(): string | undefined {
    for (const { facts } of this.#clusters.values()) {
      const text = facts.remark ?? facts.notReady;
      if (text !== undefined) return text;
    }
    for (const [id, reason] of this.#unopened.reasons) return `cluster ${id} can't be opened: ${reason}`;
    for (const [namespace, { state: { error } }] of this.#secrets) {
      if (error !== undefined) {
        return `Secrets with further clusters in ${namespace} can't be read: ${error.message}`;
      }
    }
    return undefined;
  }

  /** Clusters with what is known of them. */
  *clusters(): Iterable<ClusterFacts> {
    for (const { facts } of this.#clusters.values()) yield facts;
  }

  /** `GET /facts`: the state of each cluster. */
  get routes(): Hono {
    const routes = new Hono();
    routes.get(
      "/facts",
      (c) =>
        c.json({
          clusters: Object.fromEntries(Array.from(this.clusters(), (facts) => [facts.id, facts.status()])),
        }),
    );
    return routes;
  }

  async #open(access: ClusterAccess, name: string): Promise<KubernetesCluster> {
    return await (this.#options.open ?? ((each, id) => sharedClusters.open(each, { name: id })))(
      access,
      name,
    );
  }

  #add(id: string, cluster: KubernetesCluster): void {
    const { factsLog, member, config } = this.#options;
    const guard = shrinkPolicyOf(config);
    const facts = new ClusterFacts({ id, cluster, factsLog, member, guard, log: this.#log });
    this.#clusters.set(id, { facts, running: this.#run(facts) });
  }

  async #run(facts: ClusterFacts): Promise<void> {
    try {
      await facts.run(this.#signal);
      if (this.#clusters.get(facts.id)?.facts === facts) this.#clusters.delete(facts.id);
    } catch (error) {
      this.#failure.reject(error);
    }
  }

  #changed(change: ClaimChange): void {
    this.#changes = this.#changes.then(() => this.#carryOut(change)).catch((error: unknown) => {
      this.#log.error(
        { cluster: change.change.id, reason: errorText(error) },
        "a cluster of a Secret can't be read: what is known of its pods stays, its neighbours are read; mend the Secret",
      );
    });
  }

  async #carryOut({ change, isEvidence }: ClaimChange): Promise<void> {
    const { id, secret } = change;
    // As in Istio our own cluster needs no Secret.
    if (id === this.#options.config.k8s.clusterId || this.#signal.aborted) return;
    if (this.#configured.has(id)) {
      const reason = "k8sSource.clusters names a cluster with this id already";
      if (change.type === "removed" || change.type === "withdrawn") return;
      return this.#log.warn(
        { cluster: id, secret, reason },
        "a Secret's kubeconfig isn't used for facts of pods",
      );
    }
    const known = this.#clusters.get(id);
    switch (change.type) {
      case "added":
      case "rotated": {
        const cluster = await this.#open({ kind: "untrusted", text: change.kubeconfig }, id);
        if (known === undefined) this.#add(id, cluster);
        else if (!known.facts.isRetired) await known.facts.replace(cluster);
        else void known.running.then(() => this.#add(id, cluster));
        this.#log.info(
          { cluster: id, secret, type: change.type },
          "pods of a cluster are read by a Secret's kubeconfig",
        );
        return;
      }
      case "removed":
        if (isEvidence) {
          known?.facts.retire();
          return this.#log.info(
            { cluster: id, secret },
            "the Secret of a cluster is gone: its pods' facts are deleted",
          );
        }
        return this.#log.warn(
          { cluster: id, secret },
          "the Secret of a cluster is missing from a complete read: its pods are read on until a restart",
        );
      case "refused":
        return this.#log.warn(
          { cluster: id, secret, reason: change.reason },
          "a Secret's kubeconfig isn't used: what is known of the cluster stays; mend the Secret",
        );
      case "withdrawn":
    }
  }

  async #ended(): Promise<void> {
    this.#unopened[Symbol.dispose]();
    await this.#changes;
    await Promise.all(Array.from(this.#clusters.values(), ({ running }) => running));
    this.#failure.resolve();
  }
}

/** The Kubernetes sources that read pods: whose clusters' pods are known anyway. */
function sourcesWithPods(config: Config): readonly K8sSource[] {
  return enabledSources(config, "k8sSource").map(({ options }) => options)
    .filter((source) => readsClusters(source) && source.readPods);
}

/** Namespaces with Secrets of further clusters: those whose Services are read as well come first, for they share a watch. */
function secretNamespaces(config: Config): readonly string[] {
  const ofSources = sourcesWithPods(config).map((source) => source.clusterSecretsNamespace);
  return [...new Set([...ofSources, config.k8s.clusterRegistriesNamespace])].filter((name) => name !== "");
}

/** The clusters that Kubernetes sources name in the configuration, by their ids. */
function serviceClusters(config: Config): ReadonlyMap<string, ClusterAccess> {
  const clusters = sourcesWithPods(config).flatMap((source) => configuredClusters(source, config));
  return new Map(clusters.map(({ id, access }) => [id, access]));
}

function registerMetrics(service: FactsService, registry: Registry): void {
  const gauge = (name: string, help: string, value: (facts: ClusterFacts) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["cluster"],
      registers: [registry],
      collect() {
        this.reset();
        for (const facts of service.clusters()) this.set({ cluster: facts.id }, value(facts));
      },
    });
  gauge("meshregistry_fact_pods", "Pods with addresses of their own", (facts) => facts.status().pods);
  gauge("meshregistry_fact_nodes", "Nodes", (facts) => facts.status().nodes);
  gauge(
    "meshregistry_fact_readable",
    "1 while pods and nodes can be read",
    (facts) => facts.status().error === null ? 1 : 0,
  );
  gauge(
    "meshregistry_facts_held",
    "Facts of missing pods that the guard holds",
    (facts) => facts.status().held,
  );
}
