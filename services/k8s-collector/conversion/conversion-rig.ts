import type { ReceivedObject } from "../../../shared/kubernetes/kubernetes.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { decodeNamespace, decodeNode, decodeService, decodeSlice, podDecoder } from "../client/decode.ts";
import type { ClusterService, ServiceRules } from "./cluster-service.ts";
import { convertService } from "./convert.ts";

type Json = Readonly<Record<string, unknown>>;

/** A Service of one cluster as its API server has it, with all that belongs to it. */
export interface RawCluster {
  readonly service: Json;
  readonly slices?: readonly Json[];
  readonly pods?: readonly Json[];
  readonly nodes?: readonly Json[];
  readonly namespaces?: readonly Json[];
  readonly exportedAt?: string;
  readonly domain?: string;
  readonly network?: string;
  /** Keys of pods that will be known in a moment. */
  readonly awaited?: readonly string[];
}

/** The rules of a source with its defaults. */
export const usualRules: ServiceRules = {
  isMerged: true,
  multiClusterServices: false,
  clusterLocalHosts: false,
  clusterIps: false,
  trustDomain: "cluster.local",
  allowLoopback: false,
  region: "",
  istioNamespace: "istio-system",
  revision: "",
};

/** An object as a reflector receives it. */
export function received(json: Json): ReceivedObject {
  const metadata = Object.entries(json).find(([key]) => key === "metadata")?.[1];
  const { name = "", namespace = "" } = typeof metadata === "object" && metadata !== null
    ? Object.fromEntries(Object.entries(metadata))
    : {};
  return { name: String(name), namespace: String(namespace), uid: "", resourceVersion: "1", json };
}

/** Converts the same Service of some clusters, by their ids. */
export function convertRaw(
  clusters: Readonly<Record<string, RawCluster>>,
  rules: Partial<ServiceRules> = {},
) {
  const reports: string[] = [];
  const parts = Object.entries(clusters).map(([id, raw]) => partOf(id, raw));
  const entries = convertService(
    parts,
    { ...usualRules, ...rules },
    ({ path, reason }) => void reports.push(`${path}: ${reason}`),
  );
  return { entries, reports };
}

/** The only entry of the cluster `east`; fails for none, several and reports. */
export function convertOne(raw: RawCluster, rules: Partial<ServiceRules> = {}): ServiceEntryManifest {
  const { entries: [entry, ...others], reports } = convertRaw({ east: raw }, rules);
  if (entry === undefined || others.length > 0 || reports.length > 0) {
    throw new Error(`expected one entry, found ${others.length + (entry ? 1 : 0)}; ${reports.join("; ")}`);
  }
  return entry;
}

function partOf(id: string, raw: RawCluster): ClusterService {
  const decodePod = podDecoder();
  const byKey = <Value>(items: readonly Json[] | undefined, decode: (object: ReceivedObject) => Value) =>
    new Map((items ?? []).map((item) => {
      const object = received(item);
      return [`${object.namespace}/${object.name}`, decode(object)];
    }));
  const pods = byKey(raw.pods, decodePod);
  const nodes = byKey(raw.nodes, decodeNode);
  const namespaces = byKey(raw.namespaces, decodeNamespace);
  return {
    cluster: { id, domain: raw.domain ?? "cluster.local", network: raw.network ?? "" },
    service: decodeService(received(raw.service)),
    slices: (raw.slices ?? []).map((slice) => decodeSlice(received(slice))).filter((slice) =>
      slice !== undefined
    ),
    exportedAt: raw.exportedAt,
    facts: {
      pod: (key) => raw.awaited?.includes(key) === true ? "awaited" : pods.get(key),
      node: (name) => nodes.get(`/${name}`),
      namespace: (name) => namespaces.get(`/${name}`),
    },
  };
}

/** A Service `orders` in the namespace `shop`. */
export function service(spec: Json = {}, metadata: Json = {}): Json {
  return {
    metadata: { namespace: "shop", name: "orders", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
    spec: { type: "ClusterIP", ports: [{ name: "http", port: 80, targetPort: 8080 }], ...spec },
  };
}

/** A slice of that Service; `ports` are numbers by name. */
export function slice(
  name: string,
  endpoints: readonly (string | Json)[] | null,
  more: Json & { readonly portNumbers?: Readonly<Record<string, number | null>> } = {},
): Json {
  const { portNumbers = { http: 8080 }, ...others } = more;
  return {
    metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": "orders" } },
    addressType: "IPv4",
    ports: Object.entries(portNumbers).map(([portName, port]) => ({ name: portName, port })),
    endpoints:
      endpoints?.map((endpoint) => typeof endpoint === "string" ? { addresses: [endpoint] } : endpoint) ??
        null,
    ...others,
  };
}

/** A pod of the namespace `shop`. */
export function pod(name: string, labels: Json, spec: Json = {}): Json {
  return { metadata: { namespace: "shop", name, labels }, spec: { serviceAccountName: "orders", ...spec } };
}

/** A node. */
export function node(name: string, labels: Json): Json {
  return { metadata: { name, labels } };
}

/** An endpoint at a pod. */
export function atPod(address: string, name: string, nodeName = "n1", more: Json = {}): Json {
  return { addresses: [address], nodeName, targetRef: { kind: "Pod", name, namespace: "shop" }, ...more };
}
