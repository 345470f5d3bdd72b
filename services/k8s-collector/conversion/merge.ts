import { addressFault, canonicalAddress, compareCodePoints, isLoopback } from "../../../shared/istio/mod.ts";
import type { ServicePort as EntryPort } from "../../../shared/model/manifest.ts";
import { placeOf } from "./cluster-service.ts";
import type { ClusterService, Report, ServiceRules } from "./cluster-service.ts";
import { convertPorts } from "./service-ports.ts";
import type { ConvertedPort } from "./service-ports.ts";

/** A port of an entry, and the port that each cluster has for it. */
export interface AgreedPort {
  readonly entry: EntryPort;
  readonly own: ReadonlyMap<ClusterService, ConvertedPort>;
}

/** A Service with the clusters whose Services go together. The first one decides about all but endpoints. */
export interface AgreedService {
  readonly parts: readonly [ClusterService, ...ClusterService[]];
  readonly ports: readonly AgreedPort[];
}

interface Growing {
  readonly entry: EntryPort;
  readonly own: Map<ClusterService, ConvertedPort>;
}

/**
 * Which clusters' Services are one. The oldest Service (the oldest ServiceExport, if these count) is taken as it is. Of
 * another one whose calls would reach endpoints that don't speak their protocol, or which is another kind of Service,
 * nothing is taken, and that is reported: which side is right can't be known. A port that has only another name or
 * number is called as the oldest Service says, and reported as well. Undefined: there is nothing to publish.
 */
export function agreeing(
  parts: readonly ClusterService[],
  rules: ServiceRules,
  report: Report,
): AgreedService | undefined {
  const agreed: ClusterService[] = [];
  const ports: Growing[] = [];
  for (const part of byAge(parts, rules)) {
    const path = placeOf(part);
    const own = convertPorts(part.service, (reason) => report({ path, reason }));
    if (own.length === 0) {
      report({ path, reason: "it has no port that Istio knows, so there is nothing to publish" });
      continue;
    }
    const fault = externalFault(part.service.externalName);
    if (fault !== undefined) {
      report({ path, reason: fault });
      continue;
    }
    const [first] = agreed;
    const conflict = first && (conflictOfKinds(first, part) ?? conflictOfPorts(ports, own, first));
    if (first !== undefined && conflict !== undefined) {
      report({ path, reason: `${conflict}: its endpoints are left out; make the two Services equal` });
      continue;
    }
    agreed.push(part);
    for (const port of own) addPort(ports, port, part, first, report);
  }
  const [first, ...others] = agreed;
  if (first === undefined) return undefined;
  for (const part of agreed) reportMissing(part, ports, report);
  return { parts: [first, ...others], ports: ports.sort((a, b) => a.entry.number - b.entry.number) };
}

function externalFault(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  if (name === "") return "it is an ExternalName without a name";
  const fault = isLoopback(name.toLowerCase())
    ? "is the caller's own host"
    : addressFault(canonicalAddress(name));
  return fault === undefined ? undefined : `its external name ${JSON.stringify(name)} ${fault}`;
}

/** istiod calls an endpoint that says nothing of a port at the number of that port. */
function reportMissing(part: ClusterService, ports: readonly Growing[], report: Report): void {
  const missing = ports.filter(({ own }) => !own.has(part)).map(({ entry: { number, name } }) =>
    `${number} (${name})`
  );
  if (missing.length === 0 || part.service.externalName !== undefined) return;
  const reason = `it lacks port ${
    missing.join(", ")
  } of the same Service in other clusters: calls of it that reach its endpoints fail`;
  report({ path: placeOf(part), reason });
}

function byAge(parts: readonly ClusterService[], { multiClusterServices }: ServiceRules): ClusterService[] {
  const age = ({ service, exportedAt = "" }: ClusterService) =>
    multiClusterServices ? exportedAt : service.createdAt;
  return parts.toSorted((a, b) =>
    compareCodePoints(age(a), age(b)) || compareCodePoints(a.cluster.id, b.cluster.id)
  );
}

function conflictOfKinds(first: ClusterService, part: ClusterService): string | undefined {
  const [theirs, ours] = [first.service.externalName, part.service.externalName];
  if (theirs === ours) return undefined;
  if (theirs !== undefined && ours !== undefined) {
    return `it is ExternalName ${ours}, and ${theirs} in cluster ${first.cluster.id}`;
  }
  const kind = (name: string | undefined) => name === undefined ? "no ExternalName" : "an ExternalName";
  return `it is ${kind(ours)}, and ${kind(theirs)} in cluster ${first.cluster.id}`;
}

function conflictOfPorts(
  ports: readonly Growing[],
  own: readonly ConvertedPort[],
  first: ClusterService,
): string | undefined {
  for (const { entry } of own) {
    const known = matching(ports, entry)?.entry;
    if (known === undefined || known.protocol === entry.protocol) continue;
    const [ours, theirs] = [entry, known].map(({ number, name, protocol = "no protocol" }) => (
      `port ${number} (${name}, ${protocol})`
    ));
    return `${ours} conflicts with ${theirs} of cluster ${first.cluster.id}`;
  }
  return undefined;
}

/** By name first: the name says what a port is for. */
function matching(ports: readonly Growing[], { name, number }: EntryPort): Growing | undefined {
  return ports.find(({ entry }) => entry.name === name) ?? ports.find(({ entry }) => entry.number === number);
}

function addPort(
  ports: Growing[],
  port: ConvertedPort,
  part: ClusterService,
  first: ClusterService | undefined,
  report: Report,
): void {
  const { entry } = port;
  const known = matching(ports, entry);
  if (known === undefined) {
    ports.push({ entry, own: new Map([[part, port]]) });
    return;
  }
  known.own.set(part, port);
  if (known.entry.name === entry.name && known.entry.number === entry.number) return;
  const reason =
    `port ${entry.number} (${entry.name}) is port ${known.entry.number} (${known.entry.name}) in cluster ${first?.cluster.id}, and is called so`;
  report({ path: placeOf(part), reason });
}
