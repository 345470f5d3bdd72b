/** What is kept of a cluster's objects: what conversion reads, and nothing else. */

/** A port of a Service. */
export interface ServicePort {
  /** `""` where the only port has none. */
  readonly name: string;
  readonly number: number;
  readonly protocol: string;
  readonly appProtocol: string | undefined;
  /** Undefined: the number, or a name that only slices resolve. */
  readonly targetPort: number | undefined;
}

/** Annotations of a Service that mean something to Istio; `""` where there is none. */
export interface ServiceAnnotations {
  /** `networking.istio.io/exportTo` */
  readonly exportTo: string;
  /** `networking.istio.io/traffic-distribution` */
  readonly trafficDistribution: string;
  /** `alpha.istio.io/kubernetes-serviceaccounts` */
  readonly accounts: string;
  /** `alpha.istio.io/canonical-serviceaccounts` */
  readonly canonicalAccounts: string;
}

/** A Service. */
export interface KubernetesService {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339; of two in different clusters the older one decides. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: ServiceAnnotations;
  /** Set for the type ExternalName only. */
  readonly externalName: string | undefined;
  /** Empty for a headless Service. */
  readonly clusterIps: readonly string[];
  /** The first one is the Service's own; empty: as its slices are. */
  readonly ipFamilies: readonly string[];
  readonly ports: readonly ServicePort[];
  /** `spec.trafficDistribution`; `""` for none. */
  readonly trafficDistribution: string;
}

/** A port of an EndpointSlice. */
export interface SlicePort {
  readonly name: string;
  /** Undefined: every port. */
  readonly number: number | undefined;
}

/** An address of an EndpointSlice. */
export interface SliceEndpoint {
  readonly address: string;
  /**
   * `ready`: takes calls; `draining`: is ending and still serves those that it has; `unready`: neither. Conditions that
   * aren't given count as Kubernetes has them: ready, serving, not terminating.
   */
  readonly state: "ready" | "draining" | "unready";
  /** `""` for none. */
  readonly node: string;
  /** `""` for none. */
  readonly zone: string;
  /** Key of the pod; `""` where there is none, as with addresses that were written by hand. */
  readonly pod: string;
}

/** An EndpointSlice. */
export interface KubernetesSlice {
  readonly namespace: string;
  readonly name: string;
  /** Name of its Service, in the same namespace. */
  readonly service: string;
  readonly family: "IPv4" | "IPv6";
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** A pod. Pods of one ReplicaSet share their labels' object. */
export interface KubernetesPod {
  readonly labels: Readonly<Record<string, string>>;
  /** `""` for none. */
  readonly account: string;
  readonly node: string;
}

/** A node, by its labels. */
export interface KubernetesNode {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** A namespace. */
export interface KubernetesNamespace {
  /** Label `topology.istio.io/network`; it counts in the namespace of Istio's control plane. `""` for none. */
  readonly network: string;
  /** Annotation `networking.istio.io/traffic-distribution`; `""` for none. */
  readonly trafficDistribution: string;
}

/** A ServiceExport: its Service is for all clusters. */
export interface KubernetesExport {
  /** RFC 3339; the oldest one decides. */
  readonly createdAt: string;
}
