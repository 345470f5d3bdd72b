/**
 * Configuration: one schema in slime's vocabulary, read from our own file or from slime's.
 * `docs/configuration.md` is the page for users.
 */
export { formatGoDuration, parseGoDuration } from "./schema/duration.ts";
export type { Duration } from "./schema/duration.ts";
export { ConfigSchema } from "./schema/schema.ts";
export type { Profile } from "../model/profile.ts";
export type { Config, ConfigInput } from "./schema/schema.ts";
export type { NacosSource } from "./schema/nacos-schema.ts";
export type { EurekaSource, K8sSource, ZookeeperSource } from "./schema/registry-schemas.ts";
export type {
  EndpointSelector,
  InstanceMetaRelabel,
  ServiceNaming,
  ServicePlacement,
  ServiceSelector,
} from "./schema/source-schema.ts";
export { readConversionEnvironment } from "./conversion-environment.ts";
export type {
  ConversionEnvironment,
  Environment,
  LabelCopy,
  LabelSelectorKey,
} from "./conversion-environment.ts";
export { isHost, natsServerFault } from "./checks/addresses.ts";
export { maxShards } from "./checks/serving-checks.ts";
export { inspectConfig, loadConfig } from "./load-config.ts";
export type { ConfigReport, LoadedConfig, LoadOptions } from "./load-config.ts";
export { readConfigFile, readConfigText, readSettingsFile } from "./read-config-file.ts";
export { formatIssue } from "./config-issue.ts";
export type { ConfigIssue, Place } from "./config-issue.ts";
export type { FileShape } from "./file-shape.ts";
export { maskSecrets } from "./secrets.ts";
export { toSlimeArgs } from "./slime/slime-args.ts";
export type { SlimeArgs } from "./slime/slime-args.ts";
export {
  eurekaServersOf,
  nacosServersOf,
  namespaceGroupsOf,
  readsClusters,
  readsFiles,
  sourcesOf,
  wantsPodFacts,
} from "./sources.ts";
export { enabledSources } from "./named-sources.ts";
export type { ConfiguredSource, EurekaServer, NacosServer } from "./sources.ts";
