import type { DubboUrl } from "../../../shared/dubbo/conversion/dubbo-url.ts";
import { canonicalAddress } from "../../../shared/istio/mod.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";

/** What the name of a service in Nacos says, where Dubbo registers interfaces: `providers:<interface>:<version>:<group>`. */
export interface DubboServiceName {
  readonly category: "providers" | "consumers" | "other";
  /** As Java has it: `$` before a nested one. */
  readonly interface: string;
  /** Empty for none. */
  readonly version: string;
  /** Empty for none. */
  readonly group: string;
}

const categories: ReadonlySet<string> = new Set(["providers", "consumers", "configurators", "routers"]);

/** Nacos takes no `$` in names. Dubbo's registry for it writes this in its place, for nested interfaces. */
const dollarInNacos = "___";

/**
 * Reads a service's name; undefined if Dubbo's interfaces aren't registered so. Older releases leave empty parts away:
 * there a group without a version would look like one, so where it counts (`providerUrl`) the metadata have the say.
 */
export function parseDubboName(name: string): DubboServiceName | undefined {
  const [category = "", interfaceName = "", version = "", ...group] = name.split(":");
  if (!categories.has(category) || interfaceName === "") return undefined;
  return {
    category: category === "providers" || category === "consumers" ? category : "other",
    interface: nameOfService(interfaceName),
    version,
    group: group.join(":"),
  };
}

/** The name that Dubbo gave to an interface or an application, from that of a service in Nacos. */
export function nameOfService(name: string): string {
  return name.replaceAll(dollarInNacos, "$");
}

/**
 * What Dubbo's client for Nacos makes of a name, for the id or group of a configuration; undefined: Nacos has none of that
 * name, because it takes only letters, digits and `_-.:` there.
 */
export function nameOfConfig(name: string): string | undefined {
  const written = name.replaceAll("$", dollarInNacos).replaceAll("/", "-");
  return /^[\w.:-]+$/.test(written) ? written : undefined;
}

/** What Nacos' registry adds to the parameters of a URL, to bring all of it into metadata. */
const ofTheRegistry: ReadonlySet<string> = new Set(["category", "path", "protocol"]);

/** The URL that an instance of `providers:…` or `consumers:…` stands for. */
export function dubboUrl(
  { ip, port }: NacosInstance,
  name: DubboServiceName,
  metadata: Readonly<Record<string, string>>,
): DubboUrl {
  const parameters: Record<string, string> = Object.create(null);
  for (const key in metadata) if (!ofTheRegistry.has(key)) parameters[key] = metadata[key] ?? "";
  // All that Dubbo itself registers has them; others may leave to the name what it says.
  if (parameters["interface"] === undefined) {
    if (name.version !== "") parameters["version"] ??= name.version;
    if (name.group !== "") parameters["group"] ??= name.group;
  }
  return {
    protocol: (metadata["protocol"] || (name.category === "consumers" ? "consumer" : "dubbo")).toLowerCase(),
    host: canonicalAddress(ip),
    port: port >= 1 && port <= 65_535 ? port : 0,
    path: metadata["path"] || name.interface,
    parameters,
  };
}
