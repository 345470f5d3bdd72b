import { endpointLabels } from "../../../shared/conversion/endpoint-labels.ts";
import { localityLabel, localityOf } from "../../../shared/conversion/locality.ts";
import type { DubboService } from "./dubbo-host.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf } from "./dubbo-url.ts";
import { methodsKey, methodsLabel, methodsOf } from "./method-labels.ts";
import { NameTemplate } from "./name-template.ts";
import { dubboReader, slimeReader } from "./parse-dubbo-url.ts";
import type { UrlReader } from "./parse-dubbo-url.ts";
import type { ZookeeperRules } from "./zookeeper-rules.ts";

/** A provider or a consumer, with its labels and the service that it belongs to. */
export interface ServiceMember {
  /** Its `pid` and `timestamp` may be those of another member that is otherwise alike. */
  readonly url: DubboUrl;
  /** Raw name of its node: what orders members that are otherwise alike. */
  readonly name: string;
  /** Members that are alike share it. */
  readonly service: DubboService;
  readonly labels: Record<string, string>;
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

/** An interface's members are of a few kinds: one for each group, version and release, say. */
const knownKinds = 4;

/**
 * Makes {@link ServiceMember}s of one interface. Members whose names are alike share their parameters and labels; so
 * nobody may change these.
 */
export class MemberReader {
  readonly #interface: string;
  readonly #rules: ZookeeperRules;
  readonly #urls: UrlReader;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #known: { readonly template: NameTemplate; readonly member: ServiceMember }[] = [];
  /** Read, and not yet known: it takes a second name to make a template worth its while. */
  #last: ServiceMember | undefined;

  /** `interfaceName` is the interface as keys and hosts write it. Of consumers, little is of interest. */
  constructor(interfaceName: string, rules: ZookeeperRules, of: "providers" | "consumers") {
    this.#interface = interfaceName;
    this.#rules = rules;
    this.#urls = rules.profile === "slime" ? slimeReader : dubboReader;
    // A relabelling may make any parameter one that counts.
    const takesAll = of === "providers" || rules.relabel !== undefined ||
      rules.environment.endpointRelabelItems.length > 0;
    this.#wanted = takesAll ? undefined : consumerKeys;
  }

  /** Reads a node's name; answers why it can't. */
  read(name: string): ServiceMember | string {
    this.#knowLast();
    for (const { template, member } of this.#known) {
      const address = template.addressIn(name);
      if (address !== undefined) return this.#alike(member, name, address);
    }
    const url = this.#urls.url(name, this.#wanted);
    if (typeof url === "string") return url;
    const member = this.member(url, name);
    this.#last = member;
    return member;
  }

  #knowLast(): void {
    const member = this.#last;
    if (member === undefined || this.#known.length === knownKinds) return;
    const template = NameTemplate.of(member.name, this.#rules.ignoredParameters);
    if (template !== undefined) this.#known.push({ template, member });
    this.#last = undefined;
  }

  #alike(
    { url, service, labels, locality }: ServiceMember,
    name: string,
    address: string,
  ): ServiceMember | string {
    const { protocol, path, parameters } = url;
    const place = this.#urls.address(address, protocol);
    if (typeof place === "string") return place;
    const { host, port } = place;
    return { url: { protocol, host, port, path, parameters }, name, service, labels, locality };
  }

  /** Labels a URL, whose node has that raw name. */
  member(url: DubboUrl, name: string): ServiceMember {
    const { profile, environment, labelRules, relabel } = this.#rules;
    const labels = endpointLabels(this.#metadata(url.parameters), labelRules);
    const locality = localityOf(labels, environment.localityLabels, profile);
    if (locality !== undefined) labels[localityLabel] = locality.label;
    relabel?.(labels);
    return { url, name, service: this.#service(url, labels), labels, locality: locality?.locality };
  }

  /** Parameters as slime makes labels of them, before they are checked. */
  #metadata(parameters: DubboUrl["parameters"]): Record<string, string> {
    const metadata: Record<string, string> = Object.create(null);
    for (const key in parameters) {
      if (this.#rules.ignoredParameters.has(key)) continue;
      const value = parameters[key] ?? "";
      if (key === "dubbo.tag") addTags(value, metadata);
      else if (key === methodsKey) metadata[key] = methodsLabel(methodsOf(value));
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
