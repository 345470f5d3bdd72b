import { z } from "zod";

/**
 * The resources that travel on the stream: Kubernetes-style manifests in JSON, so that a tap prints what a person
 * reads and what `kubectl apply` takes. Field names and meanings are Istio's (networking.istio.io/v1); JSON is
 * proto3 JSON: camelCase, enums by name, zero values left out.
 */

/** A service port. `protocol` is one of Istio's names in the `istio` profile, anything in the `slime` profile. */
export const ServicePort = z.object({
  number: z.uint32(),
  protocol: z.string().optional(),
  name: z.string(),
  targetPort: z.uint32().optional(),
});
export type ServicePort = z.infer<typeof ServicePort>;

const Labels = z.record(z.string(), z.string());

/** One endpoint. `ports` maps a service port's name to the port number at this endpoint. */
export const WorkloadEntry = z.object({
  address: z.string().optional(),
  ports: z.record(z.string(), z.uint32()).optional(),
  labels: Labels.optional(),
  network: z.string().optional(),
  locality: z.string().optional(),
  weight: z.uint32().optional(),
  serviceAccount: z.string().optional(),
});
export type WorkloadEntry = z.infer<typeof WorkloadEntry>;

export const Location = z.enum(["MESH_EXTERNAL", "MESH_INTERNAL"]);
export type Location = z.infer<typeof Location>;

export const Resolution = z.enum(["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]);
export type Resolution = z.infer<typeof Resolution>;

export const WorkloadSelector = z.object({ labels: Labels.optional() });

/** `spec` of a ServiceEntry. An absent `location` is MESH_EXTERNAL, an absent `resolution` NONE (proto3 zero values). */
export const ServiceEntrySpec = z.object({
  hosts: z.array(z.string()),
  addresses: z.array(z.string()).optional(),
  ports: z.array(ServicePort).optional(),
  location: Location.optional(),
  resolution: Resolution.optional(),
  endpoints: z.array(WorkloadEntry).optional(),
  exportTo: z.array(z.string()).optional(),
  subjectAltNames: z.array(z.string()).optional(),
  workloadSelector: WorkloadSelector.optional(),
});
export type ServiceEntrySpec = z.infer<typeof ServiceEntrySpec>;

/** Sidecar ports may leave the name out and, for unix domain sockets, the number. */
export const SidecarPort = z.object({
  number: z.uint32().optional(),
  protocol: z.string().optional(),
  name: z.string().optional(),
  targetPort: z.uint32().optional(),
});

const CaptureMode = z.enum(["DEFAULT", "IPTABLES", "NONE"]);

/** One egress listener of a Sidecar; `hosts` are `namespace/dnsName`. */
export const EgressListener = z.object({
  port: SidecarPort.optional(),
  bind: z.string().optional(),
  captureMode: CaptureMode.optional(),
  hosts: z.array(z.string()).optional(),
});

/** One ingress listener of a Sidecar. */
export const IngressListener = z.object({
  port: SidecarPort.optional(),
  bind: z.string().optional(),
  captureMode: CaptureMode.optional(),
  defaultEndpoint: z.string().optional(),
});

/** `spec` of a Sidecar, as far as registries need it: who calls whom. */
export const SidecarSpec = z.object({
  workloadSelector: WorkloadSelector.optional(),
  ingress: z.array(IngressListener).optional(),
  egress: z.array(EgressListener).optional(),
  outboundTrafficPolicy: z.object({
    mode: z.enum(["REGISTRY_ONLY", "ALLOW_ANY"]).optional(),
    egressProxy: z.object({
      host: z.string(),
      subset: z.string().optional(),
      port: z.object({ number: z.uint32() }).optional(),
    }).optional(),
  }).optional(),
});
export type SidecarSpec = z.infer<typeof SidecarSpec>;

/** `creationTimestamp` is RFC 3339: the first time a collector saw the service. It never changes afterwards. */
export const ObjectMeta = z.object({
  name: z.string().min(1),
  namespace: z.string(),
  labels: Labels.optional(),
  annotations: Labels.optional(),
  creationTimestamp: z.string().optional(),
});
export type ObjectMeta = z.infer<typeof ObjectMeta>;

/** The API version written into every manifest. Both `v1` and `v1alpha3` are served over xDS. */
export const networkingApiVersion = "networking.istio.io/v1";

const apiVersion = z.enum([
  networkingApiVersion,
  "networking.istio.io/v1beta1",
  "networking.istio.io/v1alpha3",
]);

export const ServiceEntryManifest = z.object({
  apiVersion,
  kind: z.literal("ServiceEntry"),
  metadata: ObjectMeta,
  spec: ServiceEntrySpec,
});
export type ServiceEntryManifest = z.infer<typeof ServiceEntryManifest>;

export const SidecarManifest = z.object({
  apiVersion,
  kind: z.literal("Sidecar"),
  metadata: ObjectMeta,
  spec: SidecarSpec,
});
export type SidecarManifest = z.infer<typeof SidecarManifest>;

/** Every resource that can be on the stream and be served over xDS, told apart by `kind`. */
export const Manifest = z.discriminatedUnion("kind", [ServiceEntryManifest, SidecarManifest]);
export type Manifest = z.infer<typeof Manifest>;

/** The kinds served over xDS, in the order in which a change of several kinds is pushed (hosts before users). */
export const resourceKinds = ["ServiceEntry", "Sidecar"] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/** True for these kinds. A message of another kind is bookkeeping, or was written by a newer version: it is left alone. */
export function isResourceKind(kind: string): kind is ResourceKind {
  return resourceKinds.some((known) => known === kind);
}

/**
 * Why a manifest's name can't be sent; undefined if it can. Half a surrogate pair has no form in UTF-8: on the
 * wire all such halves are the same replacement character, and two resources would have one name.
 */
export function illFormedName({ metadata }: Manifest): string | undefined {
  return `${metadata.namespace}/${metadata.name}`.isWellFormed()
    ? undefined
    : "holds half a surrogate pair, which no encoding has";
}
