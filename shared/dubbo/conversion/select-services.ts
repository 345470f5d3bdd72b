import type { FactLookup } from "../../facts/fact-join.ts";
import { consumersByService } from "./consumers.ts";
import { dubboHost } from "./dubbo-host.ts";
import type { DubboService } from "./dubbo-host.ts";
import { isSwitchedOff, weightOf } from "./provider-weight.ts";
import { readProviders } from "./providers.ts";
import type { InterfaceRecord, InvalidRecord } from "./registry-records.ts";
import { serviceKey } from "./service-key.ts";
import { MemberReader } from "./service-member.ts";
import type { ServiceMember } from "./service-member.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/** A service of an interface and its members, before it becomes a ServiceEntry: all that other services depend on. */
export interface SelectedService {
  /** The interface: name of its node, see {@link InterfaceRecord}. */
  readonly interface: string;
  /** `interface:group:version`, see {@link serviceKey}. */
  readonly key: string;
  readonly service: DubboService;
  readonly host: string;
  /** The providers that become endpoints, in their order; one at least. */
  readonly members: readonly ServiceMember[];
  /** Names of applications, each once, sorted. */
  readonly providerApplications: readonly string[];
  /** Names of applications, each once, sorted. */
  readonly consumerApplications: readonly string[];
}

/** So many hosts of an interface are kept: versions come and go for as long as the process runs. */
const mostHosts = 16;

/** The readers of an interface's members: what they have read once they don't read again. */
export class InterfaceReaders {
  readonly providers: MemberReader;
  readonly consumers: MemberReader;
  readonly #rules: DubboRules;
  readonly #hosts = new Map<string, string>();

  constructor(interfaceName: string, rules: DubboRules) {
    this.#rules = rules;
    this.providers = new MemberReader(interfaceName, rules, "providers");
    this.consumers = new MemberReader(interfaceName, rules, "consumers");
  }

  /** The host of one of the interface's services; to make one costs as much as to read a provider. */
  hostOf(key: string, service: DubboService): string {
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    const host = hostOf(key, service, this.#rules);
    if (this.#hosts.size === mostHosts) this.#hosts.clear();
    this.#hosts.set(key, host);
    return host;
  }

  /** See {@link MemberReader.lookUpWith}. */
  lookUpWith(facts: FactLookup | undefined): void {
    this.providers.lookUpWith(facts);
    this.consumers.lookUpWith(facts);
  }
}

/**
 * The services of an interface that have a provider, sorted by key; `report` is told of records that can't be used.
 * `facts` looks up the pod at an address (`labelPatch`); in the `slime` profile its labels may name another service.
 * About a tenth of the whole conversion if `readers` have read nearly all of the interface before.
 */
export function selectServices(
  record: InterfaceRecord,
  readers: InterfaceReaders,
  rules: DubboRules,
  report: (record: InvalidRecord) => void,
  facts?: FactLookup,
): SelectedService[] {
  readers.lookUpWith(facts);
  const isSlime = rules.profile === "slime";
  const interfaceName = record.name;
  const groups = groupByService(readProviders(record, readers.providers, rules, report), rules);
  const accepted = new Map<string, ServiceMember[]>();
  for (const [key, members] of groups) {
    // slime looks for the interface alone, so that its own keys never match.
    const filter = isSlime ? rules.filterOf(interfaceName) : rules.filterOf(key, interfaceName);
    const selected = members.filter(({ labels, url }) => filter(labels, url.host));
    const usable = isSlime ? selected : inService(selected);
    if (usable.length > 0) accepted.set(key, usable.sort(inOrder));
  }
  if (accepted.size === 0) return [];
  const offered = new Map([...accepted].map(([key, [first]]) => [key, first?.service]));
  const consumers = consumersByService(record, readers.consumers, offered, rules, report);
  return [...accepted].sort(([a], [b]) => compareTexts(a, b)).map(([key, members]) => {
    const service = members[0]?.service ?? { interface: interfaceName, group: "", version: "" };
    return {
      interface: interfaceName,
      key,
      service,
      host: readers.hostOf(key, service),
      members,
      providerApplications: applicationsOf(members),
      consumerApplications: consumers.get(key) ?? [],
    };
  });
}

/** A suffix may cost the host its readable form, so it isn't always the name and the suffix. */
function hostOf(key: string, service: DubboService, { profile, hostSuffix }: DubboRules): string {
  if (profile === "slime") return key + hostSuffix;
  return hostSuffix === "" ? dubboHost(service) : dubboHost(service, hostSuffix);
}

/** Members by the key of their service. */
export function groupByService(
  members: Iterable<ServiceMember>,
  { profile }: DubboRules,
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

/** The order of a service's endpoints: the first decides about labels of the service. */
export function inOrder(a: ServiceMember, b: ServiceMember): number {
  return compareTexts(a.url.host, b.url.host) || a.url.port - b.url.port ||
    compareTexts(a.url.protocol, b.url.protocol) || compareTexts(a.name, b.name);
}

function applicationsOf(members: readonly ServiceMember[]): string[] {
  const names = new Set(members.map(({ labels }) => labels["application"] ?? ""));
  names.delete("");
  return [...names].sort(compareTexts);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
