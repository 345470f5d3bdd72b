import type { Resolution, ServiceEntryManifest, ServiceEntrySpec, ServicePort } from "../model/manifest.ts";
import { isCidr, isIpAddress } from "./ip-address.ts";
import {
  isFqdn,
  isLabel,
  isPartialWildcard,
  isPortProtocol,
  isWildcardHost,
  parseProtocol,
  protocolNames,
  protocolTraits,
} from "./names.ts";
import { isPortNumber } from "./port-number.ts";
import { checkEndpoints, portNameFault } from "./validate-endpoints.ts";
import { checkSelector } from "./validate-selector.ts";
import { quote } from "./violation.ts";
import type { Findings } from "./violation.ts";

const hostWish =
  `Istio wants dot-separated labels of 1 to 63 letters, digits and "-", 255 in all, the last no number`;

/** The rules S1 to S13: what istiod asks of a ServiceEntry beyond its metadata. */
export function checkServiceEntry(manifest: ServiceEntryManifest, findings: Findings): void {
  const { spec } = manifest;
  if (!checkSelector(spec.workloadSelector, "S2", findings)) return;
  if (spec.workloadSelector !== undefined && hasEndpoints(spec)) {
    findings.error(
      "S2",
      "spec.endpoints",
      "endpoints beside a workloadSelector: Istio wants only one of the two",
    );
  }
  checkHosts(spec, findings);
  checkAddresses(spec, findings);
  const portNames = checkPorts(spec, findings);
  checkResolution(manifest, portNames, findings);
  checkSeveralHosts(spec, findings);
  checkExportTo(manifest, findings);
}

/** An empty list on the wire is the same as none. */
function hasEndpoints(spec: ServiceEntrySpec): boolean {
  return spec.endpoints !== undefined && spec.endpoints.length > 0;
}

function checkHosts(spec: ServiceEntrySpec, findings: Findings): void {
  if (spec.hosts.length === 0) findings.error("S1", "spec.hosts", "no hosts: Istio wants at least one");
  for (const [index, host] of spec.hosts.entries()) {
    if (host === "*") {
      findings.error(
        "S1",
        `spec.hosts[${index}]`,
        `host "*": Istio wants at least a domain after the wildcard`,
      );
    } else if (!isWildcardHost(host)) {
      findings.error("S1", `spec.hosts[${index}]`, `host ${quote(host)}: ${hostWish}`);
    }
    if (isPartialWildcard(host) && spec.resolution !== "DYNAMIC_DNS") {
      findings.warning("S1", `spec.hosts[${index}]`, `host ${quote(host)}: Istio wants a dot after "*"`);
    }
  }
}

function checkAddresses(spec: ServiceEntrySpec, findings: Findings): void {
  const { resolution = "NONE" } = spec;
  for (const [index, address] of (spec.addresses ?? []).entries()) {
    const path = `spec.addresses[${index}]`;
    if (!isIpAddress(address) && !isCidr(address)) {
      findings.error(
        "S3",
        path,
        `${quote(address)}: Istio wants an IP address or a CIDR block such as 10.0.0.0/8`,
      );
    }
    if (address.includes("/") && resolution !== "NONE" && resolution !== "STATIC") {
      findings.error(
        "S3",
        path,
        `CIDR block ${quote(address)}: Istio wants resolution NONE or STATIC with it`,
      );
    }
  }
}

/** Checks S4 and S5, and answers the names of all service ports. */
function checkPorts(spec: ServiceEntrySpec, findings: Findings): Set<string> {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const hasAddress = spec.addresses !== undefined && spec.addresses.length > 0;
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const path = `spec.ports[${index}]`;
    if (names.has(port.name)) {
      findings.error("S4", `${path}.name`, `port name ${quote(port.name)} twice: Istio wants each once`);
    }
    if (numbers.has(port.number)) {
      findings.error("S4", `${path}.number`, `port ${port.number} twice: Istio wants each once`);
    }
    names.add(port.name);
    numbers.add(port.number);
    checkPort(port, path, findings);
    if (!hasAddress) checkNeedOfAddress(port, path, findings);
  }
  return names;
}

function checkPort(port: ServicePort, path: string, findings: Findings): void {
  if (!isLabel(port.name)) findings.error("S4", `${path}.name`, portNameFault(port.name));
  if (!isPortNumber(port.number)) {
    findings.error("S4", `${path}.number`, `port ${port.number}: Istio wants 1 to 65535`);
  }
  const { protocol = "", targetPort = 0 } = port;
  if (targetPort !== 0 && !isPortNumber(targetPort)) {
    findings.error("S4", `${path}.targetPort`, `port ${targetPort}: Istio wants 1 to 65535`);
  }
  if (!isPortProtocol(protocol)) findings.error("S4", `${path}.protocol`, protocolFault(protocol));
}

/** Why a text can't be the protocol of a port. */
export function protocolFault(protocol: string): string {
  return `protocol ${quote(protocol)}: Istio wants one of ${protocolNames.join(", ")} in any case, or none`;
}

/**
 * S5. istiod warns only where it would not allocate an address itself. Entries that come over xDS never get one
 * since 1.25, so for us the warning holds always: entries without an address share one 0.0.0.0 listener per port.
 */
function checkNeedOfAddress(port: ServicePort, path: string, findings: Findings): void {
  const { protocol = "" } = port;
  if (protocol !== "" && protocol !== "TCP") return;
  const name = protocol === "" ? "no protocol" : "protocol TCP";
  const message =
    `${name} without spec.addresses: Istio wants an address of its own for a host that isn't HTTP`;
  findings.warning("S5", `${path}.protocol`, message);
}

function checkResolution(
  manifest: ServiceEntryManifest,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  const { spec } = manifest;
  const { resolution = "NONE" } = spec;
  switch (resolution) {
    case "NONE":
      return checkNone(spec, findings);
    case "STATIC":
      return checkEndpoints(spec, portNames, findings);
    case "DNS":
    case "DNS_ROUND_ROBIN":
      return checkDns(spec, resolution, portNames, findings);
    case "DYNAMIC_DNS":
      return checkDynamicDns(manifest, findings);
    default:
      return resolutionFault(resolution, findings);
  }
}

/** S13: only reached by a manifest that didn't go through the schema. */
function resolutionFault(resolution: never, findings: Findings): void {
  const message = `resolution ${
    quote(String(resolution))
  }: Istio wants NONE, STATIC, DNS, DNS_ROUND_ROBIN or DYNAMIC_DNS`;
  findings.error("S13", "spec.resolution", message);
}

function checkNone(spec: ServiceEntrySpec, findings: Findings): void {
  if (hasEndpoints(spec)) {
    findings.error(
      "S6",
      "spec.endpoints",
      "endpoints with resolution NONE (the default): Istio wants STATIC or DNS",
    );
  }
  if (spec.workloadSelector !== undefined) {
    findings.warning(
      "S6",
      "spec.workloadSelector",
      "workloadSelector with resolution NONE: Istio wants another one",
    );
  }
}

function checkDns(
  spec: ServiceEntrySpec,
  resolution: Resolution,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  const count = spec.endpoints?.length ?? 0;
  if (count === 0) {
    for (const [index, host] of spec.hosts.entries()) {
      if (isFqdn(host)) continue;
      const message = `host ${
        quote(host)
      } can't be looked up: Istio wants a DNS name, or endpoints, with ${resolution}`;
      findings.error("S8", `spec.hosts[${index}]`, message);
    }
  }
  if (resolution === "DNS_ROUND_ROBIN" && count > 1) {
    findings.error(
      "S8",
      "spec.endpoints",
      `${count} endpoints: Istio wants at most one with DNS_ROUND_ROBIN`,
    );
  }
  checkEndpoints(spec, portNames, findings);
  if (spec.hosts.length > 1 && (spec.addresses?.length ?? 0) > 0) checkSharedAddress(spec, findings);
}

function checkSharedAddress(spec: ServiceEntrySpec, findings: Findings): void {
  const index = (spec.ports ?? []).findIndex((port) => {
    const protocol = parseProtocol(port.protocol ?? "");
    return protocol !== undefined && protocolTraits(protocol).tcp;
  });
  if (index === -1) return;
  const message = `${spec.hosts.length} hosts share the addresses: Istio wants one host with a TCP port`;
  findings.warning("S8", `spec.ports[${index}].protocol`, message);
}

const dynamicDnsProtocols: ReadonlySet<string | undefined> = new Set(["http", "http2", "grpc", "tls"]);

function checkDynamicDns(manifest: ServiceEntryManifest, findings: Findings): void {
  const { spec, metadata } = manifest;
  for (const [index, host] of spec.hosts.entries()) {
    if (host.startsWith("*")) continue;
    findings.error(
      "S12",
      `spec.hosts[${index}]`,
      `host ${quote(host)}: Istio wants a wildcard with DYNAMIC_DNS`,
    );
  }
  if ((spec.addresses?.length ?? 0) > 0) {
    findings.error("S12", "spec.addresses", "addresses with DYNAMIC_DNS: Istio wants none");
  }
  if (hasEndpoints(spec)) {
    findings.error("S12", "spec.endpoints", "endpoints with DYNAMIC_DNS: Istio wants none");
  }
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (dynamicDnsProtocols.has(parseProtocol(port.protocol ?? ""))) continue;
    const message = `protocol ${
      quote(port.protocol ?? "")
    }: Istio wants HTTP, HTTP2, GRPC or TLS with DYNAMIC_DNS`;
    findings.error("S12", `spec.ports[${index}].protocol`, message);
  }
  const waypoint = metadata.labels?.["istio.io/use-waypoint"] ?? "";
  if (spec.location === "MESH_INTERNAL" && waypoint !== "" && waypoint.toLowerCase() !== "none") {
    const message = `MESH_INTERNAL with DYNAMIC_DNS and the waypoint ${
      quote(waypoint)
    }: Istio wants MESH_EXTERNAL`;
    findings.error("S12", "spec.location", message);
  }
}

/** True for a port whose proxy can tell hosts apart: by HTTP's authority or by TLS' server name. */
export function tellsHostsApart(portProtocol: string): boolean {
  const protocol = parseProtocol(portProtocol);
  return protocol !== undefined && (protocolTraits(protocol).http || protocolTraits(protocol).tls);
}

/** S10: all hosts of an entry share its ports, so each port has to tell them apart. */
function checkSeveralHosts(spec: ServiceEntrySpec, findings: Findings): void {
  const { resolution = "NONE" } = spec;
  if (resolution === "NONE" || spec.hosts.length < 2) return;
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (tellsHostsApart(port.protocol ?? "")) continue;
    const name = quote(port.protocol ?? "");
    const message =
      `protocol ${name} with ${spec.hosts.length} hosts: Istio wants one host, or HTTP, gRPC or TLS`;
    findings.error("S10", `spec.ports[${index}].protocol`, message);
  }
}

function checkExportTo(manifest: ServiceEntryManifest, findings: Findings): void {
  const { exportTo = [] } = manifest.spec;
  const seen = new Set<string>();
  for (const [index, target] of exportTo.entries()) {
    const path = `spec.exportTo[${index}]`;
    const namespace = target === "." ? manifest.metadata.namespace : target;
    if (seen.has(namespace)) {
      const same = target === "." ? ` (the namespace ${quote(namespace)})` : "";
      findings.error("S11", path, `${quote(target)}${same} twice: Istio wants each once`);
    } else if (target !== "*" && target !== "~" && !isLabel(namespace)) {
      findings.error(
        "S11",
        path,
        `${quote(namespace)}: Istio wants ".", "*", "~" or the name of a namespace`,
      );
    } else if ((target === "*" || target === "~") && exportTo.length > 1) {
      findings.error("S11", path, `${quote(target)} beside other values: Istio wants it alone`);
    }
    seen.add(namespace);
  }
}
