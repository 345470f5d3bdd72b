import { endpointLabels } from "../../shared/conversion/endpoint-labels.ts";
import { localityLabel, localityOf } from "../../shared/conversion/locality.ts";
import type { DubboService } from "./dubbo-host.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf } from "./dubbo-url.ts";
import { methodsKey, methodsLabel, methodsOf } from "./method-labels.ts";
import type { ZookeeperRules } from "./zookeeper-rules.ts";

/** A provider or a consumer, with its labels and the service that it belongs to. */
export interface ServiceMember {
  readonly url: DubboUrl;
  /** Raw name of its node: what orders members that are otherwise alike. */
  readonly name: string;
  readonly service: DubboService;
  readonly labels: Record<string, string>;
  readonly locality: string | undefined;
}

/** Makes {@link ServiceMember}s of one interface; keeps what its providers have in common. */
export class MemberReader {
  readonly #interface: string;
  readonly #rules: ZookeeperRules;
  #lastMethods = "";
  #lastMethodsLabel = "";

  /** `interfaceName` is the interface as keys and hosts write it. */
  constructor(interfaceName: string, rules: ZookeeperRules) {
    this.#interface = interfaceName;
    this.#rules = rules;
  }

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
      else if (key === methodsKey) metadata[key] = this.#methodsLabel(value);
      else {metadata[key] = value.includes(",") || value.includes(":")
          ? value.replaceAll(/[,:]/g, "_")
          : value;}
    }
    return metadata;
  }

  #methodsLabel(methods: string): string {
    if (methods !== this.#lastMethods) {
      this.#lastMethods = methods;
      this.#lastMethodsLabel = methodsLabel(methodsOf(methods));
    }
    return this.#lastMethodsLabel;
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

const consumerKeys = ["application", "interface", "group", "default.group", "version", "default.version"];

/** What counts of a consumer. Everything else may still be what the configuration makes one of these from. */
export function consumerUrl(url: DubboUrl, rules: ZookeeperRules): DubboUrl {
  if (rules.relabel !== undefined || rules.environment.endpointRelabelItems.length > 0) return url;
  const parameters: Record<string, string> = Object.create(null);
  for (const key of consumerKeys) {
    const value = url.parameters[key];
    if (value !== undefined) parameters[key] = value;
  }
  return { ...url, parameters };
}
