import { z } from "zod";
import { duration, flag, integer, section, text, texts, uint32, wholeNumber } from "./fields.ts";
import { labelSelectorShape, ServiceSelector, sourceShape } from "./source-schema.ts";

/** Three of the four sources, each with slime's keys in the order of slime's struct, ours at the end. */

/** One Eureka cluster: several addresses are several servers of it. */
const eurekaServerShape = {
  registryId: text().describe(
    "Name of the cluster, written on its endpoints; needed only with several `servers`",
  ),
  address: texts().describe("Base URLs, such as `http://user:password@host:8761/eureka`"),
};

/** EurekaSource. */
export const EurekaSource = section({
  ...sourceShape({
    refreshPeriod: "30s",
    labelPatch: true,
    svcProtocol: "HTTP",
    svcPort: 80,
    instancePortAsSvcPort: true,
    defaultServiceNs: "eureka",
    resourceNs: "eureka",
  }),
  ...eurekaServerShape,
  nsfEureka: flag().describe("NSF flavour: sets `enableProjectCode`, and `appSuffix` to `nsf`"),
  k8sDomainSuffix: flag(true).describe("Hosts end in `.svc.cluster.local`"),
  nsHost: flag(true).describe("Hosts carry the namespace"),
  enableProjectCode: flag().describe("Hosts carry the project code of the metadata"),
  appSuffix: text().describe("Suffix of the application name, without a dot"),
  servers: z.array(section(eurekaServerShape)).default([]).describe(
    "Several clusters to merge; if given, `address` beside it is ignored",
  ),
  deltaPeriod: duration("1s").describe("Period of `/apps/delta` requests between complete reads"),
  maxResponseBytes: wholeNumber().min(1).default(1024 ** 3).describe("Longest answer accepted, in bytes"),
  requestTimeout: duration("30s").describe("Longest wait for a complete answer"),
});
/** See {@link EurekaSource}. Durations are milliseconds. */
export type EurekaSource = z.output<typeof EurekaSource>;

/** Holds back bursts of ZooKeeper events. */
const WatchingDebounce = section({
  triggerCount: integer().describe("Events in quick succession before a wait starts"),
  debounceDuration: duration("0").describe("What counts as quick succession"),
  delay: duration("0").describe("Wait"),
  maxDelay: duration("0").describe("Longest wait"),
});

/** ZookeeperSource. */
export const ZookeeperSource = section({
  ...sourceShape({
    refreshPeriod: "10s",
    labelPatch: true,
    svcProtocol: "DUBBO",
    svcPort: 0,
    instancePortAsSvcPort: true,
    defaultServiceNs: "",
    resourceNs: "dubbo",
  }),
  address: texts().describe(
    "`host:port` of each server of the ensemble; the last one may end in a chroot: `host:port/path`",
  ),
  ignoreLabel: texts(["pid", "timestamp", "dubbo"]).describe("URL parameters that don't become labels"),
  connectionTimeout: duration("30s").describe("Session timeout"),
  registryRootNode: text("/dubbo").describe("Root node of the interfaces"),
  applicationRegisterRootNode: text().describe("Never read in slime"),
  mode: text("watching").describe(
    "`watching` (slime's default is `polling`) or `polling`; anything else is watching",
  ),
  watchingWorkerCount: integer(10).describe("Workers in watching mode"),
  watchingResyncCron: text().describe("Cron specs, separated by commas, of complete reads in watching mode"),
  watchingDebounce: WatchingDebounce.optional().describe("Holds back bursts of events; absent: off"),
  enableConfiguratorMeta: flag().describe("Read `/configurators` too"),
  enableDubboSidecar: flag(true).describe("Generate Sidecars from consumers"),
  trimDubboRemoveDepInterval: duration("24h").describe("How long a dependency stays after its last consumer"),
  dubboWorkloadAppLabel: text("app").describe("Label key of the Sidecar's workload selector"),
  selfConsume: flag().describe("An application consumes what it provides"),
  singleAppService: flag().describe("Write the `application` label on the ServiceEntry"),
  methodLbServiceSelectors: z.array(ServiceSelector).default([]).describe(
    "Services with load balancing by method; empty: none",
  ),
  hostSuffix: text().describe("Appended to the host only"),
  consumerPath: text().describe("Node of the consumers under an interface; empty: `/consumers`; `-`: none"),
  applicationRoots: texts(["/services"]).describe(
    "Nodes with the instances of Dubbo 3 applications and of Spring Cloud; empty (default in the slime profile): none",
  ),
  metadataServiceTimeout: duration("2s").describe(
    "How long a Dubbo 3 provider may take to tell what it offers, where the registry doesn't; 0: never ask",
  ),
  driver: z.enum(["pure", "native"]).default("pure").describe(
    "`pure`: our own client; `native`: the `zookeeper` package (C client, Node only, installed separately)",
  ),
  username: text().describe("User of ZooKeeper's digest authentication"),
  password: text().describe("Password of that user"),
  tls: section({
    caFile: text().describe("Path of the CA certificates; empty: those of the system"),
    certFile: text().describe("Path of the client certificate"),
    keyFile: text().describe("Path of the client certificate's key"),
  }).optional().describe("TLS to ZooKeeper; absent: plain TCP"),
  maxFrameBytes: uint32(67_108_864).describe("Largest answer of ZooKeeper that is taken, in bytes"),
});
/** See {@link ZookeeperSource}. Durations are milliseconds. */
export type ZookeeperSource = z.output<typeof ZookeeperSource>;

/** One cluster by its kubeconfig, or the one that we run in. */
const kubernetesClusterShape = {
  id: text().describe(
    "Name of the cluster, unique, written on its endpoints as `topology.istio.io/cluster`; with `inCluster` default from `k8s.clusterId`",
  ),
  kubeConfig: text().describe(
    "Path of a kubeconfig file; its exec plugins and the files that it names are used",
  ),
  context: text().describe("Context of that file; empty: its `current-context`"),
  inCluster: flag().describe(
    "The cluster that we run in, by `k8s.kubeConfig` or the pod's service account. Never the cluster that the istiod watches which gets these entries",
  ),
  domain: text().describe("Domain of the cluster's Services; empty: `k8sSource.domain`"),
  network: text().describe("Network of its endpoints that no label tells; empty: none"),
  waitTime: duration("0").describe(
    "Go on without this cluster if it hasn't been read this long after the start; 0: as `k8sSource.clusterWaitTime`",
  ),
};

/** K8SSource. */
export const K8sSource = section({
  ...sourceShape({
    refreshPeriod: "0",
    labelPatch: false,
    svcProtocol: "",
    svcPort: 0,
    instancePortAsSvcPort: false,
    defaultServiceNs: "",
    resourceNs: "",
  }),
  watchedNamespaces: text().describe("Never read in slime"),
  enableConfigFile: flag().describe("Read resources from `configPath`"),
  configPath: text().describe("Folder or file with `.yaml`, `.yml` or `.gz` files"),
  watchConfigFiles: flag().describe("Follow changes of those files"),
  collections: texts().describe("Presets of resource kinds: `all`, `istio`, `default`, `localAnalysis`"),
  excludedResourceKinds: texts().describe("Resource kinds to leave out"),
  clusters: z.array(section(kubernetesClusterShape)).default([]).describe(
    "Clusters whose Services become entries",
  ),
  clusterSecretsNamespace: text().describe(
    'Namespace of our own cluster with Secrets of further clusters, labelled `istio/multiCluster: "true"` (a key is a cluster\'s id, its value a kubeconfig); empty: none',
  ),
  istiodNamespace: text("istio-system").describe(
    "Namespace of our own cluster whose multicluster Secrets tell which clusters its istiod watches: these are refused. Looked at with `clusterSecretsNamespace` or a cluster that is `inCluster`; empty: not at all",
  ),
  allowWatchedClusters: texts().describe(
    "Ids of clusters that are read although the local istiod watches them, or which it is in itself",
  ),
  clusterWaitTime: duration("30s").describe(
    "Go on without a cluster that hasn't been read this long after the start: what was published of it stays; 0: wait",
  ),
  clusterEntries: z.enum(["merged", "separate"]).default("merged").describe(
    "`merged`: the same Service in several clusters is one entry with the endpoints of all; `separate`: one entry for each cluster, under a host of its own",
  ),
  domain: text("cluster.local").describe(
    "Domain of Services: hosts are `<name>.<namespace>.svc.<domain>`; with `separate` entries `<name>.<namespace>.svc.<cluster id>.<domain>`, unless the cluster has its own domain",
  ),
  trustDomain: text("cluster.local").describe(
    "Trust domain of the accounts in `alpha.istio.io/kubernetes-serviceaccounts`",
  ),
  namespaces: texts().describe(
    "Namespaces to read, each with requests of its own, so that Roles in them suffice; empty: all",
  ),
  excludedNamespaces: texts(["kube-system", "kube-public", "kube-node-lease"]).describe(
    "Namespaces to leave out",
  ),
  serviceSelectors: z.array(section(labelSelectorShape)).default([]).describe(
    "Services to take, by their labels; ORed; empty: all",
  ),
  multiClusterServices: flag().describe(
    "Take only Services with a ServiceExport, under `<name>.<namespace>.svc.clusterset.local`",
  ),
  clusterLocalHosts: flag().describe("With `multiClusterServices`: under their own hosts, too"),
  clusterIps: flag().describe(
    "Write cluster IPs as addresses of the hosts. Only where the address ranges of all clusters differ, the mesh's own among them: two Services with one address are one to a proxy",
  ),
  readPods: flag(true).describe(
    "Read pods and nodes, for the labels, service accounts and localities of endpoints; without them Istio calls endpoints in plain text",
  ),
});
/** See {@link K8sSource}. Durations are milliseconds. */
export type K8sSource = z.output<typeof K8sSource>;
