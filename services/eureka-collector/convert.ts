import type { ConversionEnvironment, EurekaSource, Profile } from "../../shared/config/mod.ts";
import type { InstanceServiceRules, ServiceInstance } from "../../shared/conversion/instance-service.ts";
import { convertInstanceService, normalizedServiceName } from "../../shared/conversion/instance-service.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import type { EurekaInstance } from "./decode.ts";

/** An application of one cluster; several clusters may have the same. */
export interface ClusterApplication {
  /** Written on the endpoints under REGISTRY_ID_META_KEY; empty for none. */
  readonly registryId: string;
  readonly instances: Iterable<EurekaInstance>;
}

/** The rules of a Eureka source, from its configuration. */
export function eurekaRules(
  source: EurekaSource,
  profile: Profile,
  environment: ConversionEnvironment,
): InstanceServiceRules {
  return { ...source, registry: "eureka", profile, environment, nameSuffix: source.appSuffix };
}

/** Applications whose names differ only in case, `_` and `-` become one service: this is what they have in common. */
export function serviceKey(applicationName: string): string {
  return normalizedServiceName(applicationName);
}

/**
 * Converts one service, from all applications of all clusters that have its {@link serviceKey}. Instances that are not
 * UP, or have no usable address or port, are left out; with none left there is nothing to publish.
 */
export function convertService(
  key: string,
  applications: Iterable<ClusterApplication>,
  rules: InstanceServiceRules,
): ServiceEntryManifest[] {
  const instances: ServiceInstance[] = [];
  for (const { registryId, instances: members } of applications) {
    for (const { id, status, address, port, metadata, defect } of members) {
      if (status !== "UP" || defect !== undefined) continue;
      const known = registryId === ""
        ? metadata
        : { ...metadata, [rules.environment.registryIdMetaKey]: registryId };
      instances.push({ id, address, port, metadata: known });
    }
  }
  return convertInstanceService(key, instances, rules);
}
