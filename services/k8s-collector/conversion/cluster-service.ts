import type {
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
  KubernetesSlice,
} from "../client/objects.ts";

/** A cluster's part in a Service, with all that its endpoints need. */
export interface ClusterService {
  readonly cluster: ClusterTraits;
  readonly service: KubernetesService;
  /** In any order. */
  readonly slices: Iterable<KubernetesSlice>;
  /** When it was exported; undefined: it isn't. RFC 3339. */
  readonly exportedAt: string | undefined;
  readonly facts: ClusterFacts;
}

/** What is configured of a cluster. */
export interface ClusterTraits {
  readonly id: string;
  /** Domain of its Services, without `svc`. */
  readonly domain: string;
  /** Network of endpoints that no label tells; `""`: none. */
  readonly network: string;
}

/** What a cluster knows beside Services and slices. */
export interface ClusterFacts {
  /** `"awaited"`: it will be known in a moment, and its endpoint isn't published before. */
  pod(key: string): KubernetesPod | "awaited" | undefined;
  node(name: string): KubernetesNode | undefined;
  namespace(name: string): KubernetesNamespace | undefined;
}

/** How Services become entries. */
export interface ServiceRules {
  /** One entry for a Service of several clusters; else one for each cluster. */
  readonly isMerged: boolean;
  /** Hosts of all clusters' Services (`clusterset.local`) in place of, or beside (`clusterLocalHosts`) their own. */
  readonly multiClusterServices: boolean;
  readonly clusterLocalHosts: boolean;
  /** Writes the Services' cluster IPs as addresses of their hosts. */
  readonly clusterIps: boolean;
  readonly trustDomain: string;
  /** Takes endpoints at loopback addresses, which are left out otherwise. */
  readonly allowLoopback: boolean;
  /** Region of zones that tell none; `""`: that of a cloud's zone, or none. */
  readonly region: string;
  /** Namespace of Istio's control plane in each cluster, whose label names the cluster's network. */
  readonly istioNamespace: string;
  /** Label `istio.io/rev`; `""`: none. */
  readonly revision: string;
}

/** The key of a Service, and its unit: `<namespace>/<name>`. */
export function serviceKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Receives what can't be published of a Service: where, and why. */
export type Report = (record: { readonly path: string; readonly reason: string }) => void;

/** Where a Service stands in messages. */
export function placeOf({ cluster, service: { namespace, name } }: ClusterService): string {
  return `${cluster.id}: Service ${namespace}/${name}`;
}
