import type { DubboInstance } from "./application-node.ts";
import type { DubboUrl } from "../conversion/dubbo-url.ts";
import type { OfferedService } from "./metadata-info.ts";

/** What MetadataInfo has beyond the URL that the same provider registers at interface level. */
const beyondUrls: ReadonlySet<string> = new Set(["REGISTRY_CLUSTER"]);

/**
 * The providers of each interface, as their URLs at interface level would be, from instances and what they offer.
 * `servicesOf` answers undefined for an instance of which that isn't known. Instances that are switched off are left
 * out. Costs one URL per instance and service; those of one service share their parameters.
 */
export function applicationProviders(
  instances: Iterable<DubboInstance>,
  servicesOf: (instance: DubboInstance) => readonly OfferedService[] | undefined,
): Map<string, DubboUrl[]> {
  const providers = new Map<string, DubboUrl[]>();
  for (const instance of instances) {
    if (!instance.enabled) continue;
    for (const [name, url] of providersOf(instance, servicesOf(instance) ?? [])) {
      const known = providers.get(name);
      if (known === undefined) providers.set(name, [url]);
      else known.push(url);
    }
  }
  return providers;
}

/** The providers of one instance: pairs of interface and URL. */
export function* providersOf(
  instance: DubboInstance,
  services: readonly OfferedService[],
): Generator<[string, DubboUrl]> {
  for (const service of services) {
    if (!isRepetition(service, services)) yield [service.name, providerUrl(instance, service)];
  }
}

/**
 * A port with several protocols is one URL at interface level (`ext.protocol`), while MetadataInfo has one service for
 * each, all but the first marked `isExtra`.
 */
function isRepetition(service: OfferedService, services: readonly OfferedService[]): boolean {
  return service.parameters["isExtra"] === "true" &&
    services.some((other) =>
      other.parameters["isExtra"] !== "true" && other.name === service.name &&
      other.group === service.group &&
      other.version === service.version && other.port === service.port
    );
}

/** Of each service, because its instances share them: parameters are by far the largest part of a URL. */
const parametersOf = new WeakMap<OfferedService, Readonly<Record<string, string>>>();

function providerUrl(instance: DubboInstance, service: OfferedService): DubboUrl {
  const protocol = service.protocol === "" ? mainProtocol(instance) : service.protocol.toLowerCase();
  let parameters = parametersOf.get(service);
  if (parameters === undefined) {
    parameters = urlParameters(instance.application, service);
    parametersOf.set(service, parameters);
  }
  return {
    protocol,
    host: instance.host,
    // dubbo-go tells no port, an approximation can't.
    port: service.port > 0 ? service.port : instance.ports.get(protocol) ?? instance.port,
    path: service.path.replace(/^\/+/, ""),
    parameters,
  };
}

/** Without `timestamp`, which is the instance's own. */
function urlParameters(application: string, service: OfferedService): Record<string, string> {
  const parameters: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(service.parameters)) {
    if (!beyondUrls.has(key)) parameters[key] = value;
  }
  parameters["side"] = "provider";
  parameters["application"] ??= application;
  parameters["interface"] ??= service.name;
  if (service.group !== "") parameters["group"] ??= service.group;
  if (service.version !== "") parameters["version"] ??= service.version;
  return parameters;
}

/** That of the instance's own port: the preferred one. */
function mainProtocol({ ports, port }: DubboInstance): string {
  for (const [protocol, itsPort] of ports) if (itsPort === port) return protocol.toLowerCase();
  return "dubbo";
}
