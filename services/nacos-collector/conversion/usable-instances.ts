import { instanceAddressFault } from "../../../shared/conversion/instance-address.ts";
import type { ListeningPort } from "../../../shared/conversion/protocol-ports.ts";
import { canonicalAddress, isOrdinaryAddress, isPortNumber } from "../../../shared/istio/mod.ts";
import type { InvalidRecord } from "../../../shared/collector/invalid-records.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";
import { listeningPorts } from "./listening-ports.ts";
import type { NacosRules } from "./nacos-rules.ts";
import { instancePath } from "./service-members.ts";
import type { ServiceMember } from "./service-members.ts";

/** An instance that is an endpoint, and how it is reached. */
export interface UsableInstance {
  readonly member: ServiceMember;
  readonly address: string;
  /** What it speaks where; undefined: the source's protocol, on its port. */
  readonly listens: readonly ListeningPort[] | undefined;
}

/**
 * True if an instance is meant to have traffic: healthy, switched on, and of a weight (one that is no number is as good
 * as any). slime looks at its health alone.
 */
export function isInService({ healthy, enabled, weight }: NacosInstance, profile: Profile): boolean {
  return healthy && (profile === "slime" || (enabled && !(weight <= 0)));
}

/**
 * Chooses the instances of a service that become its endpoints (`istio` profile). Each one that is in service and
 * doesn't is reported, once and with its own fault, and costs its service nothing else:
 *
 * - Without an address or a port that proxies can use.
 * - Of several registrations of one address and port, in whatever clusters, groups and namespaces, one in service
 *   stands for all: always the same one, whatever the order.
 * - A port of a service has one protocol: HTTPS if all its instances say that they are `secure`, or else without those.
 */
export function usableInstances(
  members: Iterable<ServiceMember>,
  rules: NacosRules,
  report: (record: InvalidRecord) => void,
): UsableInstance[] {
  const bySocket = new Map<string, UsableInstance>();
  for (const member of members) {
    const { instance, metadata, filter } = member;
    if (!isInService(instance, "istio")) continue;
    const address = isOrdinaryAddress(instance.ip) ? instance.ip : canonicalAddress(instance.ip);
    const fault = faultOf(member, address, rules);
    if (fault !== undefined) {
      report({ path: instancePath(member), reason: fault });
      continue;
    }
    if (!filter(metadata, address)) continue;
    const usable = { member, address, listens: listeningPorts(instance.port, metadata, rules) };
    const socket = `${address} ${instance.port}`;
    const known = bySocket.get(socket);
    bySocket.set(socket, known === undefined ? usable : chosenOf(known, usable, report));
  }
  return reachedInOneWay([...bySocket.values()], report);
}

function faultOf({ instance: { port } }: ServiceMember, address: string, rules: NacosRules) {
  const fault = isOrdinaryAddress(address)
    ? undefined
    : instanceAddressFault(address, rules.service.allowLoopback);
  return fault ?? (isPortNumber(port) ? undefined : `has no usable port (${port})`);
}

/** Copies of an instance in several Nacos clusters are meant; within one they may be a mistake. */
function chosenOf(
  a: UsableInstance,
  b: UsableInstance,
  report: (record: InvalidRecord) => void,
): UsableInstance {
  const [chosen, other] = instancePath(a.member) <= instancePath(b.member) ? [a, b] : [b, a];
  if (chosen.member.record.registryId === other.member.record.registryId) {
    report({
      path: instancePath(other.member),
      reason: `has the address and port of ${instancePath(chosen.member)}, which stands for both`,
    });
  }
  return chosen;
}

function reachedInOneWay(
  instances: readonly UsableInstance[],
  report: (record: InvalidRecord) => void,
): UsableInstance[] {
  const plain: UsableInstance[] = [];
  const secure: UsableInstance[] = [];
  for (const instance of instances) {
    (instance.listens?.[0]?.scheme === "https" ? secure : plain).push(instance);
  }
  if (plain.length === 0) return secure;
  for (const { member } of secure) {
    report({ path: instancePath(member), reason: "speaks HTTPS only, and others of its service don't" });
  }
  return plain;
}
