import { z } from "zod";
import { duration, flag, integer, section, text, texts, uint32, wholeNumber } from "./fields.ts";
import { ServiceSelector, sourceShape } from "./source-schema.ts";

/** The four sources, each with slime's keys in the order of slime's struct, ours at the end. */

/** One Eureka cluster: several addresses are several servers of it. */
const eurekaServerShape = {
  registryId: text().describe(
    "Name of the cluster, written on its endpoints; needed only with several `servers`",
  ),
  address: texts().describe("Base URLs, such as `http://user:password@host:8761/eureka`"),
};

/** One Nacos cluster. */
const nacosServerShape = {
  registryId: text().describe(
    "Name of the cluster, written on its endpoints; needed only with several `servers`",
  ),
  address: texts().describe("Base URLs without `/nacos`"),
  namespace: text().describe("Namespace to read; empty: public"),
  group: text().describe("Group to read; empty: DEFAULT_GROUP"),
  username: text().describe("User name"),
  password: text().describe("Password"),
  allNamespaces: flag().describe("Read all namespaces"),
  namespaceGroups: texts().describe(
    "`namespace:group,group` each; without `:` the group is DEFAULT_GROUP; replaces `namespace` and `group`",
  ),
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

/** NacosSource. */
export const NacosSource = section({
  ...sourceShape({
    refreshPeriod: "30s",
    labelPatch: true,
    svcProtocol: "HTTP",
    svcPort: 80,
    instancePortAsSvcPort: true,
    defaultServiceNs: "nacos",
    resourceNs: "nacos",
  }),
  ...nacosServerShape,
  nsfNacos: flag().describe("NSF flavour: sets `enableProjectCode`, and `domSuffix` to `nsf`"),
  mode: text("polling").describe("Only `polling` in slime"),
  nameWithNs: flag().describe("Never read"),
  k8sDomainSuffix: flag(true).describe("Hosts end in `.svc.cluster.local`"),
  nsHost: flag(true).describe("Hosts carry the namespace"),
  metaKeyGroup: text().describe("Metadata key under which an instance gets its group; empty: none"),
  metaKeyNamespace: text().describe(
    "Metadata key under which an instance gets its namespace id; empty: none",
  ),
  enableProjectCode: flag().describe("Hosts carry the project code of the metadata"),
  domSuffix: text().describe("Suffix of the service name, without a dot"),
  servers: z.array(section(nacosServerShape)).default([]).describe(
    "Several clusters to merge; if given, the single cluster beside it is ignored",
  ),
});
/** See {@link NacosSource}. Durations are milliseconds. */
export type NacosSource = z.output<typeof NacosSource>;

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
    "How long a Dubbo 3 provider may take to tell what it offers, where ZooKeeper doesn't; 0: never ask",
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
});
/** See {@link K8sSource}. Durations are milliseconds. */
export type K8sSource = z.output<typeof K8sSource>;
