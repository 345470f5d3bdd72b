import { z } from "zod";
import type { ReceivedObject } from "../../../shared/kubernetes/kubernetes.ts";
import { objectIn, textIn, textsIn } from "../../../shared/kubernetes/quick-read.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import type {
  KubernetesExport,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
  KubernetesSlice,
  SliceEndpoint,
} from "./objects.ts";
import { SharedLabels } from "./shared-labels.ts";

/**
 * Decoders of the kinds that are read, for reflectors (`trim`). `undefined`: the object is none of ours. A
 * `invalid-record` names what is wrong with it.
 */

const texts = z.record(z.string(), z.string()).nullish();
const metadata = z.object({ labels: texts, annotations: texts, creationTimestamp: z.string().catch("") });

const port = z.object({
  name: z.string().nullish(),
  port: z.uint32(),
  protocol: z.string().nullish(),
  appProtocol: z.string().nullish(),
  targetPort: z.union([z.uint32(), z.string()]).nullish(),
});

const serviceSchema = z.object({
  metadata,
  spec: z.object({
    type: z.string().nullish(),
    externalName: z.string().nullish(),
    clusterIP: z.string().nullish(),
    clusterIPs: z.array(z.string()).nullish(),
    ipFamilies: z.array(z.string()).nullish(),
    ports: z.array(port).nullish(),
    trafficDistribution: z.string().nullish(),
  }).nullish(),
});

/** Decodes a Service. @throws MeshError `invalid-record` */
export function decodeService(object: ReceivedObject): KubernetesService {
  const { metadata: { labels, annotations, creationTimestamp: createdAt }, spec } = read(
    serviceSchema,
    object,
  );
  const addresses = spec?.clusterIPs ?? [spec?.clusterIP ?? ""];
  return {
    namespace: object.namespace,
    name: object.name,
    createdAt,
    labels: labels ?? {},
    annotations: {
      exportTo: annotations?.["networking.istio.io/exportTo"] ?? "",
      trafficDistribution: annotations?.[trafficDistributionAnnotation] ?? "",
      accounts: annotations?.["alpha.istio.io/kubernetes-serviceaccounts"] ?? "",
      canonicalAccounts: annotations?.["alpha.istio.io/canonical-serviceaccounts"] ?? "",
    },
    externalName: spec?.type === "ExternalName" ? spec.externalName ?? "" : undefined,
    clusterIps: addresses.filter((address) => address !== "" && address !== "None"),
    ipFamilies: spec?.ipFamilies ?? [],
    ports: (spec?.ports ?? []).map(({ name, port: number, protocol, appProtocol, targetPort }) => ({
      name: name ?? "",
      number,
      protocol: protocol ?? "TCP",
      appProtocol: appProtocol ?? undefined,
      targetPort: typeof targetPort === "number" ? targetPort : undefined,
    })),
    trafficDistribution: spec?.trafficDistribution ?? "",
  };
}

/** On Services and namespaces: how near an endpoint has to be. */
export const trafficDistributionAnnotation = "networking.istio.io/traffic-distribution";

const flag = z.boolean().nullish();

const sliceSchema = z.object({
  metadata,
  addressType: z.string(),
  ports: z.array(z.object({ name: z.string().nullish(), port: z.uint32().nullish() })).nullish(),
  endpoints: z.array(z.object({
    addresses: z.array(z.string()),
    conditions: z.object({ ready: flag, serving: flag, terminating: flag }).nullish(),
    nodeName: z.string().nullish(),
    zone: z.string().nullish(),
    targetRef: z.object({ kind: z.string().nullish(), name: z.string().nullish() }).nullish(),
  })).nullish(),
});

/**
 * Decodes an EndpointSlice. None of ours are slices without a Service, those of a ServiceImport (which some
 * implementations of the MCS API write: the endpoints of other clusters), and those of host names.
 * @throws MeshError `invalid-record`
 */
export function decodeSlice(object: ReceivedObject): KubernetesSlice | undefined {
  const { metadata: { labels }, addressType, ports, endpoints } = read(sliceSchema, object);
  const service = labels?.["kubernetes.io/service-name"] ?? "";
  if (service === "" || labels?.["multicluster.kubernetes.io/service-name"] !== undefined) return undefined;
  if (addressType === "FQDN") return undefined;
  if (addressType !== "IPv4" && addressType !== "IPv6") {
    throw new MeshError("invalid-record", `its addressType is ${JSON.stringify(addressType)}`);
  }
  const { namespace, name } = object;
  return {
    namespace,
    name,
    service,
    family: addressType,
    ports: (ports ?? []).map(({ name: portName, port: number }) => (
      { name: portName ?? "", number: number ?? undefined }
    )),
    endpoints: (endpoints ?? []).flatMap(({ addresses, conditions, nodeName, zone, targetRef }) => {
      const isPod = targetRef?.kind === "Pod" && targetRef.name != null && targetRef.name !== "";
      const common = {
        state: stateOf(conditions ?? {}),
        node: nodeName ?? "",
        zone: zone ?? "",
        pod: isPod ? `${namespace}/${targetRef.name}` : "",
      };
      return addresses.map((address): SliceEndpoint => ({ address, ...common }));
    }),
  };
}

/**
 * `ready` says all by itself: it is true for a terminating endpoint of a Service with `publishNotReadyAddresses`, and
 * false for any other one that is terminating.
 */
function stateOf(
  { ready, serving, terminating }: {
    readonly ready?: boolean | null | undefined;
    readonly serving?: boolean | null | undefined;
    readonly terminating?: boolean | null | undefined;
  },
): SliceEndpoint["state"] {
  if (ready ?? true) return "ready";
  return (serving ?? false) && terminating === true ? "draining" : "unready";
}

const podSchema = z.object({
  metadata: z.object({ labels: texts }),
  spec: z.object({ serviceAccountName: z.string().nullish(), nodeName: z.string().nullish() }).nullish(),
});

/** Labels by which controllers tell revisions of a pod template: no rule of a mesh is about them. */
const revisionLabels = ["controller-revision-hash", "pod-template-generation", "pod-template-hash"];

/** A decoder of pods. Those that it decoded share what is alike. It throws MeshError `invalid-record`. */
export function podDecoder(): (object: ReceivedObject) => KubernetesPod {
  const shared = new SharedLabels(revisionLabels);
  return (object) => {
    const { labels, account, node } = quickPod(object) ?? slowPod(object);
    return { labels: shared.of(labels), account, node };
  };
}

/** Undefined: it isn't as it should be. */
function quickPod({ json }: ReceivedObject): KubernetesPod | undefined {
  const metadata = objectIn(json, "metadata");
  const spec = objectIn(json, "spec");
  if (metadata === undefined || spec === undefined) return undefined;
  const labels = textsIn(metadata, "labels");
  const account = textIn(spec, "serviceAccountName");
  const node = textIn(spec, "nodeName");
  if (labels === undefined || account === undefined || node === undefined) return undefined;
  return { labels, account, node };
}

function slowPod(object: ReceivedObject): KubernetesPod {
  const { metadata: { labels }, spec } = read(podSchema, object);
  return { labels: labels ?? {}, account: spec?.serviceAccountName ?? "", node: spec?.nodeName ?? "" };
}

/** True if conversion can't tell two pods apart. */
export function isSamePod(a: KubernetesPod, b: KubernetesPod): boolean {
  return a.labels === b.labels && a.account === b.account && a.node === b.node;
}

const metadataSchema = z.object({ metadata });

/** Decodes a node. @throws MeshError `invalid-record` */
export function decodeNode(object: ReceivedObject): KubernetesNode {
  const labels = read(metadataSchema, object).metadata.labels ?? {};
  const first = (...keys: readonly string[]) =>
    keys.map((key) => labels[key] ?? "").find((value) => value !== "") ?? "";
  return {
    region: first("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
    zone: first("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    subzone: first("topology.istio.io/subzone"),
  };
}

/** Decodes a namespace. @throws MeshError `invalid-record` */
export function decodeNamespace(object: ReceivedObject): KubernetesNamespace {
  const { labels, annotations } = read(metadataSchema, object).metadata;
  return {
    network: labels?.["topology.istio.io/network"] ?? "",
    trafficDistribution: annotations?.[trafficDistributionAnnotation] ?? "",
  };
}

/** Decodes a ServiceExport. @throws MeshError `invalid-record` */
export function decodeExport(object: ReceivedObject): KubernetesExport {
  return { createdAt: read(metadataSchema, object).metadata.creationTimestamp };
}

function read<Schema extends z.ZodType>(schema: Schema, { json }: ReceivedObject): z.output<Schema> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join(".") ?? "";
  throw new MeshError("invalid-record", `${path}: ${issue?.message ?? "can't be read"}`);
}
