import type { ServicePort } from "../model/manifest.ts";
import type { PortProtocol } from "./port-protocol.ts";

/** Which port a service shows for an instance's port. */
export interface PortRules {
  /** Every instance port becomes a service port. */
  readonly instancePortAsSvcPort: boolean;
  /** The port of every service; 0 for none. */
  readonly svcPort: number;
}

/** A service's ports, and how each instance port is reached through them. */
export interface ServicePorts {
  /** Sorted by number. */
  readonly ports: ServicePort[];
  /** The `ports` of an endpoint whose instance listens on the given port: it answers on every service port. */
  endpointPorts(instancePort: number): Record<string, number>;
}

/**
 * The ports of a service whose instances listen on `instancePorts`. Every endpoint answers on every service port with
 * its own port, so that a caller may use the registry's port or any instance's (slime's port spreading).
 */
export function servicePorts(
  instancePorts: Iterable<number>,
  rules: PortRules,
  protocol: PortProtocol,
): ServicePorts {
  const numbers = new Set<number>();
  for (const port of instancePorts) numbers.add(rules.instancePortAsSvcPort ? port : rules.svcPort);
  if (rules.svcPort !== 0) numbers.add(rules.svcPort);
  const ports = [...numbers].sort((a, b) => a - b).map((number) => (
    { number, protocol: protocol.protocol, name: `${protocol.namePrefix}-${number}` }
  ));
  // One object for all endpoints of a port: a large service has tens of thousands, and seldom more than one port.
  const known = new Map<number, Record<string, number>>();
  const endpointPorts = (instancePort: number) => {
    let found = known.get(instancePort);
    if (found === undefined) {
      found = Object.fromEntries(ports.map(({ name }) => [name, instancePort]));
      known.set(instancePort, found);
    }
    return found;
  };
  return { ports, endpointPorts };
}
