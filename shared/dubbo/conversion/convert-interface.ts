import { methodsAnnotation } from "../dubbo-service.ts";
import { serviceLabels } from "../../conversion/service-labels.ts";
import type { FactLookup } from "../../facts/fact-join.ts";
import { isIpAddress } from "../../istio/mod.ts";
import type { ServiceEntryManifest, WorkloadEntry } from "../../model/manifest.ts";
import { networkingApiVersion } from "../../model/manifest.ts";
import { dubboHost, serviceAnnotations } from "./dubbo-host.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import type { DubboService } from "./dubbo-host.ts";
import { methodsKey, methodsLabel, methodsOf } from "./method-labels.ts";
import { providerPorts } from "./provider-ports.ts";
import { endpointWeights } from "./provider-weight.ts";
import { readProviders } from "./providers.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { groupByService, inOrder, InterfaceReaders, selectServices } from "./select-services.ts";
import type { SelectedService } from "./select-services.ts";
import type { ServiceMember } from "./service-member.ts";
import type { DubboRules } from "./dubbo-rules.ts";

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
 * depends on the records and facts alone, not on their order; `report` is told of those that can't be used. `facts` looks
 * up the pod at an address (`labelPatch`).
 *
 * About 0.1 ms for ten providers that are alike and three consumers (`npm run bench -- --only zk-conversion`).
 */
export function convertInterface(
  record: InterfaceRecord,
  rules: DubboRules,
  report: (record: InvalidRecord) => void,
  facts?: FactLookup,
): InterfaceConversion {
  const readers = new InterfaceReaders(record.name, rules);
  const services = selectServices(record, readers, rules, report, facts);
  return { services: services.map((service) => convertService(service, rules)) };
}

/**
 * All providers of an interface by service key, those among them that selectors leave out. To be asked only when
 * somebody wants to see them: kept for all interfaces they would be most of a collector's memory.
 */
export function registeredInstances(
  record: InterfaceRecord,
  rules: DubboRules,
  facts?: FactLookup,
): Map<string, RegisteredInstance[]> {
  const { providers } = new InterfaceReaders(record.name, rules);
  providers.lookUpWith(facts);
  const groups = groupByService(readProviders(record, providers, rules, () => {}), rules);
  return new Map([...groups].map(([key, members]) => [
    key,
    members.sort(inOrder).map(({ service, url: { host, port }, labels }) => (
      { interface: service.interface, address: host, port, metadata: labels }
    )),
  ]));
}

/** Converts a service whose members were selected. */
export function convertService(selected: SelectedService, rules: DubboRules): ConvertedService {
  const { key, service, host, members, providerApplications, consumerApplications } = selected;
  const isSlime = rules.profile === "slime";
  const { ports, endpoints: ported } = providerPorts(members, rules);
  const haveSameMethods = ported.every(({ provider }) =>
    (provider.labels[methodsKey] ?? "") === (ported[0]?.provider.labels[methodsKey] ?? "")
  );
  const weights = isSlime ? undefined : endpointWeights(ported.map(({ provider }) => provider.url));
  const labelsOf = haveSameMethods ? withoutMethods() : ({ labels: own }: ServiceMember) => own;
  const endpoints = ported.map(({ provider, ports: own }, index) =>
    toEndpoint(provider, own, labelsOf(provider), weights?.[index])
  );
  const hosts = [host];
  const labels: Record<string, string> = { registry: rules.registry, path: selected.interface };
  if (rules.singleAppService) {
    labels["application"] = endpoints.find((each) => each.labels?.["application"] !== undefined)?.labels
      ?.["application"] ?? "";
  }
  if (!haveSameMethods && rules.balancesByMethod(applicationLabel(labels))) {
    labels["istio.io/dubbomethodequal"] = "false";
  }
  const methods = methodsOfAll(members, rules);
  const { istioRevision, seLabelSelectorKeys } = rules.environment;
  if (istioRevision !== "") labels["istio.io/rev"] = istioRevision;
  Object.assign(labels, serviceLabels(seLabelSelectorKeys, endpoints, hosts, rules.profile));
  const manifest: ServiceEntryManifest = {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name: isSlime ? key : dubboHost(service),
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
    manifest: rules.place(manifest),
    providerApplications,
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

/** Methods of all providers, as a label value. */
function methodsOfAll(members: readonly ServiceMember[], { profile }: DubboRules): string {
  const values = new Set(members.flatMap(({ url }) => methodParameters(url)));
  return methodsLabel(new Set([...values].flatMap((value) => methodsOf(value, profile))));
}

function methodParameters(url: DubboUrl): string[] {
  if (url.pairs === undefined) return [url.parameters[methodsKey] ?? ""];
  return url.pairs.filter(([key]) => key === methodsKey).map(([, value]) => value);
}
