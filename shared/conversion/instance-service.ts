import type { ConversionEnvironment } from "../config/mod.ts";
import { isIpAddress, safeHost } from "../istio/mod.ts";
import type { ServiceEntryManifest, WorkloadEntry } from "../model/manifest.ts";
import { networkingApiVersion } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";
import { endpointLabels } from "./endpoint-labels.ts";
import { localityLabel, localityOf } from "./locality.ts";
import { portProtocol } from "./port-protocol.ts";
import { serviceLabels } from "./service-labels.ts";
import { servicePorts } from "./service-ports.ts";

/** One live instance of a service, as Eureka and Nacos know it. */
export interface ServiceInstance {
  /** Unique within the service of one registry. */
  readonly id: string;
  /** An IP address, or a host name. */
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Its share of the calls beside the others'; absent: as much as any. */
  readonly weight?: number | undefined;
}

interface LabelledInstance {
  readonly address: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number | undefined;
}

/** How services of instances become ServiceEntries: the options that Eureka's and Nacos' sources share. */
export interface InstanceServiceRules {
  readonly registry: "eureka" | "nacos" | "zookeeper";
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly svcProtocol: string;
  readonly genericProtocol: boolean;
  readonly svcPort: number;
  readonly instancePortAsSvcPort: boolean;
  readonly defaultServiceNs: string;
  readonly resourceNs: string;
  readonly k8sDomainSuffix: boolean;
  readonly nsHost: boolean;
  readonly enableProjectCode: boolean;
  /** Appended to the service name after a dot (`AppSuffix`, `DomSuffix`); empty for none. */
  readonly nameSuffix: string;
}

/** The form of a service's name that groups: services that differ only here are one (slime: last write wins). */
export function normalizedServiceName(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/**
 * Converts a service to ServiceEntries: one per project code (if enabled) and namespace among its instances.
 * `instances` are those to be published, in any order. Rules: slime's (name, ports, labels, namespace); no I/O.
 */
export function convertInstanceService(
  name: string,
  instances: readonly ServiceInstance[],
  rules: InstanceServiceRules,
): ServiceEntryManifest[] {
  // Slime's order, by address and then by id: the first endpoint decides about labels of the service.
  const sorted = instances.toSorted((a, b) => compareTexts(a.address, b.address) || compareTexts(a.id, b.id));
  const base = normalizedServiceName(name) + (rules.nameSuffix === "" ? "" : `.${rules.nameSuffix}`);
  const manifests: ServiceEntryManifest[] = [];
  for (const [coded, members] of byProjectCode(base, sorted, rules)) {
    for (const [namespace, group] of byNamespace(members, rules)) {
      manifests.push(toManifest(coded, namespace, group, rules));
    }
  }
  return manifests;
}

/** A coded name per project code; an empty code means no code and takes all instances, as in slime. */
function byProjectCode(
  base: string,
  instances: readonly ServiceInstance[],
  rules: InstanceServiceRules,
): Map<string, readonly ServiceInstance[]> {
  if (!rules.enableProjectCode) return new Map([[base, instances]]);
  const groups = new Map<string, readonly ServiceInstance[]>();
  for (const { metadata } of instances) {
    const code = metadata["projectCode"];
    if (code === undefined) continue;
    const group = code === "" ? base : `${base}.${code}`;
    if (groups.has(group)) continue;
    const members = code === ""
      ? instances
      : instances.filter((other) => other.metadata["projectCode"] === code);
    groups.set(group, members);
  }
  return groups;
}

/** The namespace is looked for among the labels: an impossible one was dropped there and counts as none. */
function byNamespace(
  instances: readonly ServiceInstance[],
  rules: InstanceServiceRules,
): Map<string, LabelledInstance[]> {
  const groups = new Map<string, LabelledInstance[]>();
  const labelRules = { ...rules.environment, profile: rules.profile };
  for (const { address, port, metadata, weight } of instances) {
    const labels = endpointLabels(metadata, labelRules);
    const namespace = rules.nsHost ? labels["k8sNs"] ?? rules.defaultServiceNs : "";
    const group = groups.get(namespace);
    if (group === undefined) groups.set(namespace, [{ address, port, labels, weight }]);
    else group.push({ address, port, labels, weight });
  }
  return groups;
}

function toManifest(
  name: string,
  namespace: string,
  instances: readonly LabelledInstance[],
  rules: InstanceServiceRules,
): ServiceEntryManifest {
  const entryName = namespace === "" ? name : `${name}.${namespace}`;
  const host = rules.k8sDomainSuffix && namespace !== "" ? `${entryName}.svc.cluster.local` : entryName;
  const protocol = portProtocol(rules.svcProtocol, rules.genericProtocol, rules.profile);
  const { ports, endpointPorts } = servicePorts(instances.map((instance) => instance.port), rules, protocol);
  const endpoints = instances.map((instance) => toEndpoint(instance, endpointPorts(instance.port), rules));
  const hosts = [rules.profile === "istio" ? safeHost(host) : host];
  const revision = rules.environment.istioRevision;
  return {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name: rules.profile === "istio" ? safeHost(entryName) : entryName,
      namespace: rules.profile === "istio"
        ? safeHost(resourceNamespace(entryName, rules))
        : resourceNamespace(entryName, rules),
      labels: {
        registry: rules.registry,
        ...(revision === "" ? {} : { "istio.io/rev": revision }),
        ...serviceLabels(rules.environment.seLabelSelectorKeys, endpoints, hosts, rules.profile),
      },
    },
    spec: {
      hosts,
      ports,
      resolution: instances.every((instance) => isIpAddress(instance.address)) ? "STATIC" : "DNS",
      endpoints,
    },
  };
}

/** With namespaces in hosts, a resource lives where its name says; slime takes the last part of any dotted name. */
function resourceNamespace(entryName: string, rules: InstanceServiceRules): string {
  const lastDot = entryName.lastIndexOf(".");
  return rules.nsHost && lastDot !== -1 ? entryName.slice(lastDot + 1) : rules.resourceNs;
}

function toEndpoint(
  { address, labels, weight }: LabelledInstance,
  ports: Record<string, number>,
  { environment, profile }: InstanceServiceRules,
): WorkloadEntry {
  const locality = localityOf(labels, environment.localityLabels, profile);
  const all = locality === undefined ? labels : { ...labels, [localityLabel]: locality.label };
  return {
    address,
    ports,
    ...(Object.keys(all).length > 0 ? { labels: all } : {}),
    ...(locality === undefined ? {} : { locality: locality.locality }),
    ...(weight === undefined ? {} : { weight }),
  };
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
