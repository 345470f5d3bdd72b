/**
 * Configuration: one schema in slime's vocabulary, read from our own file or from slime's.
 * `docs/configuration.md` is the page for users.
 */
export { formatGoDuration, parseGoDuration } from "./duration.ts";
export type { Duration } from "./duration.ts";
export { ConfigSchema } from "./schema.ts";
export type { Profile } from "../model/profile.ts";
export type { Config, ConfigInput } from "./schema.ts";
export type { EurekaSource, K8sSource, NacosSource, ZookeeperSource } from "./registry-schemas.ts";
export type {
  EndpointSelector,
  InstanceMetaRelabel,
  ServiceNaming,
  ServiceSelector,
} from "./source-schema.ts";
export { readConversionEnvironment } from "./conversion-environment.ts";
export type {
  ConversionEnvironment,
  Environment,
  LabelCopy,
  LabelSelectorKey,
} from "./conversion-environment.ts";
export { inspectConfig, loadConfig } from "./load-config.ts";
export type { ConfigReport, LoadedConfig, LoadOptions } from "./load-config.ts";
export { readConfigFile, readConfigText } from "./read-config-file.ts";
export { formatIssue } from "./config-issue.ts";
export type { ConfigIssue, Place } from "./config-issue.ts";
export type { FileShape } from "./file-shape.ts";
export { maskSecrets } from "./secrets.ts";
export { toSlimeArgs } from "./slime-args.ts";
export type { SlimeArgs } from "./slime-args.ts";
export { eurekaServersOf, nacosServersOf, namespaceGroupsOf, sourcesOf } from "./sources.ts";
export type { ConfiguredSource, EurekaServer, NacosServer } from "./sources.ts";
