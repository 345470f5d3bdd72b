import { methodsAnnotation } from "../../../shared/collector/dubbo-service.ts";
import { serviceLabels } from "../../../shared/conversion/service-labels.ts";
import { isIpAddress } from "../../../shared/istio/mod.ts";
import type { ServiceEntryManifest, WorkloadEntry } from "../../../shared/model/manifest.ts";
import { networkingApiVersion } from "../../../shared/model/manifest.ts";
import { consumersByService } from "./consumers.ts";
import { dubboHost, serviceAnnotations } from "./dubbo-host.ts";
import type { DubboService } from "./dubbo-host.ts";
import { methodsKey, methodsLabel, methodsOf } from "./method-labels.ts";
import { providerPorts } from "./provider-ports.ts";
import { endpointWeights, isSwitchedOff, weightOf } from "./provider-weight.ts";
import { readProviders } from "./providers.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { interfaceNodeName, serviceKey } from "./service-key.ts";
import type { ServiceMember } from "./service-member.ts";
import type { ZookeeperRules } from "./zookeeper-rules.ts";

/** What an interface becomes. */
export interface InterfaceConversion {
  /** One per group and version that has a provider, sorted by key. */
  readonly services: readonly ConvertedService[];
}

/** A service of an interface: what its group and version make of it. */
export interface ConvertedService {
  /** `interface:group:version`, see {@link serviceKey}. */
  readonly key: string;
  readonly service: DubboService;
  readonly manifest: ServiceEntryManifest;
  /** Names of applications, each once, sorted. */
  readonly providerApplications: readonly string[];
  /** Names of applications, each once, sorted. */
  readonly consumerApplications: readonly string[];
}

/** An instance as `/zk?registry_services=true` shows it. */
export interface RegisteredInstance {
  readonly interface: string;
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Converts an interface to ServiceEntries, by slime's rules in the `slime` profile, and in the `istio` profile with all
 * that Dubbo itself heeds: protocols, IPv6 and host names, weights, rules, instances that are switched off. The answer
 * depends on the records alone, not on their order; `report` is told of those that can't be used.
 *
 * About 0.1 ms for ten providers that are alike and three consumers (`npm run bench -- --only zk-conversion`).
 */
export function convertInterface(
  record: InterfaceRecord,
  rules: ZookeeperRules,
  report: (record: InvalidRecord) => void,
): InterfaceConversion {
  const isSlime = rules.profile === "slime";
  const groups = groupByService(readProviders(record, rules, report), rules);
  const interfaceName = isSlime ? interfaceNodeName(record.name) : record.name;
  const accepted = new Map<string, ServiceMember[]>();
  for (const [key, members] of groups) {
    // slime looks for the interface alone, so that its own keys never match.
    const filter = isSlime ? rules.filterOf(interfaceName) : rules.filterOf(key, interfaceName);
    const selected = members.filter(({ labels, url }) => filter(labels, url.host));
    const usable = isSlime ? selected : inService(selected);
    if (usable.length > 0) accepted.set(key, usable.sort(inOrder));
  }
  if (accepted.size === 0) return { services: [] };
  const consumers = consumersByService(
    record,
    new Map(
      [...accepted].map(([key, [first]]) => [key, first?.service]),
    ),
    rules,
    report,
  );
  const services = [...accepted].sort(([a], [b]) => compareTexts(a, b)).map(([key, members]) =>
    toService(key, interfaceName, members, consumers.get(key) ?? [], rules)
  );
  return { services };
}

/**
 * All providers of an interface by service key, those among them that selectors leave out. To be asked only when
 * somebody wants to see them: kept for all interfaces they would be most of a collector's memory.
 */
export function registeredInstances(
  record: InterfaceRecord,
  rules: ZookeeperRules,
): Map<string, RegisteredInstance[]> {
  const groups = groupByService(readProviders(record, rules, () => {}), rules);
  return new Map([...groups].map(([key, members]) => [
    key,
    members.sort(inOrder).map(({ service, url: { host, port }, labels }) => (
      { interface: service.interface, address: host, port, metadata: labels }
    )),
  ]));
}

function groupByService(
  members: Iterable<ServiceMember>,
  { profile }: ZookeeperRules,
): Map<string, ServiceMember[]> {
  const groups = new Map<string, ServiceMember[]>();
  for (const member of members) {
    const key = serviceKey(member.service, profile === "istio");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [member]);
    else group.push(member);
  }
  return groups;
}

/** Without those that are switched off, or weigh nothing where others weigh something. */
function inService(members: readonly ServiceMember[]): ServiceMember[] {
  const enabled = members.filter(({ url }) => !isSwitchedOff(url));
  const weighty = enabled.filter(({ url }) => weightOf(url) > 0);
  // As in Dubbo: if nobody weighs anything, all are the same.
  return weighty.length > 0 ? weighty : enabled;
}

/** The first endpoint decides about labels of the service. */
function inOrder(a: ServiceMember, b: ServiceMember): number {
  return compareTexts(a.url.host, b.url.host) || a.url.port - b.url.port ||
    compareTexts(a.url.protocol, b.url.protocol) || compareTexts(a.name, b.name);
}

function toService(
  key: string,
  interfaceName: string,
  members: readonly ServiceMember[],
  consumerApplications: readonly string[],
  rules: ZookeeperRules,
): ConvertedService {
  const isSlime = rules.profile === "slime";
  const service = members[0]?.service ?? { interface: interfaceName, group: "", version: "" };
  const { ports, endpoints: ported } = providerPorts(members, rules);
  const haveSameMethods = ported.every(({ provider }) =>
    provider.labels[methodsKey] === ported[0]?.provider.labels[methodsKey]
  );
  const weights = isSlime ? undefined : endpointWeights(ported.map(({ provider }) => provider.url));
  const labelsOf = haveSameMethods ? withoutMethods() : ({ labels: own }: ServiceMember) => own;
  const endpoints = ported.map(({ provider, ports: own }, index) =>
    toEndpoint(provider, own, labelsOf(provider), weights?.[index])
  );
  const name = isSlime ? key : dubboHost(service);
  // A suffix may cost the host its readable form, so it isn't always the name and the suffix.
  const hosts = [
    isSlime || rules.hostSuffix === "" ? name + rules.hostSuffix : dubboHost(service, rules.hostSuffix),
  ];
  const labels: Record<string, string> = { registry: "zookeeper", path: interfaceName };
  if (rules.singleAppService) {
    labels["application"] = endpoints.find((each) => each.labels?.["application"] !== undefined)?.labels
      ?.["application"] ?? "";
  }
  if (!haveSameMethods && rules.balancesByMethod(applicationLabel(labels))) {
    labels["istio.io/dubbomethodequal"] = "false";
  }
  const methods = methodsOfAll(members);
  const { istioRevision, seLabelSelectorKeys } = rules.environment;
  if (istioRevision !== "") labels["istio.io/rev"] = istioRevision;
  Object.assign(labels, serviceLabels(seLabelSelectorKeys, endpoints, hosts, rules.profile));
  const manifest: ServiceEntryManifest = {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace: rules.resourceNs,
      labels,
      annotations: {
        ...(isSlime ? {} : serviceAnnotations(service)),
        ...(methods === "" ? {} : { [methodsAnnotation]: methods }),
      },
    },
    spec: {
      hosts,
      ports,
      resolution: members.every(({ url }) => isIpAddress(url.host)) ? "STATIC" : "DNS",
      endpoints,
    },
  };
  return {
    key,
    service,
    manifest,
    providerApplications: applicationsOf(members),
    consumerApplications,
  };
}

/** Slime's selectors of services see this label only. */
function applicationLabel({ application }: Readonly<Record<string, string>>): Record<string, string> {
  return application === undefined ? {} : { application };
}

/** The labels of members without their methods: one object for all members that share theirs. */
function withoutMethods(): (member: ServiceMember) => Record<string, string> {
  const known = new Map<Record<string, string>, Record<string, string>>();
  return ({ labels }) => {
    let found = known.get(labels);
    if (found === undefined) {
      const { [methodsKey]: _methods, ...others } = labels;
      found = others;
      known.set(labels, found);
    }
    return found;
  };
}

function toEndpoint(
  { url, locality }: ServiceMember,
  ports: Record<string, number>,
  labels: Record<string, string>,
  weight: number | undefined,
): WorkloadEntry {
  const endpoint: WorkloadEntry = { address: url.host, ports };
  for (const _key in labels) {
    endpoint.labels = labels;
    break;
  }
  if (locality !== undefined) endpoint.locality = locality;
  if (weight !== undefined) endpoint.weight = weight;
  return endpoint;
}

function applicationsOf(members: readonly ServiceMember[]): string[] {
  const names = new Set(members.map(({ labels }) => labels["application"] ?? ""));
  names.delete("");
  return [...names].sort(compareTexts);
}

/** Methods of all providers, as a label value. */
function methodsOfAll(members: readonly ServiceMember[]): string {
  const parameters = new Set(members.map(({ url }) => url.parameters[methodsKey] ?? ""));
  return methodsLabel(new Set([...parameters].flatMap(methodsOf)));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
