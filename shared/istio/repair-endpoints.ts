import type { Resolution, ServiceEntryManifest, ServiceEntrySpec, WorkloadEntry } from "../model/manifest.ts";
import {
  addressFault,
  canonicalAddress,
  isOrdinaryAddress,
  linkLocalFault,
  withoutZone,
} from "./endpoint-address.ts";
import { envoyFault } from "./envoy-rules.ts";
import { isIpAddress } from "./ip-address.ts";
import { isPortNumber } from "./port-number.ts";
import { checkEndpoints } from "./validate-endpoints.ts";
import { Findings } from "./violation.ts";

/** An endpoint that isn't served, and why: the end of a sentence that begins with the endpoint. */
export interface LeftOutEndpoint {
  readonly endpoint: WorkloadEntry;
  readonly reason: string;
}

/** An entry whose endpoints istiod and Envoy take, and those that were left out for it. */
export interface RepairedEntry {
  readonly manifest: ServiceEntryManifest;
  readonly leftOut: readonly LeftOutEndpoint[];
}

const nothing: readonly LeftOutEndpoint[] = [];

/**
 * Takes away the endpoints for which istiod would reject the whole entry, or Envoy the whole response with it, and
 * those that no proxy can reach ({@link addressFault}). The others get their {@link canonicalAddress}. So one bad
 * record costs a service one endpoint, not its entry. The very same manifest if all is in order.
 *
 * Labels are left to `normalizeForIstio`, which makes them valid. An entry of resolution DNS whose endpoints are IP
 * addresses only after that is STATIC; so is one that has lost all of them, because its host would be looked up
 * otherwise. Whatever else is wrong with an entry stays for `validateManifest` to find.
 */
export function repairEndpoints(manifest: ServiceEntryManifest): RepairedEntry {
  const { spec } = manifest;
  const { endpoints, resolution = "NONE" } = spec;
  const hasEndpoints = resolution === "STATIC" || resolution === "DNS" || resolution === "DNS_ROUND_ROBIN";
  if (!hasEndpoints || endpoints === undefined || endpoints.length === 0) {
    return { manifest, leftOut: nothing };
  }
  const portNames = new Set(spec.ports?.map(({ name }) => name));
  if (endpoints.every((endpoint) => isOrdinary(endpoint, portNames))) return { manifest, leftOut: nothing };
  const kept: WorkloadEntry[] = [];
  const leftOut: LeftOutEndpoint[] = [];
  let isSame = true;
  for (const endpoint of endpoints) {
    const canonical = withCanonicalAddress(endpoint);
    const reason = faultOf(canonical, resolution, spec, portNames);
    if (reason !== undefined) leftOut.push({ endpoint, reason });
    else kept.push(canonical);
    isSame &&= reason === undefined && canonical === endpoint;
  }
  if (isSame) return { manifest, leftOut: nothing };
  const changed = { ...spec, endpoints: kept, resolution: resolutionOf(kept, resolution) };
  return { manifest: { ...manifest, spec: changed }, leftOut };
}

/**
 * What is left of {@link repairEndpoints} for the `slime` profile: only endpoints that Envoy rejects are mended or taken
 * away, since nobody is served while one of them is.
 */
export function withoutRejectedEndpoints(manifest: ServiceEntryManifest): RepairedEntry {
  const { endpoints = [], resolution = "NONE" } = manifest.spec;
  if (endpoints.every((endpoint) => envoyFault(endpoint, resolution) === undefined)) {
    return { manifest, leftOut: nothing };
  }
  const leftOut: LeftOutEndpoint[] = [];
  const kept: WorkloadEntry[] = [];
  for (const endpoint of endpoints) {
    const { address = "" } = endpoint;
    const cut = withoutZone(address);
    // Envoy takes a link-local address without a zone, but this one meant another host with it.
    const fault = cut === address ? undefined : linkLocalFault(address);
    const mended = cut === address ? endpoint : { ...endpoint, address: cut };
    const reason = fault ?? envoyFault(mended, resolution);
    if (reason !== undefined) leftOut.push({ endpoint, reason });
    else kept.push(mended);
  }
  return { manifest: { ...manifest, spec: { ...manifest.spec, endpoints: kept } }, leftOut };
}

function isOrdinary({ address = "", ports }: WorkloadEntry, portNames: ReadonlySet<string>): boolean {
  return isOrdinaryAddress(address) && hasValidPorts(ports, portNames);
}

function withCanonicalAddress(endpoint: WorkloadEntry): WorkloadEntry {
  const { address } = endpoint;
  if (address === undefined) return endpoint;
  const canonical = canonicalAddress(address);
  return canonical === address ? endpoint : { ...endpoint, address: canonical };
}

function faultOf(
  endpoint: WorkloadEntry,
  resolution: Resolution,
  spec: ServiceEntrySpec,
  portNames: ReadonlySet<string>,
): string | undefined {
  const { address = "", network = "" } = endpoint;
  const isThroughGateway = address === "" && network !== "" && resolution === "STATIC";
  const fault = isThroughGateway ? undefined : addressFault(address);
  if (fault !== undefined) return fault;
  if (isIpAddress(address) && hasValidPorts(endpoint.ports, portNames)) return undefined;
  return envoyFault(endpoint, resolution) ?? istioFault(endpoint, spec, portNames);
}

function hasValidPorts(ports: WorkloadEntry["ports"], portNames: ReadonlySet<string>): boolean {
  for (const name in ports) if (!portNames.has(name) || !isPortNumber(ports[name] ?? 0)) return false;
  return true;
}

/** What Istio's rules have against an endpoint, its labels apart. */
function istioFault(
  { labels: _labels, ...endpoint }: WorkloadEntry,
  spec: ServiceEntrySpec,
  portNames: ReadonlySet<string>,
): string | undefined {
  const findings = new Findings();
  checkEndpoints({ ...spec, endpoints: [endpoint] }, portNames, findings);
  const error = findings.list().find(({ severity }) => severity === "error");
  return error && `breaks the rule ${error.rule}: ${error.message}`;
}

function resolutionOf(endpoints: readonly WorkloadEntry[], resolution: Resolution): Resolution {
  if (endpoints.length === 0) return "STATIC";
  const isStatic = resolution === "DNS" && endpoints.every(({ address = "" }) => isIpAddress(address));
  return isStatic ? "STATIC" : resolution;
}
