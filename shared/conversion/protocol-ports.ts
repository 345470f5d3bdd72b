import type { ServicePort } from "../model/manifest.ts";
import type { PortProtocol } from "./port-protocol.ts";
import type { PortRules } from "./service-ports.ts";

/** A port on which an instance listens, and the word for what it speaks there. */
export interface ListeningPort {
  readonly scheme: string;
  readonly port: number;
}

/** The ports of a service with several protocols. */
export interface ProtocolPorts {
  /** Sorted by number. */
  readonly ports: ServicePort[];
  /** The `ports` of an endpoint that listens on all of these, the preferred one first; there is at least one. */
  endpointPorts(listening: readonly ListeningPort[]): Record<string, number>;
}

/** How the ports of a service with several protocols are chosen. */
export interface ProtocolPortRules extends PortRules {
  /** All that the service speaks, the preferred one first: it has the service port of the configuration. */
  readonly schemes: readonly string[];
  readonly protocolOf: (scheme: string) => PortProtocol;
  /** The scheme of a port number that several have: one that carries all of them. */
  readonly sharedScheme: string;
}

/**
 * The ports of a service whose instances speak several protocols: each protocol gets service ports of its own. Istio
 * has no way to take an endpoint out of one port of a service only; so an endpoint answers on the ports of a protocol
 * that it doesn't speak with its preferred port, rather than being lost.
 */
export function protocolPorts(all: Iterable<ListeningPort>, rules: ProtocolPortRules): ProtocolPorts {
  const schemes = schemesByPort(all, rules);
  const ports = [...schemes].map(([number, scheme]) => {
    const { protocol, namePrefix } = rules.protocolOf(scheme ?? rules.sharedScheme);
    return { number, protocol, name: `${namePrefix}-${number}` };
  }).sort((a, b) => a.number - b.number);
  const endpointPorts = (listening: readonly ListeningPort[]) => {
    const [preferred] = listening;
    if (preferred === undefined) throw new TypeError("An endpoint that listens nowhere");
    const own = ports.map(({ number, name }) => {
      const scheme = schemes.get(number);
      const suits = listening.filter((each) => scheme === undefined || each.scheme === scheme);
      const same = suits.find(({ port }) => port === number);
      const speaker = same ?? (scheme === undefined ? undefined : suits[0]) ?? preferred;
      return [name, speaker.port] as const;
    });
    return Object.fromEntries(own);
  };
  return { ports, endpointPorts };
}

/** By service port; undefined for one that several protocols share. */
function schemesByPort(
  all: Iterable<ListeningPort>,
  { schemes: [firstScheme], svcPort, instancePortAsSvcPort }: ProtocolPortRules,
): Map<number, string | undefined> {
  const schemes = new Map<number, string | undefined>();
  if (instancePortAsSvcPort) {
    for (const { scheme, port } of all) {
      schemes.set(port, !schemes.has(port) || schemes.get(port) === scheme ? scheme : undefined);
    }
  }
  if (svcPort !== 0 && !schemes.has(svcPort)) schemes.set(svcPort, firstScheme);
  return schemes;
}
