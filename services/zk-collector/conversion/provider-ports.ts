import { isLabel } from "../../../shared/istio/mod.ts";
import { portProtocol } from "../../../shared/conversion/port-protocol.ts";
import type { PortProtocol } from "../../../shared/conversion/port-protocol.ts";
import { servicePorts } from "../../../shared/conversion/service-ports.ts";
import type { ServicePort } from "../../../shared/model/manifest.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import type { ZookeeperRules } from "./zookeeper-rules.ts";

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
  rules: ZookeeperRules,
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

/** In the slime profile `consumer://` among providers is taken, as slime takes it, and is one of its own. */
function schemeOf({ protocol }: DubboUrl, { profile }: ZookeeperRules): string {
  return profile === "slime" ? ownScheme : protocol;
}

function ownFirst(a: string, b: string): number {
  return Number(b === ownScheme) - Number(a === ownScheme) || (a < b ? -1 : 1);
}

/** HTTP in all but name. */
const httpSchemes: ReadonlySet<string> = new Set(["rest", "hessian", "webservice"]);

/** `dubbo` is what the source's `svcProtocol` says; another one is what Istio knows it as, else TCP. */
function protocolOf(scheme: string, rules: ZookeeperRules): PortProtocol {
  if (scheme === ownScheme) return rules.ownProtocol;
  const { protocol } = portProtocol(httpSchemes.has(scheme) ? "http" : scheme, false, rules.profile);
  // Of a port's name 57 letters are left for the prefix.
  return { protocol, namePrefix: scheme.length <= 50 && isLabel(scheme) ? scheme : "tcp" };
}

/** What one process offers: a provider for each of its protocols. */
type Process<Provider> = Map<string, Provider>;

function mixedPorts<Provider extends Listening>(
  providers: readonly Provider[],
  schemes: readonly string[],
  rules: ZookeeperRules,
): ProviderPorts<Provider> {
  const processes = [...byAddress(providers).values()].flatMap((members) => processesOf(members));
  const portSchemes = schemesByPort(providers, schemes, rules);
  const ports = [...portSchemes].map(([number, scheme]) => {
    const { protocol, namePrefix } = protocolOf(scheme ?? ownScheme, rules);
    return { number, protocol, name: `${namePrefix}-${number}` };
  }).sort((a, b) => a.number - b.number);
  const endpoints = processes.map((process) => {
    const members = schemes.map((scheme) => process.get(scheme)).filter((member) => member !== undefined);
    const [first] = members;
    if (first === undefined) throw new TypeError("A process without providers");
    const own = ports.map(({ number, name }) => {
      const scheme = portSchemes.get(number);
      const same = members.find(({ url }) => url.port === number);
      const speaker = (scheme === undefined ? same : process.get(scheme)) ?? first;
      return [name, speaker.url.port] as const;
    });
    return { provider: first, ports: Object.fromEntries(own) };
  });
  return { ports, endpoints };
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
function processesOf<Provider extends Listening>(members: readonly Provider[]): Process<Provider>[] {
  const processes: Process<Provider>[] = [];
  const counts = new Map<string, number>();
  for (const member of members) {
    const scheme = member.url.protocol;
    const index = counts.get(scheme) ?? 0;
    counts.set(scheme, index + 1);
    const process = processes[index];
    if (process === undefined) processes.push(new Map([[scheme, member]]));
    else process.set(scheme, member);
  }
  return processes;
}

/** By service port; undefined for one that several protocols share. */
function schemesByPort(
  providers: readonly Listening[],
  [firstScheme]: readonly string[],
  { svcPort, instancePortAsSvcPort }: ZookeeperRules,
): Map<number, string | undefined> {
  const schemes = new Map<number, string | undefined>();
  if (instancePortAsSvcPort) {
    for (const { url: { port, protocol } } of providers) {
      schemes.set(port, !schemes.has(port) || schemes.get(port) === protocol ? protocol : undefined);
    }
  }
  if (svcPort !== 0 && !schemes.has(svcPort)) schemes.set(svcPort, firstScheme);
  return schemes;
}
