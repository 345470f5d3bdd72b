/**
 * How slime spells our keys. Ours are slime's in camelCase, and both are equal when case is ignored, so that only
 * the way back needs a table: where slime doesn't just begin with a capital letter.
 */
const irregular: ReadonlyMap<string, string> = new Map([
  ["enableGrpcTracing", "EnableGRPCTracing"],
  ["k8s", "K8S"],
  ["k8sSource", "K8SSource"],
  ["k8sDomainSuffix", "K8SDomainSuffix"],
  ["clusterId", "ClusterID"],
  ["registryId", "RegistryID"],
  ["httpServerAddr", "HTTPServerAddr"],
  ["methodLbServiceSelectors", "MethodLBServiceSelectors"],
  ["excludeIpRanges", "ExcludeIPRanges"],
  ["ips", "IPs"],
  ["cidrs", "CIDRs"],
  // The parts of a Kubernetes label selector keep Kubernetes' spelling.
  ["matchLabels", "matchLabels"],
  ["matchExpressions", "matchExpressions"],
  ["operator", "operator"],
  ["values", "values"],
]);

/** Keys that slime doesn't have, as dotted paths. What is below them is ours too. */
export const ownKeys: ReadonlySet<string> = new Set([
  "profile",
  "http",
  "nats",
  "eurekaSources",
  "k8sSources",
  "nacosSources",
  "zookeeperSources",
  "push",
  "conflicts",
  "guard",
  "retention",
  "state",
  "istiod",
  "tracing",
  "virtualAddresses",
  "history",
  "xds",
  "eurekaSource.deltaPeriod",
  "eurekaSource.maxResponseBytes",
  "eurekaSource.requestTimeout",
  "k8s.latePodWait",
  "k8s.podFacts",
  "k8s.podFactsWait",
  "k8sSource.allowWatchedClusters",
  "k8sSource.clusterEntries",
  "k8sSource.clusterIps",
  "k8sSource.clusterLocalHosts",
  "k8sSource.clusterSecretsNamespace",
  "k8sSource.clusterWaitTime",
  "k8sSource.clusters",
  "k8sSource.domain",
  "k8sSource.excludedNamespaces",
  "k8sSource.istiodNamespace",
  "k8sSource.multiClusterServices",
  "k8sSource.namespaces",
  "k8sSource.readPods",
  "k8sSource.serviceSelectors",
  "k8sSource.trustDomain",
  ...["nacosSource", "nacosSource.servers"].flatMap((path) =>
    ["accessKey", "secretKey", "securityToken", "signingRegion", "consoleUrl", "grpcPort"].map((key) =>
      `${path}.${key}`
    )
  ),
  "nacosSource.driver",
  "nacosSource.dubbo",
  "nacosSource.excludeServices",
  "nacosSource.generation",
  "nacosSource.hostnameMetaKey",
  "nacosSource.includeServices",
  "nacosSource.portMetaKeys",
  "nacosSource.requestTimeout",
  "nacosSource.tls",
  "zookeeperSource.applicationRoots",
  "zookeeperSource.driver",
  "zookeeperSource.maxFrameBytes",
  "zookeeperSource.metadataServiceTimeout",
  "zookeeperSource.password",
  "zookeeperSource.tls",
  "zookeeperSource.username",
]);

/** Slime's spelling of one of our keys: `eurekaSource` is `EurekaSource`, `k8s` is `K8S`. */
export function slimeName(key: string): string {
  return irregular.get(key) ?? key.charAt(0).toUpperCase() + key.slice(1);
}
