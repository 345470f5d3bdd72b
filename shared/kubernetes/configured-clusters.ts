import type { Config, K8sSource } from "../config/mod.ts";
import type { ClusterAccess } from "./kubernetes.ts";

/** A cluster that the configuration names. */
export interface ConfiguredCluster {
  /** Unique; the value of the label `topology.istio.io/cluster` of its endpoints. */
  readonly id: string;
  readonly access: ClusterAccess;
  /** Of its own; `""`: that of the source. */
  readonly domain: string;
  /** Of endpoints that no label tells; `""`: none. */
  readonly network: string;
  /** In milliseconds; 0: that of the source. */
  readonly waitTimeMs: number;
}

/** The clusters of a Kubernetes source, apart from those of Secrets. */
export function configuredClusters({ clusters }: K8sSource, config: Config): readonly ConfiguredCluster[] {
  return clusters.map(({ id, kubeConfig: path, context, inCluster, domain, network, waitTime }) => ({
    id: id === "" ? config.k8s.clusterId : id,
    access: inCluster ? { kind: "in-cluster" } : { kind: "file", path, ...(context !== "" && { context }) },
    domain,
    network,
    waitTimeMs: waitTime,
  }));
}

/** Our own cluster (`k8s.clusterId`), which has the Secrets of further ones. */
export function homeAccess({ k8s: { kubeConfig } }: Config): ClusterAccess {
  return kubeConfig === "" ? { kind: "in-cluster" } : { kind: "file", path: kubeConfig };
}
