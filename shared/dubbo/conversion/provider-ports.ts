import { isLabel } from "../../istio/mod.ts";
import { portProtocol } from "../../conversion/port-protocol.ts";
import type { PortProtocol } from "../../conversion/port-protocol.ts";
import { protocolPorts } from "../../conversion/protocol-ports.ts";
import type { ListeningPort } from "../../conversion/protocol-ports.ts";
import { servicePorts } from "../../conversion/service-ports.ts";
import type { ServicePort } from "../../model/manifest.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf } from "./dubbo-url.ts";
import type { DubboRules } from "./dubbo-rules.ts";

/** Anything that listens: a provider, with whatever else is known of it. */
interface Listening {
  readonly url: DubboUrl;
}

/** A provider that becomes an endpoint, and the endpoint's ports. */
export interface PortedProvider<Provider> {
  readonly provider: Provider;
  readonly ports: Record<string, number>;
}

/** The ports of a service and of its endpoints. */
export interface ProviderPorts<Provider> {
  /** Sorted by number. */
  readonly ports: ServicePort[];
  readonly endpoints: PortedProvider<Provider>[];
}

/**
 * The ports of a service whose providers are given in the order of its endpoints. If all speak one protocol (always so
 * in the slime profile), each provider is an endpoint that answers on every service port with its own port.
 *
 * With several protocols each gets service ports of its own. A process that offers several of them is one endpoint:
 * of the providers at one address, the first of each protocol belong together, then the second, and so on. Istio has
 * no way to take an endpoint out of one port of a service only; so an endpoint answers on the ports of a protocol that
 * it doesn't speak with its first port, rather than being lost. A port number that has two protocols is one of the
 * source's own (TCP), which carries both.
 */
export function providerPorts<Provider extends Listening>(
  providers: readonly Provider[],
  rules: DubboRules,
): ProviderPorts<Provider> {
  const schemes = new Set(providers.map(({ url }) => schemeOf(url, rules)));
  if (schemes.size > 1) return mixedPorts(providers, [...schemes].sort(ownFirst), rules);
  const [scheme = ownScheme] = schemes;
  const { ports, endpointPorts } = servicePorts(
    providers.map(({ url }) => url.port),
    rules,
    protocolOf(scheme, rules),
  );
  return {
    ports,
    endpoints: providers.map((provider) => ({ provider, ports: endpointPorts(provider.url.port) })),
  };
}

const ownScheme = "dubbo";

/** What is behind a scheme whose provider speaks TLS. */
const overTls = "-tls";

/**
 * In the slime profile `consumer://` among providers is taken, as slime takes it, and is one of its own. A provider with
 * `ssl-enabled` speaks its protocol over TLS: a scheme of its own, unless it is TCP to Istio anyway.
 */
function schemeOf(url: DubboUrl, rules: DubboRules): string {
  if (rules.profile === "slime") return ownScheme;
  const isPlain = parameterOf(url, "ssl-enabled") !== "true" ||
    protocolOf(url.protocol, rules).protocol === "TCP";
  return isPlain ? url.protocol : url.protocol + overTls;
}

function ownFirst(a: string, b: string): number {
  return Number(b === ownScheme) - Number(a === ownScheme) || (a < b ? -1 : 1);
}

/** HTTP in all but name. */
const httpSchemes: ReadonlySet<string> = new Set(["rest", "hessian", "webservice"]);

/**
 * `dubbo` is what the source's `svcProtocol` says; another one is what Istio knows it as, else TCP. So is what callers
 * speak over TLS: to a proxy between them it is neither HTTP nor gRPC.
 */
function protocolOf(scheme: string, rules: DubboRules): PortProtocol {
  if (scheme === ownScheme) return rules.ownProtocol;
  if (scheme.endsWith(overTls)) return { protocol: "TCP", namePrefix: namePrefixOf(scheme) };
  const { protocol } = portProtocol(httpSchemes.has(scheme) ? "http" : scheme, false, rules.profile);
  return { protocol, namePrefix: namePrefixOf(scheme) };
}

function namePrefixOf(scheme: string): string {
  // Of a port's name 57 letters are left for the prefix.
  return scheme.length <= 50 && isLabel(scheme) ? scheme : "tcp";
}

/** What one process offers: a provider for each of its protocols. */
type Process<Provider> = Map<string, Provider>;

function mixedPorts<Provider extends Listening>(
  providers: readonly Provider[],
  schemes: readonly string[],
  rules: DubboRules,
): ProviderPorts<Provider> {
  const processes = [...byAddress(providers).values()].flatMap((members) => processesOf(members, rules));
  const { ports, endpointPorts } = protocolPorts(
    providers.map((provider) => listeningPort(provider, rules)),
    {
      svcPort: rules.svcPort,
      instancePortAsSvcPort: rules.instancePortAsSvcPort,
      schemes,
      protocolOf: (scheme) => protocolOf(scheme, rules),
      sharedScheme: ownScheme,
    },
  );
  const endpoints = processes.map((process) => {
    const members = schemes.map((scheme) => process.get(scheme)).filter((member) => member !== undefined);
    const [first] = members;
    if (first === undefined) throw new TypeError("A process without providers");
    return { provider: first, ports: endpointPorts(members.map((member) => listeningPort(member, rules))) };
  });
  return { ports, endpoints };
}

function listeningPort({ url }: Listening, rules: DubboRules): ListeningPort {
  return { scheme: schemeOf(url, rules), port: url.port };
}

function byAddress<Provider extends Listening>(providers: readonly Provider[]): Map<string, Provider[]> {
  const groups = new Map<string, Provider[]>();
  for (const provider of providers) {
    const group = groups.get(provider.url.host);
    if (group === undefined) groups.set(provider.url.host, [provider]);
    else group.push(provider);
  }
  return groups;
}

/** `members` are of one address, and in the order of their ports. */
function processesOf<Provider extends Listening>(
  members: readonly Provider[],
  rules: DubboRules,
): Process<Provider>[] {
  const processes: Process<Provider>[] = [];
  const counts = new Map<string, number>();
  for (const member of members) {
    const scheme = schemeOf(member.url, rules);
    const index = counts.get(scheme) ?? 0;
    counts.set(scheme, index + 1);
    const process = processes[index];
    if (process === undefined) processes.push(new Map([[scheme, member]]));
    else process.set(scheme, member);
  }
  return processes;
}
