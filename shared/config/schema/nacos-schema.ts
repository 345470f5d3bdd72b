import { z } from "zod";
import { duration, flag, section, text, texts, wholeNumber } from "./fields.ts";
import { ZookeeperSource } from "./registry-schemas.ts";
import { sourceShape } from "./source-schema.ts";

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
  accessKey: text().describe(
    "Access key of an account of Alibaba Cloud (MSE), in place of a user; empty: none",
  ),
  secretKey: text().describe("Secret of that access key"),
  securityToken: text().describe("Token of a temporary access key; empty: none"),
  signingRegion: text().describe("Region to sign for (version 4 of MSE's signatures); empty: version 1"),
  consoleUrl: text().describe(
    "Base URL of the console of Nacos 3, such as `http://nacos:8080`, where lists are read if the admin API is closed; empty: none",
  ),
  grpcPort: wholeNumber().min(0).max(65_535).default(0).describe(
    "gRPC port of the servers; 0: 1000 above each's own",
  ),
};

/** Chooses services; `*` in a pattern stands for any text. */
const ServicePattern = section({
  namespace: text().describe("Pattern of the namespace's id or name; empty: any"),
  group: text().describe("Pattern of the group; empty: any"),
  service: text().describe("Pattern of the service's name; empty: any"),
});

/** Dubbo's services become what they become of a ZooKeeper, by the same keys with the same defaults. */
const DubboInNacos = section({
  enabled: flag(true).describe("Convert them as those of a ZooKeeper; else they are services like any other"),
  ...ZookeeperSource.pick({
    svcProtocol: true,
    genericProtocol: true,
    svcPort: true,
    instancePortAsSvcPort: true,
    resourceNs: true,
    ignoreLabel: true,
    trimDubboRemoveDepInterval: true,
    dubboWorkloadAppLabel: true,
    selfConsume: true,
    singleAppService: true,
    methodLbServiceSelectors: true,
    hostSuffix: true,
    metadataServiceTimeout: true,
  }).shape,
  enableDubboSidecar: flag().describe(
    "Generate Sidecars from consumers, which Dubbo registers in Nacos only with `register-consumer-url`; each replica then reads all services",
  ),
});

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
  mode: text("auto").describe(
    "`watching`: by push over gRPC (Nacos 2 and 3); `polling`: over HTTP (default in a slime file, where nothing else exists); `auto`: by push where the servers can, else by polling",
  ),
  driver: z.enum(["pure", "package"]).default("pure").describe(
    "`pure`: our own client; `package`: polling, with Nacos' package for Node beside it, by which Nacos 1 and 2 tell of changes over UDP (Node only, installed separately)",
  ),
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
  includeServices: z.array(ServicePattern).default([]).describe(
    "Services to read; empty: all of the namespaces and groups that are read",
  ),
  excludeServices: z.array(ServicePattern).default([]).describe(
    "Services not to read, whatever `includeServices` says",
  ),
  hostnameMetaKey: text("istio.hostname").describe(
    "Metadata key whose value stands in hosts in place of the service's name (`istio` profile); empty: none",
  ),
  portMetaKeys: z.array(section({
    key: text().describe("Metadata key with the number of the port"),
    protocol: text("grpc").describe("The port's protocol, a word as in `svcProtocol`"),
  })).default([{ key: "gRPC_port", protocol: "grpc" }]).describe(
    "Further ports of instances (`istio` profile)",
  ),
  generation: wholeNumber().min(0).max(3).default(0).describe(
    "Generation of the servers (1, 2 or 3), where it can't be found out; 0: found out",
  ),
  requestTimeout: duration("5s").describe("Longest wait for an answer"),
  tls: section({
    caFile: text().describe("Path of the CA certificates; empty: those of the system"),
    certFile: text().describe("Path of the client certificate"),
    keyFile: text().describe("Path of the client certificate's key"),
  }).optional().describe(
    "TLS to Nacos, for gRPC too; absent: none, but for HTTP at addresses with `https://`",
  ),
  dubbo: DubboInNacos.prefault({}).describe("Dubbo's services in Nacos (`istio` profile)"),
});
/** See {@link NacosSource}. Durations are milliseconds. */
export type NacosSource = z.output<typeof NacosSource>;
