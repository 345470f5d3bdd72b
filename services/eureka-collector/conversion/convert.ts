import type { ConversionEnvironment, EurekaSource, Profile } from "../../../shared/config/mod.ts";
import type { InstanceServiceRules, ServiceInstance } from "../../../shared/conversion/instance-service.ts";
import {
  convertInstanceService,
  normalizedServiceName,
} from "../../../shared/conversion/instance-service.ts";
import type { FactLookup } from "../../../shared/facts/fact-join.ts";
import { portProtocol } from "../../../shared/conversion/port-protocol.ts";
import { servicePlacement } from "../../../shared/conversion/service-placement.ts";
import { linkLocalFault, parseProtocol, protocolTraits, withoutZone } from "../../../shared/istio/mod.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { InvalidRecord } from "../client/decode.ts";
import type { ClusterApplication } from "./cluster-application.ts";
import { recordPath, usableInstances } from "./usable-instances.ts";

/** The rules of a Eureka source, from its configuration. */
export function eurekaRules(
  source: EurekaSource,
  profile: Profile,
  environment: ConversionEnvironment,
): InstanceServiceRules {
  const place = servicePlacement(source);
  return { ...source, registry: "eureka", profile, environment, nameSuffix: source.appSuffix, place };
}

/** Applications whose names differ only in case, `_` and `-` become one service: this is what they have in common. */
export function serviceKey(applicationName: string): string {
  return normalizedServiceName(applicationName);
}

/**
 * Converts one service, from all applications of all clusters that have its {@link serviceKey}. Instances that are not
 * UP, or that no proxy could reach, are left out; with none left there is nothing to publish. `report` is called for
 * each UP instance that is left out, with the reason; `facts` looks up the pod at an address (`labelPatch`).
 */
export function convertService(
  key: string,
  applications: Iterable<ClusterApplication>,
  rules: InstanceServiceRules,
  report: (record: InvalidRecord) => void,
  facts?: FactLookup,
): ServiceEntryManifest[] {
  const all = [...applications];
  if (rules.profile === "slime") return convertAsSlime(key, all, rules, report, facts);
  const { instances, isSecure } = usableInstances(all, rules.allowLoopback, report);
  const members = instances.map(({ instance: { id, metadata, zone }, registryId, address, port }) => ({
    id,
    address,
    port,
    zone,
    metadata: withRegistryId(withoutJavaType(metadata), registryId, rules),
  }));
  const registryNames = all.map(({ name }) => name);
  return convertInstanceService(key, members, isSecure ? secured(rules) : rules, {
    registryNames,
    facts,
  });
}

/**
 * Every UP instance on its plain port, switched on or not, as often as it is registered; but for zones of addresses,
 * which Envoy rejects with all that it is sent. Instances that aren't UP are asked for their project codes, too.
 */
function convertAsSlime(
  key: string,
  applications: readonly ClusterApplication[],
  rules: InstanceServiceRules,
  report: (record: InvalidRecord) => void,
  facts: FactLookup | undefined,
): ServiceEntryManifest[] {
  const usable: ServiceInstance[] = [];
  const projectCodes = new Set<string>();
  for (const { name, registryId, instances } of applications) {
    for (const { id, status, address, port, metadata, defect } of instances) {
      const projectCode = metadata["projectCode"];
      if (projectCode !== undefined) projectCodes.add(projectCode);
      if (status !== "UP") continue;
      const fault = defect ?? (address.includes("%") ? linkLocalFault(address) : undefined);
      if (fault !== undefined) report({ path: recordPath(registryId, name, id), reason: fault });
      else {
        const own = withRegistryId(metadata, registryId, rules);
        usable.push({ id, address: withoutZone(address), port, metadata: own });
      }
    }
  }
  return convertInstanceService(key, usable, rules, { projectCodes, facts });
}

/** Metadata of Java's registrants may name the type of their map, which says nothing of the instance. */
function withoutJavaType(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (metadata["class"]?.startsWith("java.") !== true) return metadata;
  const { class: _type, ...others } = metadata;
  return others;
}

function withRegistryId(
  metadata: Readonly<Record<string, string>>,
  registryId: string,
  { environment: { registryIdMetaKey } }: InstanceServiceRules,
): Readonly<Record<string, string>> {
  return registryId === "" ? metadata : { ...metadata, [registryIdMetaKey]: registryId };
}

const httpPort = 80;
const httpsPort = 443;

/** HTTPS in place of HTTP, for callers who know the service's name only: on the port that belongs to it. */
function secured(rules: InstanceServiceRules): InstanceServiceRules {
  const { protocol } = portProtocol(rules.svcProtocol, rules.genericProtocol, rules.profile);
  const known = parseProtocol(protocol);
  if (known === undefined || !protocolTraits(known).http) return rules;
  return { ...rules, svcProtocol: "https", svcPort: rules.svcPort === httpPort ? httpsPort : rules.svcPort };
}
