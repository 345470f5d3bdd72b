import { labelMatcher } from "../../conversion/label-selector.ts";
import { isFqdn, isLabel, isLabelValue } from "../../istio/mod.ts";
import { unexpected } from "../config-issue.ts";
import type { KeyPath } from "../config-issue.ts";
import { formatGoDuration } from "../schema/duration.ts";
import type { Config } from "../schema/schema.ts";
import { readsClusters } from "../sources.ts";
import { always, own } from "./contradiction.ts";
import type { Contradiction } from "./contradiction.ts";

/** Checks of the Kubernetes source: which clusters, and which of their Services. */
export function checkKubernetes({ k8sSource: source, k8s: { clusterId } }: Config): readonly Contradiction[] {
  if (!source.enabled) return [];
  if (!readsClusters(source)) {
    if (source.enableConfigFile && source.configPath !== "") return [];
    const message =
      "expected a cluster because the source is enabled, found none; set clusters, clusterSecretsNamespace, or enableConfigFile with configPath";
    return [own(["k8sSource", "clusters"], message)];
  }
  return [
    ...checkClusters(source, clusterId),
    ...checkNames(source),
    ...[
      [["k8sSource", "clusterWaitTime"], source.clusterWaitTime] as const,
      ...source.clusters.map(({ waitTime }, index) =>
        [["k8sSource", "clusters", index, "waitTime"], waitTime] as const
      ),
    ].flatMap(([path, value]) =>
      value >= 0 ? [] : [always(path, `expected a duration of 0 or more, found ${formatGoDuration(value)}`)]
    ),
  ];
}

function checkClusters({ clusters }: Config["k8sSource"], ownId: string): Contradiction[] {
  const seen = new Set<string>();
  return clusters.flatMap((cluster, index) => {
    const found: Contradiction[] = [];
    const place = ["k8sSource", "clusters", index];
    const id = cluster.id === "" && cluster.inCluster ? ownId : cluster.id;
    const path = [...place, "id"];
    if (id === "" || id.length > 63 || !isLabelValue(id)) {
      found.push(always(path, unexpected("a name of letters, digits and -_. (at most 63)", id, path)));
    } else if (seen.has(id)) {
      found.push(always(path, `cluster ${id} is in this list already; give each cluster an id of its own`));
    }
    seen.add(id);
    if (cluster.inCluster === (cluster.kubeConfig !== "")) {
      const wrong = cluster.inCluster ? "both" : "none of them";
      found.push(always(place, `expected either kubeConfig or inCluster, found ${wrong}`));
    }
    if (cluster.context !== "" && cluster.kubeConfig === "") {
      found.push(
        own([...place, "context"], "is ignored without kubeConfig; set kubeConfig or remove it"),
      );
    }
    if (cluster.domain !== "") found.push(...checkDomain([...place, "domain"], cluster.domain));
    return found;
  });
}

function checkNames(source: Config["k8sSource"]): Contradiction[] {
  const lists = ["namespaces", "excludedNamespaces"] as const;
  const found = lists.flatMap((key) =>
    source[key].flatMap((name, index) => {
      const path = ["k8sSource", key, index];
      return isLabel(name) ? [] : [always(path, unexpected("the name of a namespace", name, path))];
    })
  );
  for (const key of ["clusterSecretsNamespace", "istiodNamespace"] as const) {
    const path = ["k8sSource", key];
    if (source[key] === "" || isLabel(source[key])) continue;
    found.push(always(path, unexpected("the name of a namespace", source[key], path)));
  }
  found.push(...checkDomain(["k8sSource", "domain"], source.domain));
  found.push(...checkDomain(["k8sSource", "trustDomain"], source.trustDomain));
  for (const [index, selector] of source.serviceSelectors.entries()) {
    if (labelMatcher(selector) !== "invalid") continue;
    const path = ["k8sSource", "serviceSelectors", index];
    found.push(always(path, "expected a label selector as Kubernetes takes it; see matchExpressions"));
  }
  if (source.clusterLocalHosts && !source.multiClusterServices) {
    const message = "has no effect without multiClusterServices, with which hosts are clusterset.local";
    found.push(own(["k8sSource", "clusterLocalHosts"], `${message}; remove it`));
  }
  return found;
}

function checkDomain(path: KeyPath, domain: string): Contradiction[] {
  return isFqdn(domain) && !domain.endsWith(".")
    ? []
    : [always(path, unexpected('a domain such as "cluster.local"', domain, path))];
}
