import { z } from "zod";
import { profiles } from "../../model/profile.ts";
import { duration, flag, section, text, texts, uint32 } from "./fields.ts";
import { NacosSource } from "./nacos-schema.ts";
import { EurekaSource, K8sSource, ZookeeperSource } from "./registry-schemas.ts";

/**
 * The whole configuration: slime's RegistryArgs with our keys beside them, in camelCase. This is our own file's
 * schema; slime's files are brought into this form before they meet it. Keys stand in the order of slime's struct,
 * because that is the order in which `/args` shows them.
 */

const Business = section({
  regionLabels: texts().describe("Never read"),
  zoneLabels: texts().describe("Never read"),
  subzoneLabels: texts().describe("Never read"),
});

const Mcp = section({
  serverUrl: text("xds://0.0.0.0:16010").describe("Where istiod finds us: `xds://address:port`"),
  enableAnnoResVer: flag(true).describe("Write the `ResourceVersion` annotation"),
  enableIncPush: flag(false).describe(
    "Incremental pushes of the istio-mcp library; `true` by default in a slime file; stock istiods don't speak it",
  ),
  cleanZombieInterval: duration("0").describe(
    "Period of forgetting deleted resources in that dialect; 0: never",
  ),
});

const K8s = section({
  clusterId: text("Kubernetes").describe("Id of the cluster we run in; default from CLUSTER_ID"),
  clusterRegistriesNamespace: text("istio-system").describe(
    "Namespace with the Secrets of further clusters; default from POD_NAMESPACE",
  ),
  apiServerUrl: text().describe("Never read"),
  apiServerUrlForDeploy: text().describe(
    "API server to ask for pods and nodes; empty: that of our own cluster",
  ),
  kubeConfig: text().describe("Path of a kubeconfig file; empty: the pod's service account"),
  podFacts: flag().describe(
    "Read pods and nodes, for `labelPatch` and localities; default: in a cluster, with `kubeConfig`, or if a `k8sSource` names clusters",
  ),
  podFactsWait: duration("10s").describe(
    "How long the first publication of a source waits for them at most",
  ),
  latePodWait: duration("1s").describe(
    "How long a changed entry waits at most for a pod that isn't known yet, at an address among those of pods; 0: not",
  ),
});

const Http = section({
  address: text("127.0.0.1:8081").describe("Where the debug API listens, `address:port`"),
  token: text().describe("Bearer token that the debug API asks for; empty: none"),
  operatorToken: text().describe(
    "Bearer token that actions need, such as releasing held losses; it may also read. Empty: the console only reads, and the actions of the debug API need `http.token` alone",
  ),
  tls: section({
    certFile: text().describe("Path of the server's certificate chain; read again when it changes"),
    keyFile: text().describe("Path of its key"),
  }).optional().describe("TLS for the debug API, the API and the console; absent: plain HTTP"),
});

const Nats = section({
  servers: texts().describe(
    "NATS servers, such as `nats://host:4222`; empty: the embedded log of this process",
  ),
  user: text().describe("User name"),
  password: text().describe("Password"),
  token: text().describe("Token"),
  nkeySeed: text().describe("NKey seed"),
  nkeySeedFile: text().describe("Path of a file with an NKey seed"),
  credsFile: text().describe("Path of a credentials file"),
  tls: section({
    caFile: text().describe("Path of the CA certificates; empty: those of the system"),
    certFile: text().describe("Path of the client certificate"),
    keyFile: text().describe("Path of the client certificate's key"),
  }).optional().describe("TLS; absent: as the server asks"),
  stream: text("MESH_ENTRIES").describe("Name of the JetStream stream"),
  replicas: uint32(1).describe("Replicas of the stream, 1 to 5"),
});

const Tracing = section({
  enabled: flag().describe(
    "Record each change from the registry to istiod's acknowledgement for OpenTelemetry, and send it over OTLP/HTTP",
  ),
  endpoint: text().describe(
    "Where to, such as `http://otel-collector:4318`; empty: as `OTEL_EXPORTER_OTLP_ENDPOINT` says, or `http://localhost:4318`",
  ),
  sampleRatio: z.number().min(0).max(1).default(1).describe("Share of the changes that are recorded"),
});

const Istiod = section({
  debug: texts().describe(
    "Addresses of istiods' debug APIs, such as `http://istiod.istio-system:15014`: a trace asks each what it has; empty: none",
  ),
  bearerFile: text().describe(
    "Path of a file with a bearer token for them, a service account's with the audience `istio-ca`; empty: none",
  ),
});

/** Who connects to an xDS listener, and what it is shown. */
const Listener = section({
  address: text().describe("`xds://host:port`, or `http://host:port` for istio-mcp's long polling"),
  dialect: z.enum(["auto", "stateOfTheWorld", "incremental"]).default("auto").describe(
    "What `StreamAggregatedResources` speaks: `auto`: by `mcp.enableIncPush` and the client's node metadata",
  ),
  revision: text().describe(
    "Show only resources of this Istio revision, and those of none; empty: the client's own",
  ),
  namespaces: texts().describe("Show only resources of these namespaces; empty: all"),
  registries: texts().describe("Show only resources of these registries; empty: all"),
});

const Xds = section({
  shards: uint32(1).describe(
    "Listeners that the catalogue is spread over, on consecutive ports from that of `mcp.serverUrl`",
  ),
  formerShards: uint32(0).describe(
    "The number of shards for which there are ports. An istiod with sources for those beyond `xds.shards` is served there without ghosts; 0: as many as the aggregators served within a week",
  ),
  trustShards: z.boolean().default(false).describe(
    "Every stock istiod has a source for each shard; it isn't waited for and not looked at. For several replicas",
  ),
  listeners: z.array(Listener).default([]).describe("Further listeners beside `mcp.serverUrl`"),
  tls: section({
    certFile: text().describe("Path of the server's certificate chain; read again when it changes"),
    keyFile: text().describe("Path of its key"),
    clientCaFile: text().describe(
      "Path of the CA certificates of clients; empty: clients need no certificate",
    ),
    allowedSans: texts().describe(
      "Subject alternative names that clients may have, such as `spiffe://cluster.local/ns/istio-system/sa/istiod`; empty: any",
    ),
  }).optional().describe("TLS for istiod; absent: plain HTTP/2"),
  maxMessageBytes: uint32(4_194_304).describe(
    "Largest message of a Delta or incremental response, in bytes; a single larger resource is sent alone",
  ),
  maxRequestBytes: uint32(16_777_216).describe(
    "Largest request that is taken, in bytes, and what all requests that are still arriving may hold together",
  ),
  maxStreams: uint32(1000).describe("Streams at the same time, over all listeners"),
  maxStreamsPerAddress: uint32(0).describe("Those from one client address; 0: half of `maxStreams`"),
  requestTimeout: duration("10s").describe(
    "How long a client may take from its connection to its first request, and for each request to arrive; 0: for ever",
  ),
  keepaliveInterval: duration("30s").describe("How often an idle connection is pinged; 0: never"),
  keepaliveTimeout: duration("10s").describe("How long the answer to a ping may take"),
  ackTimeout: duration("5m").describe(
    "A client that leaves a response unacknowledged for longer is dropped; 0: never",
  ),
  nackBackoff: duration("10s").describe(
    "How long a refused resource isn't sent again to the client that refused it, unless it changes; doubles up to 5m",
  ),
  drainTime: duration("5s").describe("How long clients are given to leave at shutdown"),
});

const VirtualAddresses = section({
  mode: z.enum(["auto", "always", "never"]).default("auto").describe(
    "`auto`: hosts with a port that isn't HTTP, in the `istio` profile; `always`: every host; `never`: none",
  ),
  ipv4Range: text("241.0.0.0/8").describe("IPv4 range that the addresses are taken from"),
  ipv6Range: text().describe("IPv6 range for a second address of each host; empty: none"),
  releaseAfter: duration("24h").describe("How long an address stays reserved after its host is gone"),
});

const conflictMode = z.enum(["merge", "prefer", "separate"]);

/** Another rule for some hosts. */
const ConflictHost = section({
  pattern: text().describe(
    "A host, or one with `*` as its first or last character; the first that matches counts",
  ),
  mode: conflictMode.optional().describe("Another mode than `conflicts.mode`"),
  order: texts().describe("Another order; sources that aren't named follow as in `conflicts.order`"),
});

const Conflicts = section({
  mode: conflictMode.default("merge").describe(
    "`merge`: one entry with the endpoints of all; `prefer`: one entry with those of the first source that has some; `separate`: an entry for each source (default in the slime profile)",
  ),
  order: texts().describe(
    "Sources by precedence, each a registry (`nacos`) or one of its sources (`zookeeper/shanghai`); those that aren't named follow by alphabet",
  ),
  hosts: z.array(ConflictHost).default([]).describe("Other rules for some hosts"),
});

const Guard = section({
  maxShrinkPercent: z.number().min(0).max(100).default(30).describe(
    "Hold back a read that takes away more than this share of a source's endpoints; 100: never",
  ),
  minEndpoints: uint32(10).describe(
    "Losing fewer endpoints than this in one read is never held back, unless it is all of them",
  ),
  holdTime: duration("5m").describe(
    "After this long the smaller state is believed; 0: only when an operator says so",
  ),
});

/** Several sources of a registry; a name is a token on the stream, in paths and in labels of metrics. */
function named<Source extends z.ZodObject>(source: Source) {
  return z.record(z.string(), source).default({});
}

/** The zod schema of our own file. Its input is the file's text form, its output the typed configuration. */
export const ConfigSchema = section({
  profile: z.enum(profiles).default("istio").describe(
    "`istio`: for stock istiods; `slime`: byte for byte as slime (default in a slime file)",
  ),
  meshConfigFile: text().describe("Never read"),
  enableGrpcTracing: flag().describe("gRPC tracing in slime"),
  watchedNamespaces: text().describe("Never read"),
  resyncPeriod: duration("0").describe("Informer resync in slime"),
  enableServiceDiscovery: flag().describe("Never read"),
  excludedResourceKinds: texts(["Endpoints", "Namespace", "Node", "Pod", "Service"]).describe(
    "Added to `k8sSource.excludedResourceKinds`",
  ),
  snapshots: texts(["default"]).describe("Added to `k8sSource.collections`"),
  business: Business.optional().describe("Never read; use the environment variable LOCALITY_LABELS"),
  mcp: Mcp.prefault({}).describe("The xDS server"),
  k8s: K8s.prefault({}).describe("Access to Kubernetes for `labelPatch`"),
  k8sSource: K8sSource.prefault({}).describe("Kubernetes"),
  zookeeperSource: ZookeeperSource.prefault({}).describe("ZooKeeper (Dubbo)"),
  eurekaSource: EurekaSource.prefault({}).describe("Eureka"),
  nacosSource: NacosSource.prefault({}).describe("Nacos"),
  k8sSources: named(K8sSource).describe("Further Kubernetes sources by name, each as `k8sSource`"),
  zookeeperSources: named(ZookeeperSource).describe(
    "Further ZooKeeper sources by name, each as `zookeeperSource`",
  ),
  eurekaSources: named(EurekaSource).describe("Further Eureka sources by name, each as `eurekaSource`"),
  nacosSources: named(NacosSource).describe("Further Nacos sources by name, each as `nacosSource`"),
  httpServerAddr: text().describe(
    "A second debug API, without the `/meshregistry` prefix, behind the same `http.token`; empty: none",
  ),
  revision: text().describe("Never read; use the environment variable MESH_REG_ISTIO_REVISION"),
  revCrds: text().describe("Never read"),
  registryStartDelay: duration("5s").describe("Wait before slime's Eureka and Nacos pollers start"),
  http: Http.prefault({}).describe("The debug API"),
  nats: Nats.prefault({}).describe("The entry log"),
  push: section({
    minInterval: duration("0").describe("Shortest time between two full state-of-the-world pushes"),
  }).prefault({}).describe("Pushes to istiod"),
  xds: Xds.prefault({}).describe("How istiod is served"),
  istiod: Istiod.prefault({}).describe("What istiods say of themselves"),
  tracing: Tracing.prefault({}).describe("Traces for OpenTelemetry"),
  virtualAddresses: VirtualAddresses.prefault({}).describe(
    "Addresses for hosts that Istio can't tell apart by name",
  ),
  history: section({
    versions: uint32(5).describe(
      "Changes of each resource that an aggregator remembers for `/history`, since its start; 0: none",
    ),
    maxBytes: uint32(16_777_216).describe("Memory for them at most, in bytes; beyond it the oldest go"),
  }).prefault({}).describe("The history of resources"),
  state: section({
    folder: text().describe(
      "Folder where the last good state is kept, to be served when NATS can't be reached at the start, and the embedded log; empty: none",
    ),
    interval: duration("30s").describe("Shortest time between two writes of it"),
  }).prefault({}).describe("The aggregator's state on disk"),
  guard: Guard.prefault({}).describe("Protection against mass deletion"),
  conflicts: Conflicts.prefault({}).describe("Hosts that stand in several registries"),
  retention: section({
    emptyServices: duration("24h").describe(
      "How long a service without endpoints stays; 0: for ever (default in the slime profile)",
    ),
  }).prefault({}).describe("What is kept, and how long"),
});

/** What a file may hold, before defaults. */
export type ConfigInput = z.input<typeof ConfigSchema>;

/** The typed configuration, with every default filled in. Durations are milliseconds; see `Duration`. */
export type Config = z.output<typeof ConfigSchema>;
