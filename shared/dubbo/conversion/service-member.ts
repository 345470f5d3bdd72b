import { endpointLabels } from "../../conversion/endpoint-labels.ts";
import { localityLabel, localityOf, slimeLocality } from "../../conversion/locality.ts";
import type { FactLookup } from "../../facts/fact-join.ts";
import type { DubboService } from "./dubbo-host.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf, parametersInOrder } from "./dubbo-url.ts";
import { methodsKey, methodsLabel, methodsOf } from "./method-labels.ts";
import { NameTemplate } from "./name-template.ts";
import { providerDefect } from "./provider-defect.ts";
import { dubboReader } from "./parse-dubbo-url.ts";
import type { UrlReader } from "./parse-dubbo-url.ts";
import { slimeConsumerReader, slimeProviderReader } from "./parse-slime-url.ts";
import type { Relabel } from "../../conversion/instance-relabel.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/** A provider or a consumer, with its labels and the service that it belongs to. */
export interface ServiceMember {
  /** Its `pid` and `timestamp` may be those of another member that is otherwise alike. */
  readonly url: DubboUrl;
  /** Raw name of its node: what orders members that are otherwise alike. */
  readonly name: string;
  /** Members that are alike share it. */
  readonly service: DubboService;
  readonly labels: Record<string, string>;
  /** Labels as its parameters give them, over which those of its pod are laid. Members that are alike share it. */
  readonly ownLabels: Readonly<Record<string, string>>;
  readonly locality: string | undefined;
}

const consumerKeys: ReadonlySet<string> = new Set([
  "application",
  "interface",
  "group",
  "default.group",
  "version",
  "default.version",
]);

/** slime reads a consumer's tags, too: a list of them may set any of the others. */
const slimeConsumerKeys: ReadonlySet<string> = new Set([...consumerKeys, "dubbo.tag"]);

/** An interface's members are of a few kinds: one for each group, version and release, say. */
const knownKinds = 4;

const noMembers: ReadonlyMap<string, ServiceMember> = new Map();

/**
 * Makes {@link ServiceMember}s of one interface, and keeps them: of an interface that changed, mostly one name is new.
 * Members whose names are alike share their parameters and labels; so nobody may change these.
 */
export class MemberReader {
  readonly #interface: string;
  readonly #rules: DubboRules;
  readonly #isProvider: boolean;
  readonly #urls: UrlReader;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #relabel: Relabel | undefined;
  readonly #takesPods: boolean;
  /** Looks up the pod at an address, whose labels a member gets. */
  #facts: FactLookup | undefined;
  /** The newest are last. */
  readonly #known: { readonly template: NameTemplate; readonly member: ServiceMember }[] = [];
  /** The members of the last {@link readAll}, by raw name. */
  #members = noMembers;
  /** True if a kind may give way to another: not twice in one reading, where all of them may be needed. */
  #mayForget = false;
  /** Read, and not yet known: it takes a second name to make a template worth its while. */
  #last: ServiceMember | undefined;

  /** `interfaceName` is the interface as keys and hosts write it. Of consumers, little is of interest. */
  constructor(interfaceName: string, rules: DubboRules, of: "providers" | "consumers") {
    this.#interface = interfaceName;
    this.#rules = rules;
    const isSlime = rules.profile === "slime";
    const isConsumer = of === "consumers";
    this.#isProvider = !isConsumer;
    // In slime a consumer's pod may tell its application; elsewhere it is what the consumer has registered.
    this.#takesPods = isSlime || !isConsumer;
    this.#urls = !isSlime ? dubboReader : isConsumer ? slimeConsumerReader : slimeProviderReader;
    // In slime `InstanceMetaRelabel` is for providers only.
    this.#relabel = isSlime && isConsumer ? undefined : rules.relabel;
    // A relabelling may make any parameter one that counts.
    const takesAll = !isConsumer || this.#relabel !== undefined ||
      rules.environment.endpointRelabelItems.length > 0;
    this.#wanted = takesAll ? undefined : isSlime ? slimeConsumerKeys : consumerKeys;
  }

  /** From here on members get the labels of the pods that this finds; undefined: of none. */
  lookUpWith(facts: FactLookup | undefined): void {
    this.#facts = this.#takesPods ? facts : undefined;
  }

  /**
   * Reads the names of nodes; those of the last call aren't read again. Calls `unusable` with the reason for a name that
   * is no member.
   */
  readAll(names: Iterable<string>, unusable: (name: string, reason: string) => void): ServiceMember[] {
    this.#mayForget = true;
    const before = this.#members;
    const known = new Map<string, ServiceMember>();
    const members: ServiceMember[] = [];
    for (const name of names) {
      const member = before.get(name) ?? this.#read(name);
      if (typeof member === "string") {
        unusable(name, member);
        continue;
      }
      known.set(name, member);
      members.push(this.#inPod(member));
    }
    this.#members = known.size === 0 ? noMembers : known;
    return members;
  }

  #read(name: string): ServiceMember | string {
    const member = this.#readName(name);
    if (typeof member === "string" || !this.#isProvider) return member;
    return providerDefect(member.url, this.#rules) ?? member;
  }

  #readName(name: string): ServiceMember | string {
    this.#knowLast();
    for (const { template, member } of this.#known) {
      const address = template.addressIn(name);
      if (address !== undefined) return this.#alike(member, name, address);
    }
    const url = this.#urls.url(name, this.#wanted);
    if (typeof url === "string") return url;
    const member = this.#plain(url, name);
    this.#last = member;
    return member;
  }

  #knowLast(): void {
    const member = this.#last;
    if (member === undefined) return;
    this.#last = undefined;
    const template = NameTemplate.of(member.name, this.#rules.ignoredParameters);
    if (template === undefined) return;
    if (this.#known.length === knownKinds) {
      if (!this.#mayForget) return;
      // Each release brings new kinds.
      this.#known.shift();
      this.#mayForget = false;
    }
    this.#known.push({ template, member });
  }

  #alike(
    { url, ...shared }: ServiceMember,
    name: string,
    address: string,
  ): ServiceMember | string {
    const place = this.#urls.address(address, url.protocol);
    if (typeof place === "string") return place;
    const { host, port } = place;
    const { protocol, path, parameters, pairs } = url;
    const alike = { protocol, host, port, path, parameters };
    return { ...shared, url: pairs === undefined ? alike : { ...alike, pairs }, name };
  }

  /** Labels a URL, whose node has that raw name. */
  member(url: DubboUrl, name: string): ServiceMember {
    return this.#inPod(this.#plain(url, name));
  }

  /** Without what is known of its pod. */
  #plain(url: DubboUrl, name: string): ServiceMember {
    return this.#labelled(url, name, endpointLabels(this.#metadata(url), this.#rules.labelRules), {}, {});
  }

  /** With what is known of its pod, which may change while the member stays as it is. */
  #inPod(member: ServiceMember): ServiceMember {
    const { url, name, ownLabels } = member;
    const pod = this.#facts?.(url.host);
    return pod === undefined ? member : this.#labelled(url, name, ownLabels, pod.labels, pod.nodeLabels);
  }

  #labelled(
    url: DubboUrl,
    name: string,
    ownLabels: Readonly<Record<string, string>>,
    podLabels: Readonly<Record<string, string>>,
    nodeLabels: Readonly<Record<string, string>>,
  ): ServiceMember {
    const { profile, environment } = this.#rules;
    const labels = { ...ownLabels, ...podLabels };
    const found = localityOf(labels, environment.localityLabels, profile, nodeLabels);
    if (found !== undefined) labels[localityLabel] = found.label;
    this.#relabel?.(labels);
    const locality = profile === "slime" ? slimeLocality(labels[localityLabel] ?? "") : found?.locality;
    return { url, name, service: this.#service(url, labels), labels, ownLabels, locality };
  }

  /** Parameters as slime makes labels of them, before they are checked. */
  #metadata(url: DubboUrl): Record<string, string> {
    const metadata: Record<string, string> = Object.create(null);
    for (const [key, value] of parametersInOrder(url)) {
      if (this.#rules.ignoredParameters.has(key)) continue;
      if (key === "dubbo.tag") addTags(value, metadata);
      else if (key === methodsKey) metadata[key] = methodsLabel(methodsOf(value, this.#rules.profile));
      else metadata[key] = /[,:]/.test(value) ? value.replaceAll(/[,:]/g, "_") : value;
    }
    return metadata;
  }

  /** In slime labels decide, in which a value that is no label is missing, and `:` is `_`. */
  #service(url: DubboUrl, labels: Record<string, string>): DubboService {
    const { profile, identityIsRelabelled } = this.#rules;
    return profile === "slime" || identityIsRelabelled
      ? {
        interface: this.#interface,
        group: labels["group"] || labels["default.group"] || "",
        version: labels["version"] || labels["default.version"] || "",
      }
      : {
        interface: this.#interface,
        group: parameterOf(url, "group"),
        version: parameterOf(url, "version"),
      };
  }
}

/** A single tag becomes the label `dubboTag`; a list is one of labels, `key=value` each. */
function addTags(value: string, metadata: Record<string, string>): void {
  if (!value.includes(",")) {
    metadata["dubboTag"] = value;
    return;
  }
  for (const item of value.split(",")) {
    const [key, text, more] = item.split("=");
    if (key !== undefined && key !== "" && text !== undefined && more === undefined) metadata[key] = text;
  }
}
