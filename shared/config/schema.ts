import { z } from "zod";
import { profiles } from "../model/profile.ts";
import { duration, flag, section, text, texts, uint32 } from "./fields.ts";
import { EurekaSource, K8sSource, NacosSource, ZookeeperSource } from "./registry-schemas.ts";

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
});

const Http = section({
  address: text("127.0.0.1:8081").describe("Where the debug API listens, `address:port`"),
  token: text().describe("Bearer token that the debug API asks for; empty: none"),
});

const Nats = section({
  servers: texts().describe(
    "NATS servers, such as `nats://host:4222`; empty: the embedded log of this process",
  ),
  user: text().describe("User name"),
  password: text().describe("Password"),
  token: text().describe("Token"),
  nkeySeed: text().describe("NKey seed"),
  credsFile: text().describe("Path of a credentials file"),
  tls: section({
    caFile: text().describe("Path of the CA certificates; empty: those of the system"),
    certFile: text().describe("Path of the client certificate"),
    keyFile: text().describe("Path of the client certificate's key"),
  }).optional().describe("TLS; absent: as the server asks"),
  stream: text("MESH_ENTRIES").describe("Name of the JetStream stream"),
  replicas: uint32(1).describe("Replicas of the stream, 1 to 5"),
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
  httpServerAddr: text().describe("A second debug API, without the `/meshregistry` prefix; empty: none"),
  revision: text().describe("Never read; use the environment variable MESH_REG_ISTIO_REVISION"),
  revCrds: text().describe("Never read"),
  registryStartDelay: duration("5s").describe("Wait before slime's Eureka and Nacos pollers start"),
  http: Http.prefault({}).describe("The debug API"),
  nats: Nats.prefault({}).describe("The entry log"),
  push: section({
    minInterval: duration("0").describe("Shortest time between two full state-of-the-world pushes"),
  }).prefault({}).describe("Pushes to istiod"),
  guard: Guard.prefault({}).describe("Protection against mass deletion"),
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
