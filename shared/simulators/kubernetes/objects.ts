import type { Resource } from "../../kubernetes/kubernetes.ts";
import { resources } from "../../kubernetes/kubernetes.ts";

/** Metadata as one writes it; the server adds uid, version and time. */
export interface Metadata {
  readonly name: string;
  /** Not for nodes and namespaces. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly Readonly<Record<string, unknown>>[];
}

/** A port of a Service. */
export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  readonly appProtocol?: string;
  readonly nodePort?: number;
}

export interface Service {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly ipFamilies?: readonly ("IPv4" | "IPv6")[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
    readonly publishNotReadyAddresses?: boolean;
    readonly trafficDistribution?: string;
  };
  readonly status?: Readonly<Record<string, unknown>>;
}

/** One endpoint of a slice. */
export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: Readonly<Record<string, string>>;
}

export interface EndpointSlice {
  /** The label `kubernetes.io/service-name` names the Service. */
  readonly metadata: Metadata;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly endpoints: readonly SliceEndpoint[] | null;
  readonly ports:
    | readonly {
      readonly name?: string;
      readonly port?: number | null;
      readonly protocol?: "TCP" | "UDP" | "SCTP";
      readonly appProtocol?: string;
    }[]
    | null;
}

export interface Pod {
  readonly metadata: Metadata;
  readonly spec?: Readonly<Record<string, unknown>> & {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly hostNetwork?: boolean;
  };
  readonly status?: Readonly<Record<string, unknown>> & {
    readonly phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
  };
}

export interface Node {
  readonly metadata: Metadata;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface Namespace {
  readonly metadata: Metadata;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface Secret {
  readonly metadata: Metadata;
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ServiceExport {
  readonly metadata: Metadata;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** The kinds of objects that the simulator has, by their names in `resources`. */
export interface ObjectKinds {
  readonly services: Service;
  readonly endpointSlices: EndpointSlice;
  readonly pods: Pod;
  readonly nodes: Node;
  readonly namespaces: Namespace;
  readonly secrets: Secret;
  readonly serviceExportsV1alpha1: ServiceExport;
  readonly serviceExportsV1beta1: ServiceExport;
}

/** Name of a kind, as in `resources`. */
export type KindName = keyof ObjectKinds;

/** The `kind` of each kind's objects. */
export const kinds = {
  services: "Service",
  endpointSlices: "EndpointSlice",
  pods: "Pod",
  nodes: "Node",
  namespaces: "Namespace",
  secrets: "Secret",
  serviceExportsV1alpha1: "ServiceExport",
  serviceExportsV1beta1: "ServiceExport",
} as const satisfies Record<KindName, string>;

/** All names of kinds. */
export const kindNames: readonly KindName[] = Object.keys(kinds).filter((name): name is KindName =>
  Object.hasOwn(kinds, name)
);

/** `v1`, `discovery.k8s.io/v1` */
export function apiVersionOf(name: KindName): string {
  const { group, version }: Resource = resources[name];
  return group === "" ? version : `${group}/${version}`;
}

/** True for kinds without namespaces. */
export function isClusterScoped(name: KindName): boolean {
  return name === "nodes" || name === "namespaces";
}
