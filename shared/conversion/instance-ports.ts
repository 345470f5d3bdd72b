import type { ServicePort } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";
import { portProtocol } from "./port-protocol.ts";
import { protocolPorts } from "./protocol-ports.ts";
import type { ListeningPort } from "./protocol-ports.ts";
import { servicePorts } from "./service-ports.ts";

/** Where an instance listens. */
export interface ListeningInstance {
  /** The port that it is registered with. */
  readonly port: number;
  /**
   * All its ports with what it speaks there, that of {@link port} first; schemes are words in lower case, as in
   * `svcProtocol`. Absent: it speaks `svcProtocol` on its port.
   */
  readonly listens?: readonly ListeningPort[] | undefined;
}

/** The options of a source that decide about ports. */
export interface InstancePortRules {
  readonly profile: Profile;
  readonly svcProtocol: string;
  readonly genericProtocol: boolean;
  readonly svcPort: number;
  readonly instancePortAsSvcPort: boolean;
}

/** A service's ports, and those of each of its endpoints. */
export interface InstancePorts<Instance> {
  /** Sorted by number. */
  readonly ports: ServicePort[];
  endpointPorts(instance: Instance): Record<string, number>;
}

const httpPort = 80;
const httpsPort = 443;

/**
 * The ports of a service of instances. All speak the source's protocol, or each says what it speaks where. The ports
 * depend on the instances alone, not on their order, so none flaps. If all speak HTTPS, callers who know the service's
 * name only find it on 443 in place of 80.
 */
export function instancePorts<Instance extends ListeningInstance>(
  instances: readonly Instance[],
  rules: InstancePortRules,
): InstancePorts<Instance> {
  const own = portProtocol(rules.svcProtocol, rules.genericProtocol, rules.profile);
  if (instances.every(({ listens }) => listens === undefined)) {
    const { ports, endpointPorts } = servicePorts(instances.map(({ port }) => port), rules, own);
    return { ports, endpointPorts: ({ port }) => endpointPorts(port) };
  }
  const ownScheme = rules.svcProtocol.toLowerCase();
  const listeningOf = ({ port, listens }: Instance) => listens ?? [{ scheme: ownScheme, port }];
  const mains = new Set(instances.flatMap((instance) => listeningOf(instance).slice(0, 1)).map(schemeOf));
  const all = instances.flatMap(listeningOf);
  const isSecure = mains.size === 1 && mains.has("https");
  const { ports, endpointPorts } = protocolPorts(all, {
    instancePortAsSvcPort: rules.instancePortAsSvcPort,
    svcPort: isSecure && rules.svcPort === httpPort ? httpsPort : rules.svcPort,
    schemes: [...new Set([...inOrder(mains, ownScheme), ...inOrder(new Set(all.map(schemeOf)), ownScheme)])],
    protocolOf: (scheme) => scheme === ownScheme ? own : portProtocol(scheme, false, rules.profile),
    sharedScheme: "tcp",
  });
  return { ports, endpointPorts: (instance) => endpointPorts(listeningOf(instance)) };
}

function schemeOf({ scheme }: ListeningPort): string {
  return scheme;
}

function inOrder(schemes: ReadonlySet<string>, ownScheme: string): string[] {
  return [...schemes].sort((a, b) =>
    Number(b === ownScheme) - Number(a === ownScheme) || (a < b ? -1 : a > b ? 1 : 0)
  );
}
