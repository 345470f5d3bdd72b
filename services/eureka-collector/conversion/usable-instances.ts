import { instanceAddressFault } from "../../../shared/conversion/instance-address.ts";
import { canonicalAddress, isOrdinaryAddress } from "../../../shared/istio/mod.ts";
import type { EurekaInstance, InvalidRecord } from "../client/decode.ts";
import type { ClusterApplication } from "./cluster-application.ts";

/** An instance that may be an endpoint, and how it is reached. */
export interface UsableInstance {
  readonly instance: EurekaInstance;
  readonly registryId: string;
  readonly address: string;
  readonly port: number;
}

/** The instances that a service's entry is made of, all reached in one way. */
export interface UsableInstances {
  readonly instances: readonly UsableInstance[];
  /** They speak HTTPS, each on its secure port. */
  readonly isSecure: boolean;
}

/** An instance with what it listens on, whatever its status. */
interface Listening extends UsableInstance {
  readonly application: string;
  readonly isSecure: boolean;
}

/**
 * Chooses the instances of a service that become its endpoints (`istio` profile). Each UP instance that doesn't is
 * reported, once and with its own fault, and costs its service nothing else:
 *
 * - Without an address or a port that proxies can use. A plain port that is switched on is HTTP; otherwise a secure
 *   port that is switched on is HTTPS.
 * - Of several registrations of one address and port the newest stands for all, whatever its status: a process that
 *   crashed stays registered for minutes beside its successor, and must not outlive that in the mesh.
 * - A port of a service has one protocol: HTTPS if all its instances have nothing else, or else HTTP, without those.
 */
export function usableInstances(
  applications: Iterable<ClusterApplication>,
  allowLoopback: boolean,
  report: (record: InvalidRecord) => void,
): UsableInstances {
  const newest = new Map<string, Listening>();
  for (const listening of allListening(applications, allowLoopback, report)) {
    const socket = `${listening.address} ${listening.port}`;
    const known = newest.get(socket);
    if (known === undefined) newest.set(socket, listening);
    else newest.set(socket, newerOf(known, listening, report));
  }
  const up = [...newest.values()].filter(({ instance }) => instance.status === "UP");
  const isSecure = up.length > 0 && up.every((each) => each.isSecure);
  if (isSecure) return { instances: up, isSecure };
  const plain: Listening[] = [];
  for (const each of up) {
    if (!each.isSecure) plain.push(each);
    else {report({
        path: pathOf(each),
        reason: "has a port for HTTPS only, and others of its service one for HTTP",
      });}
  }
  return { instances: plain, isSecure };
}

function* allListening(
  applications: Iterable<ClusterApplication>,
  allowLoopback: boolean,
  report: (record: InvalidRecord) => void,
): Iterable<Listening> {
  for (const { name: application, registryId, instances } of applications) {
    for (const instance of instances) {
      const { id, status, isPortOn, port: plainPort, securePort, address: given } = instance;
      const isOrdinary = isOrdinaryAddress(given);
      const address = isOrdinary ? given : canonicalAddress(given);
      const isSecure = securePort !== 0 && !(isPortOn && plainPort !== 0);
      const port = isSecure ? securePort : isPortOn ? plainPort : 0;
      const fault = (isOrdinary ? undefined : instanceAddressFault(address, allowLoopback)) ??
        (port === 0 ? portFault(instance) : undefined);
      if (fault === undefined) yield { instance, application, registryId, address, port, isSecure };
      else if (status === "UP") report({ path: recordPath(registryId, application, id), reason: fault });
    }
  }
}

/** Where an instance is found in the registry, for reports. */
export function recordPath(registryId: string, application: string, id: string): string {
  return `${registryId === "" ? "" : `${registryId}: `}${application}/${id}`;
}

function pathOf({ registryId, application, instance }: Listening): string {
  return recordPath(registryId, application, instance.id);
}

function portFault({ isPortOn, defect }: EurekaInstance): string {
  return isPortOn ? defect ?? "has no usable port" : "has neither its port nor its secure port switched on";
}

/** The newer of two that listen on one socket; the older one is reported, unless it is the same instance elsewhere. */
function newerOf(a: Listening, b: Listening, report: (record: InvalidRecord) => void): Listening {
  const [newer, older] = isNewer(b, a) ? [b, a] : [a, b];
  const isElsewhere = newer.registryId !== older.registryId && newer.instance.id === older.instance.id;
  if (older.instance.status === "UP" && !isElsewhere) {
    const { status } = newer.instance;
    report({
      path: pathOf(older),
      reason: `has the address and port of ${pathOf(newer)}, which was registered later` +
        (status === "UP" ? "" : ` and is ${status}`),
    });
  }
  return newer;
}

/**
 * By the instances' own times: two on one address have one clock. Where one of them has none, by their server's, if it
 * is the same; a tie is decided by name, so that no order of answers shows.
 */
function isNewer(a: Listening, b: Listening): boolean {
  const own = difference(a.instance.lastDirtyMs, b.instance.lastDirtyMs);
  if (own !== 0) return own > 0;
  const servers = a.registryId === b.registryId
    ? difference(a.instance.lastUpdatedMs, b.instance.lastUpdatedMs)
    : 0;
  if (servers !== 0) return servers > 0;
  const isUp = Number(a.instance.status === "UP") - Number(b.instance.status === "UP");
  return isUp === 0 ? pathOf(a) < pathOf(b) : isUp > 0;
}

/** 0 unless both are known. */
function difference(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a - b;
}
