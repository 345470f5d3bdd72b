import type { ConversionEnvironment } from "../config/mod.ts";
import { isIpAddress, safeHost, tellsHostsApart } from "../istio/mod.ts";
import type { ServiceEntryManifest, WorkloadEntry } from "../model/manifest.ts";
import { networkingApiVersion } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";
import type { FactLookup } from "../facts/fact-join.ts";
import { endpointLabels } from "./endpoint-labels.ts";
import { byNamespace, byProjectCode, projectCodesOf } from "./instance-groups.ts";
import type { GroupRules } from "./instance-groups.ts";
import { instancePorts } from "./instance-ports.ts";
import type { InstancePortRules, ListeningInstance } from "./instance-ports.ts";
import { instanceLocality, localityLabel } from "./locality.ts";
import { withPodLabels } from "./pod-labels.ts";
import { registryNameAnnotation } from "./registry-name.ts";
import type { ServiceExtras } from "./service-extras.ts";
import { serviceLabels } from "./service-labels.ts";
import type { Place } from "./service-placement.ts";

/** One live instance of a service, as Eureka and Nacos know it. */
export interface ServiceInstance extends ListeningInstance {
  /** Unique within the service of one registry. */
  readonly id: string;
  /** An IP address, or a host name. */
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Its share of the calls beside the others'; absent: as much as any. */
  readonly weight?: number | undefined;
  /** The zone that the registry itself knows, beside metadata; absent or empty: none. */
  readonly zone?: string | undefined;
  /** Stands in hosts in place of the service's name; absent: that. */
  readonly hostname?: string | undefined;
}

/** An instance, and its metadata as labels. */
interface LabelledInstance extends ServiceInstance {
  readonly labels: Readonly<Record<string, string>>;
  /** Of the node that it runs on, as far as that is known. */
  readonly nodeLabels: Readonly<Record<string, string>>;
}

/** How services of instances become ServiceEntries: the options that Eureka's and Nacos' sources share. */
export interface InstanceServiceRules extends InstancePortRules, GroupRules {
  readonly registry: "eureka" | "nacos" | "zookeeper";
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly resourceNs: string;
  readonly k8sDomainSuffix: boolean;
  /** Appended to the service name after a dot (`AppSuffix`, `DomSuffix`); empty for none. */
  readonly nameSuffix: string;
  /** The region of instances that have a zone and tell no region; empty: see {@link instanceLocality}. */
  readonly region: string;
  /** Takes instances at loopback addresses, which are left out otherwise. */
  readonly allowLoopback: boolean;
  /** Writes `location` and `exportTo`. */
  readonly place: Place;
  /** Further hosts and metadata of single entries; absent: none. */
  readonly extras?: ServiceExtras | undefined;
}

/** Kubernetes takes names of up to 253 characters. */
const longestName = 253;

/** The form of a service's name that groups: services that differ only here are one (slime: last write wins). */
export function normalizedServiceName(name: string): string {
  return lowerCase(name).replaceAll("_", "-");
}

/** Character by character, as in Go: JavaScript's own has two for `İ`, and another final sigma. */
function lowerCase(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase();
  return Array.from(text, (character) => String.fromCodePoint(character.toLowerCase().codePointAt(0) ?? 0))
    .join("");
}

/** What a registry knows of a service beyond its instances. */
export interface ServiceDetails {
  /** How the registry calls it, in all spellings that its name stands for; absent: that name. */
  readonly registryNames?: readonly string[];
  /** Absent: those of the instances. slime also asks instances that it doesn't publish, in the registry's order. */
  readonly projectCodes?: Iterable<string>;
  /** Looks up the pod at an instance's address (`labelPatch`); absent: no pods are known. */
  readonly facts?: FactLookup | undefined;
}

/**
 * Converts a service to ServiceEntries: one per project code (if enabled) and namespace among its instances.
 * `instances` are those to be published, in any order. Rules: slime's (name, ports, labels, namespace); no I/O.
 */
export function convertInstanceService(
  name: string,
  instances: readonly ServiceInstance[],
  rules: InstanceServiceRules,
  { registryNames = [name], projectCodes = projectCodesOf(instances), facts }: ServiceDetails = {},
): ServiceEntryManifest[] {
  const cleansInstanceId = rules.profile === "istio" || rules.registry === "nacos";
  const labelRules = { ...rules.environment, profile: rules.profile, cleansInstanceId };
  // Slime's order, by address and then by id: the first endpoint decides about labels of the service.
  const sorted = instances.toSorted((a, b) => compareTexts(a.address, b.address) || compareTexts(a.id, b.id));
  const labelled = sorted.map((instance) => (
    { ...instance, ...withPodLabels(endpointLabels(instance.metadata, labelRules), instance.address, facts) }
  ));
  const base = normalizedServiceName(name) + (rules.nameSuffix === "" ? "" : `.${rules.nameSuffix}`);
  const manifests: ServiceEntryManifest[] = [];
  for (const [coded, members] of byProjectCode(base, labelled, projectCodes, rules)) {
    for (const [namespace, group] of byNamespace(members, rules)) {
      manifests.push(rules.place(toManifest(coded, namespace, group, rules, registryNames)));
    }
  }
  return manifests;
}

function toManifest(
  baseName: string,
  namespace: string,
  instances: readonly LabelledInstance[],
  rules: InstanceServiceRules,
  registryNames: readonly string[],
): ServiceEntryManifest {
  const isIstio = rules.profile === "istio";
  const entryName = namespace === "" ? baseName : `${baseName}.${namespace}`;
  const name = fullName(baseName, namespace, rules);
  const { ports, endpointPorts } = instancePorts(instances, rules);
  const wanted = hostsOf(baseName, namespace, name, instances, rules);
  const hosts = isIstio && !ports.every(({ protocol }) => tellsHostsApart(protocol ?? ""))
    ? oneOf(wanted, name + domainOf(namespace, rules))
    : wanted;
  const endpoints = instances.map((instance) => toEndpoint(instance, endpointPorts(instance), rules));
  const resourceNs = resourceNamespace(entryName, rules);
  const revision = rules.environment.istioRevision;
  const extra = rules.extras?.metadataOf(name);
  const annotations = {
    ...extra?.annotations,
    ...(isIstio ? registryNameAnnotation(registryNames, name) : undefined),
  };
  return {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace: isIstio ? safeHost(resourceNs) : resourceNs,
      labels: {
        registry: rules.registry,
        ...extra?.labels,
        ...(revision === "" ? {} : { "istio.io/rev": revision }),
        ...serviceLabels(rules.environment.seLabelSelectorKeys, endpoints, hosts, rules.profile),
      },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      hosts,
      ports,
      resolution: instances.every((instance) => isIpAddress(instance.address)) ? "STATIC" : "DNS",
      endpoints,
    },
  };
}

/**
 * The hosts of an entry, in order: that of its name, those that instances ask for, and aliases of these. The entry's own
 * stays as long as an instance doesn't ask for another one.
 */
function hostsOf(
  baseName: string,
  namespace: string,
  entryName: string,
  instances: readonly LabelledInstance[],
  rules: InstanceServiceRules,
): string[] {
  const domain = domainOf(namespace, rules);
  const asked = new Set(instances.map(({ hostname }) => hostname));
  const names = asked.size === 0
    ? [entryName]
    : Array.from(asked, (hostname) =>
      hostname === undefined || hostname === baseName ? entryName : fullName(hostname, namespace, rules));
  const hosts = names.map((name) => name + domain);
  const aliases = hosts.flatMap((host) => rules.extras?.aliasesOf(host) ?? []);
  return hosts.length + aliases.length === 1
    ? hosts
    : [...new Set([...hosts, ...aliases])].sort(compareTexts);
}

/** The only host of an entry whose ports can't tell hosts apart: its own, or the first if instances ask for others. */
function oneOf(hosts: readonly string[], own: string): string[] {
  return hosts.includes(own) ? [own] : hosts.slice(0, 1);
}

function domainOf(namespace: string, { k8sDomainSuffix }: InstanceServiceRules): string {
  return k8sDomainSuffix && namespace !== "" ? ".svc.cluster.local" : "";
}

/** A name with its namespace; in the `istio` profile one that Kubernetes takes with the domain behind it. */
function fullName(baseName: string, namespace: string, rules: InstanceServiceRules): string {
  const name = namespace === "" ? baseName : `${baseName}.${namespace}`;
  return rules.profile === "istio" ? safeHost(name, longestName - domainOf(namespace, rules).length) : name;
}

/** With namespaces in hosts, a resource lives where its name says; slime takes the last part of any dotted name. */
function resourceNamespace(entryName: string, rules: InstanceServiceRules): string {
  const lastDot = entryName.lastIndexOf(".");
  return rules.nsHost && lastDot !== -1 ? entryName.slice(lastDot + 1) : rules.resourceNs;
}

function toEndpoint(
  { address, labels, nodeLabels, weight, zone = "" }: LabelledInstance,
  ports: Record<string, number>,
  { environment, profile, region }: InstanceServiceRules,
): WorkloadEntry {
  const locality = instanceLocality(
    labels,
    { zone, region },
    environment.localityLabels,
    profile,
    nodeLabels,
  );
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
