import { basename } from "node:path";
import { parseAllDocuments } from "yaml";
import { jsonFault } from "../../../shared/runtime/json-fault.ts";
import { readOnce } from "../../../shared/collector/read-once.ts";
import type { ReadOnce } from "../../../shared/collector/read-once.ts";
import type { K8sSource } from "../../../shared/config/mod.ts";
import { resources } from "../../../shared/kubernetes/kubernetes.ts";
import type { Resource } from "../../../shared/kubernetes/kubernetes.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import { kubernetes } from "../registry.ts";
import { KubernetesView } from "../view/kubernetes-view.ts";
import type { Conversion, ConvertSource } from "../../../shared/collector/dry-run/convert-source.ts";
import { ListedCluster } from "./listed-cluster.ts";
import type { ListedObject } from "./listed-cluster.ts";

type Fields = Readonly<Record<string, unknown>>;
type Report = (record: Conversion["invalidRecords"][number]) => void;

/** Kubernetes, for `meshctl convert`. */
export const kubernetesConvertSource: ConvertSource = {
  section: "k8sSource",
  convert: async (input, loaded, signal) => {
    const malformed: Conversion["invalidRecords"][number][] = [];
    const objects = readObjects(input, (record) => malformed.push(record));
    const source = loaded.config.k8sSource;
    const [first] = source.clusters;
    const id = first?.id || loaded.config.k8s.clusterId;
    const cluster = new ListedCluster(id, objects);
    const once = oneCluster(source, { id, kubeConfig: "-", domain: first?.domain, network: first?.network });
    const read = await readOnce(
      async (context) => {
        const view = new KubernetesView(once, context, () => Promise.resolve(cluster));
        await view.open();
        return view;
      },
      loaded,
      "Kubernetes",
      signal,
    );
    const hasPods = objects.some(({ plural }) => plural === "pods");
    return conversion(read, malformed, [
      ...(source.readPods && !hasPods
        ? [
          "there are no pods in the input, whose labels, accounts and nodes a collector would add: kubectl get svc,endpointslices,pods,nodes",
        ]
        : []),
      ...(source.clusters.length > 1 ? [`the input counts as what cluster ${id} has`] : []),
    ]);
  },
  convertLive: async (paths, loaded, signal) => {
    const clusters = paths.map((path, index) => {
      const name = basename(path).replaceAll(/^[^\w]+|[^\w]+$|[^\w.-]/g, "").slice(0, 50) || "cluster";
      const isTaken = paths.slice(0, index).some((other) => basename(other) === basename(path));
      return { id: isTaken ? `${name}-${index + 1}` : name, kubeConfig: path };
    });
    const source = { ...oneCluster(loaded.config.k8sSource, clusters[0] ?? { id: "", kubeConfig: "" }) };
    const all = { ...source, clusters: clusters.flatMap((each) => oneCluster(source, each).clusters) };
    const read = await readOnce(
      async (context) => {
        const view = new KubernetesView(all, context);
        await view.open();
        return view;
      },
      loaded,
      "Kubernetes",
      signal,
    );
    return conversion(read, [], [`read ${paths.join(", ")}`]);
  },
  convertAnew: async (loaded, { config }, signal) => {
    const { clusters, clusterSecretsNamespace, istiodNamespace, allowWatchedClusters } = config.k8sSource;
    const connection = { clusters, clusterSecretsNamespace, istiodNamespace, allowWatchedClusters };
    const source = { ...loaded.config.k8sSource, ...connection };
    const connected = { ...loaded, config: { ...loaded.config, k8s: config.k8s } };
    const read = await readOnce(
      (context) => kubernetes.open(source, context),
      connected,
      "Kubernetes",
      signal,
    );
    return conversion(read, [], []);
  },
  isEnabled: ({ config }) => config.k8sSource.enabled,
  // The file is never read, but a cluster without one is a mistake everywhere else.
  defaultConfig: JSON.stringify({ k8sSource: { clusters: [{ id: "Kubernetes", kubeConfig: "-" }] } }),
};

/** The source with a single cluster, and without Secrets. */
function oneCluster(
  source: K8sSource,
  { id, kubeConfig, domain = "", network = "" }: {
    readonly id: string;
    readonly kubeConfig: string;
    readonly domain?: string | undefined;
    readonly network?: string | undefined;
  },
): K8sSource {
  const cluster = { id, kubeConfig, context: "", inCluster: false, domain, network, waitTime: 0 };
  return { ...source, clusters: [cluster], clusterSecretsNamespace: "", clusterWaitTime: 0 };
}

function conversion(
  read: ReadOnce,
  malformed: Conversion["invalidRecords"],
  notes: readonly string[],
): Conversion {
  const invalidRecords = Array.from(read.invalidRecords, ([path, reason]) => ({ path, reason }));
  return { manifests: read.manifests, invalidRecords: [...malformed, ...invalidRecords], notes };
}

/** Kinds of objects by `<apiVersion>/<kind>`, with their names in URLs. */
const pluralOf: ReadonlyMap<string, string> = new Map(
  Object.entries({
    services: "Service",
    pods: "Pod",
    nodes: "Node",
    namespaces: "Namespace",
    endpointSlices: "EndpointSlice",
    serviceExportsV1alpha1: "ServiceExport",
    serviceExportsV1beta1: "ServiceExport",
  }).map(([name, kind]) => {
    const resource = Object.entries(resources).find(([key]) => key === name)?.[1];
    return [`${resource === undefined ? "" : apiVersionOf(resource)}/${kind}`, resource?.plural ?? ""];
  }),
);

function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/**
 * The objects of a list as `kubectl get -o yaml` or `-o json` prints one, of documents of single objects, or of both.
 * @throws MeshError `protocol-violation` if it is neither YAML nor JSON, or has no object of Kubernetes.
 */
function readObjects(input: string, report: Report): readonly ListedObject[] {
  const objects: ListedObject[] = [];
  let found = 0;
  for (const document of documentsOf(input)) {
    for (const [index, item] of itemsOf(document).entries()) {
      const metadata = item["metadata"];
      const { kind, apiVersion } = item;
      if (typeof kind !== "string" || typeof apiVersion !== "string") {
        report({ path: `[${index}]`, reason: "has no kind and apiVersion" });
        continue;
      }
      found++;
      const plural = pluralOf.get(`${apiVersion}/${kind}`);
      if (plural === undefined) continue;
      const { name = "", namespace = "", uid = "" } = isFields(metadata) ? metadata : {};
      if (typeof name !== "string" || typeof namespace !== "string" || name === "") {
        report({ path: `${kind} [${index}]`, reason: "has no name" });
        continue;
      }
      const object = { name, namespace, uid: String(uid), resourceVersion: "", json: item };
      objects.push({ plural, apiVersion, object });
    }
  }
  if (found === 0) {
    throw new MeshError(
      "protocol-violation",
      "this has no object of Kubernetes: give the output of kubectl get svc,endpointslices,pods,nodes -A -o yaml",
    );
  }
  return objects;
}

function documentsOf(input: string): readonly unknown[] {
  if (/^\s*[[{]/.test(input)) {
    try {
      return [JSON.parse(input)];
    } catch (error) {
      throw new MeshError("protocol-violation", `this is no JSON: ${jsonFault(input, error)}`, {
        cause: error,
      });
    }
  }
  return parseAllDocuments(input).map((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw new MeshError("protocol-violation", `this is no YAML: ${fault.message}`);
    try {
      const value: unknown = document.toJS({ maxAliasCount: 0 });
      return value;
    } catch (error) {
      throw new MeshError("protocol-violation", `this is no YAML: ${errorText(error)}`, { cause: error });
    }
  });
}

/** The objects of a document: those of lists by themselves. A list of one kind (`ServiceList`) says which, its items don't. */
function itemsOf(document: unknown): Fields[] {
  if (Array.isArray(document)) return document.flatMap(itemsOf);
  if (!isFields(document)) return [];
  const { kind, apiVersion, items } = document;
  if (!Array.isArray(items) || typeof kind !== "string" || !kind.endsWith("List")) return [document];
  const own = kind === "List" ? {} : { kind: kind.slice(0, -"List".length), apiVersion };
  return items.flatMap(itemsOf).map((item) => ({ ...own, ...item }));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
