import type { InvalidRecord } from "../../../shared/collector/invalid-records.ts";
import { wholeWeights } from "../../../shared/conversion/endpoint-weights.ts";
import { projectCodesOf } from "../../../shared/conversion/instance-groups.ts";
import { convertInstanceService } from "../../../shared/conversion/instance-service.ts";
import type { ServiceInstance } from "../../../shared/conversion/instance-service.ts";
import { isFqdn, linkLocalFault, withoutZone } from "../../../shared/istio/mod.ts";
import type { FactLookup } from "../../../shared/facts/fact-join.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { NacosRules } from "./nacos-rules.ts";
import { instancePath } from "./service-members.ts";
import type { ServiceMember } from "./service-members.ts";
import { usableInstances } from "./usable-instances.ts";
import type { UsableInstance } from "./usable-instances.ts";

/**
 * Converts one service, from all instances of all clusters, namespaces and groups that are a part of it. Instances that
 * are not in service, or that no proxy could reach, are left out; with none left there is nothing to publish. `key` is
 * the name that they have in common (`serviceKeyOf`). `report` is called for each instance in service that is left out,
 * with the reason. `facts` looks up the pod at an address (`labelPatch`). The answer depends on the members and facts
 * alone, not on their order.
 */
export function convertService(
  key: string,
  members: Iterable<ServiceMember>,
  rules: NacosRules,
  report: (record: InvalidRecord) => void,
  facts?: FactLookup,
): ServiceEntryManifest[] {
  if (key === "") {
    for (const member of members) {
      report({
        path: instancePath(member),
        reason: "has no service: serviceNaming makes an empty name of it",
      });
    }
    return [];
  }
  if (rules.profile === "slime") return convertAsSlime(key, [...members], rules, report, facts);
  const usable = usableInstances(members, rules, report);
  const weights = wholeWeights(usable.map(({ member: { instance } }) => weightOf(instance.weight)));
  const instances = usable.map((each, index) => toInstance(each, weights?.[index], rules, report));
  const registryNames = usable.map(({ member }) => member.serviceName);
  return convertInstanceService(key, instances, rules.service, { registryNames, facts });
}

/** A weight that is no number is Nacos' default. */
function weightOf(weight: number): number {
  return Number.isNaN(weight) ? 1 : weight;
}

/** What Nacos' clients tell the server, or the server the clients: nothing of the instance. */
const preserved = "preserved.";

const defaultCluster = "DEFAULT";

function toInstance(
  { member, address, listens }: UsableInstance,
  weight: number | undefined,
  { hostnameMetaKey }: NacosRules,
  report: (record: InvalidRecord) => void,
): ServiceInstance {
  const { instance: { port, cluster }, metadata } = member;
  const hostname = hostnameMetaKey === "" ? undefined : metadata[hostnameMetaKey];
  if (hostname !== undefined && hostname !== "" && !isFqdn(hostname)) {
    const reason = `has a ${hostnameMetaKey} that is no host name; it is ignored`;
    report({ path: instancePath(member), reason });
  }
  return {
    id: instancePath(member),
    address,
    port,
    metadata: labelMetadata(metadata, cluster, hostnameMetaKey),
    listens,
    weight,
    zone: metadata["zone"] || (cluster === defaultCluster ? "" : cluster),
    hostname: hostname !== undefined && isFqdn(hostname) ? hostname.toLowerCase() : undefined,
  };
}

/** The cluster is a label, as Nacos' own module for Istio has it: there may be no region with which it is a locality. */
function labelMetadata(
  metadata: Readonly<Record<string, string>>,
  cluster: string,
  hostnameMetaKey: string,
): Readonly<Record<string, string>> {
  const labels: Record<string, string> = Object.create(null);
  if (cluster !== defaultCluster && cluster !== "") labels["cluster"] = cluster;
  for (const key in metadata) {
    if (!key.startsWith(preserved) && key !== hostnameMetaKey) labels[key] = metadata[key] ?? "";
  }
  return labels;
}

/**
 * Every healthy instance, as often as it is registered; but for zones of addresses and impossible ports, which Envoy
 * rejects with all that it is sent. All instances are asked for their project codes, healthy or not.
 */
function convertAsSlime(
  key: string,
  members: readonly ServiceMember[],
  rules: NacosRules,
  report: (record: InvalidRecord) => void,
  facts: FactLookup | undefined,
): ServiceEntryManifest[] {
  const sorted = members.toSorted((a, b) =>
    compareTexts(a.instance.instanceId ?? "", b.instance.instanceId ?? "") ||
    compareTexts(instancePath(a), instancePath(b))
  );
  const usable: ServiceInstance[] = [];
  for (const member of sorted) {
    const { instance: { instanceId = "", ip, port, healthy }, metadata, filter } = member;
    if (!healthy || !filter(metadata, undefined)) continue;
    const fault = slimeFault(ip, port);
    if (fault !== undefined) report({ path: instancePath(member), reason: fault });
    else usable.push({ id: instanceId, address: withoutZone(ip), port, metadata });
  }
  return convertInstanceService(key, usable, rules.service, {
    projectCodes: projectCodesOf(sorted),
    facts,
  });
}

function slimeFault(address: string, port: number): string | undefined {
  if (!(port >= 0 && port <= 65_535)) return `has no usable port (${port})`;
  return address.includes("%") ? linkLocalFault(address) : undefined;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
