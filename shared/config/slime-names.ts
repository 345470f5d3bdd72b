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
  "push",
  "guard",
  "retention",
  "state",
  "virtualAddresses",
  "xds",
  "eurekaSource.deltaPeriod",
  "eurekaSource.maxResponseBytes",
  "eurekaSource.requestTimeout",
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
