import type { Environment } from "../conversion-environment.ts";
import type { FileShape } from "../file-shape.ts";
import { hasAddress } from "../schema/defaults.ts";
import type { KeyPath } from "../config-issue.ts";
import type { Config } from "../schema/schema.ts";

/** Slime's keys that change nothing here, with the reason; dotted paths of ours. A file that sets one gets a warning. */
export interface KeyWithoutEffect {
  readonly path: string;
  readonly reason: string;
}

const neverRead = "slime never read it either";
const noTracing = "slime's gRPC tracing has no counterpart; the level of all logs is set by LOG_LEVEL";

const noPods =
  "no pods are read: outside of a cluster that needs k8s.kubeConfig or k8sSource.clusters (see k8s.podFacts)";

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
  ...ignored("k8sSource", [
    ...conversionKeys.filter((key) => key !== "waitTime" && key !== "enableEmptyProtection"),
    ...selectorKeys,
    ...serviceKeys,
    ...mockKeys,
  ]),
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

/** Environment variables of slime that change nothing here, with the reason. */
const variables: ReadonlyMap<string, string> = new Map([
  ["DYNAMIC_CONFIG_MAP", "the configuration is read once, at the start; restart after a change"],
  [
    "WATCHING_REGISTRYSOURCE",
    "resources of kind RegistrySource are not read; write selectors into the configuration",
  ],
  ["FORCE_UPDATE_JITTER_DURATION", "complete reads need no random wait"],
  ["XDS_SEND_TIMEOUT", "set xds.ackTimeout"],
  ["SENT_NONCE_RECORD_NUM", "the last nonce counts, as xDS has it"],
  ["STRICT_ISTIO_REV", "set revision in xds.listeners"],
  ["EXTRA_REV_MAP", "set revision in xds.listeners"],
]);

/** What to say of the environment: variables that are set and do nothing. */
export function variablesWithoutEffect(env: Environment): string[] {
  return [...variables].flatMap(([name, reason]) =>
    (env[name] ?? "") === "" ? [] : [`the environment variable ${name} has no effect here: ${reason}`]
  );
}

/** What a slime file leaves unsaid, and its user should know: with slime's defaults it does something else. */
export function unsaid(
  config: Config,
  file: { readonly has: (path: KeyPath) => boolean },
): { readonly path: KeyPath; readonly message: string }[] {
  const names = ["eurekaSource", "nacosSource", "zookeeperSource"] as const;
  return names.flatMap((name) => {
    const { enabled, labelPatch } = config[name];
    if (!enabled) {
      return hasAddress(config[name]) && !file.has([name, "enabled"])
        ? [{ path: [name], message: "this source isn't read, though it has addresses: set Enabled to true" }]
        : [];
    }
    if (!labelPatch || config.k8s.podFacts || file.has([name, "labelPatch"])) return [];
    const message = `LabelPatch is on by default and has no effect here: ${noPods}; or set it to false`;
    return [{ path: [name], message }];
  });
}

/** Label patches that are asked for while no pods are read. */
export function patchesWithoutPods(
  config: Config,
  file: { readonly has: (path: KeyPath) => boolean },
): { readonly path: KeyPath; readonly message: string }[] {
  if (config.k8s.podFacts) return [];
  const names = ["eurekaSource", "nacosSource", "zookeeperSource"] as const;
  return names.flatMap((name) => {
    const path = [name, "labelPatch"];
    return config[name].labelPatch && file.has(path)
      ? [{ path, message: `this key has no effect here: ${noPods}` }]
      : [];
  });
}
