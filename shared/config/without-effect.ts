import type { FileShape } from "./file-shape.ts";

/** Slime's keys that change nothing here, with the reason; dotted paths of ours. A file that sets one gets a warning. */
export interface KeyWithoutEffect {
  readonly path: string;
  readonly reason: string;
  /** The value with which nothing is missed, so that nothing needs saying: what is off and stays off. */
  readonly quietAt?: boolean;
}

const neverRead = "slime never read it either";
const noTracing = "slime's gRPC tracing has no counterpart; the level of all logs is set by LOG_LEVEL";

const noPods = "labels of pods are not read yet";

const topLevel: readonly KeyWithoutEffect[] = [
  { path: "meshConfigFile", reason: neverRead },
  { path: "enableGrpcTracing", reason: noTracing },
  { path: "watchedNamespaces", reason: neverRead },
  { path: "resyncPeriod", reason: "watches are kept whole without resyncs" },
  { path: "enableServiceDiscovery", reason: neverRead },
  { path: "business", reason: "slime never read it either; set the environment variable LOCALITY_LABELS" },
  { path: "k8s.apiServerUrl", reason: "slime never read it either; set apiServerUrlForDeploy" },
  {
    path: "revision",
    reason: "slime never read it either; set the environment variable MESH_REG_ISTIO_REVISION",
  },
  { path: "revCrds", reason: neverRead },
  {
    path: "registryStartDelay",
    reason: "registries are read at once, and nothing is served before that is done",
  },
  { path: "eurekaSource.labelPatch", reason: noPods, quietAt: false },
  { path: "zookeeperSource.labelPatch", reason: noPods, quietAt: false },
  { path: "k8sSource.watchedNamespaces", reason: neverRead },
  { path: "zookeeperSource.applicationRegisterRootNode", reason: neverRead },
  { path: "nacosSource.nameWithNs", reason: neverRead },
];

const selectorKeys = [
  "endpointSelectors",
  "servicedEndpointSelectors",
  "emptyEpSelectorsExcludeAll",
  "alwaysUseSourceScopedEpSelectors",
];
const serviceKeys = ["serviceNaming", "serviceHostAliases", "serviceAdditionalMetas"];
const mockKeys = [
  "mockServiceName",
  "mockServiceEntryName",
  "mockServiceMergeInstancePort",
  "mockServiceMergeServicePort",
];
const conversionKeys = [
  "waitTime",
  "refreshPeriod",
  "gatewayModel",
  "labelPatch",
  "genericProtocol",
  "svcProtocol",
  "svcPort",
  "instancePortAsSvcPort",
  "defaultServiceNs",
  "resourceNs",
  "instanceMetaRelabel",
  "enableEmptyProtection",
];

/** Keys that all sources have and one of them ignores, in slime and here. */
const perSource: readonly KeyWithoutEffect[] = [
  ...ignored("eurekaSource", [...selectorKeys, ...serviceKeys]),
  ...ignored("zookeeperSource", ["defaultServiceNs", ...serviceKeys]),
  ...ignored("k8sSource", [...conversionKeys, ...selectorKeys, ...serviceKeys, ...mockKeys]),
  ...["eurekaSource", "nacosSource"].map((source) => ({
    path: `${source}.enableEmptyProtection`,
    reason: "a service that lost its last endpoint is always kept as an entry without endpoints",
  })),
];

function ignored(source: string, keys: readonly string[]): KeyWithoutEffect[] {
  return keys.map((key) => ({
    path: `${source}.${key}`,
    reason: `${source} doesn't use it, neither does slime's`,
  }));
}

/** Every key without effect. */
export const keysWithoutEffect: readonly KeyWithoutEffect[] = [...topLevel, ...perSource];

/** What is said about such a key. */
export function withoutEffectMessage({ reason }: KeyWithoutEffect, shape: FileShape): string {
  return shape === "own"
    ? `this key has no effect: ${reason}; remove it`
    : `this key has no effect here: ${reason}`;
}
