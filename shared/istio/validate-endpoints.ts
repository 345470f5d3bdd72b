import type { ServiceEntrySpec, WorkloadEntry } from "../model/manifest.ts";
import { isIpAddress } from "./ip-address.ts";
import { isFqdn, isLabel, isLabelKey, isLabelValue } from "./names.ts";
import { isPortNumber } from "./port-number.ts";
import { unixPathFault, unixPrefix } from "./unix-address.ts";
import { quote } from "./violation.ts";
import type { Findings } from "./violation.ts";

/**
 * The rules about `spec.endpoints` of a STATIC (S7, S9) or DNS (S8, S9) ServiceEntry.
 *
 * This runs for every endpoint of every service, so it allocates nothing unless there is something to report:
 * 0.1 µs for an endpoint with one port and no labels, 0.3 µs with five labels (Node 24, one core of a shared
 * machine).
 */
export function checkEndpoints(
  spec: ServiceEntrySpec,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  const endpoints = spec.endpoints ?? [];
  const isStatic = spec.resolution === "STATIC";
  /** Fine already: endpoints that are alike share their labels, as long as nobody has written and read them. */
  let checked: Readonly<Record<string, string>> | undefined;
  for (const [index, endpoint] of endpoints.entries()) {
    if (isStatic) checkStaticAddress(endpoint, index, portNames, findings);
    else checkDnsAddress(endpoint, index, findings);
    if (endpoint.ports !== undefined) checkPorts(endpoint.ports, index, portNames, findings);
    const { labels } = endpoint;
    if (labels !== undefined && labels !== checked && checkLabels(labels, index, findings)) checked = labels;
    if (findings.full) return;
  }
}

function checkStaticAddress(
  endpoint: WorkloadEntry,
  index: number,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  const address = endpoint.address ?? "";
  if (isIpAddress(address)) return;
  const path = `spec.endpoints[${index}].address`;
  if (address.startsWith(unixPrefix)) {
    checkUnixEndpoint(endpoint, address, index, portNames, findings);
  } else if (address !== "") {
    findings.error(
      "S7",
      path,
      `${quote(address)} is no IP address: resolution STATIC wants an IP or unix://PATH`,
    );
  } else if (endpoint.network === undefined || endpoint.network === "") {
    findings.error("S7", path, `no address: resolution STATIC wants an IP address or unix://PATH`);
  } else {
    findings.warning(
      "S7",
      path,
      `no address: Istio reaches it through the gateway of ${quote(endpoint.network)}`,
    );
  }
}

function checkUnixEndpoint(
  endpoint: WorkloadEntry,
  address: string,
  index: number,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  const path = `spec.endpoints[${index}]`;
  const fault = unixPathFault(address);
  if (fault !== undefined) findings.error("S7", `${path}.address`, fault);
  if (endpoint.ports !== undefined && Object.keys(endpoint.ports).length > 0) {
    findings.error("S7", `${path}.ports`, `ports on ${quote(address)}: Istio wants none on a unix endpoint`);
  }
  if (portNames.size !== 1) {
    const message = `${portNames.size} service ports: Istio wants exactly one with the unix endpoint ${
      quote(address)
    }`;
    findings.error("S7", "spec.ports", message);
  }
}

function checkDnsAddress(endpoint: WorkloadEntry, index: number, findings: Findings): void {
  const address = endpoint.address ?? "";
  if (isIpAddress(address) || isFqdn(address)) return;
  const message = `${
    quote(address)
  } is neither an IP address nor a DNS name, and resolution DNS wants one of them`;
  findings.error("S8", `spec.endpoints[${index}].address`, message);
}

function checkPorts(
  ports: Readonly<Record<string, number>>,
  index: number,
  portNames: ReadonlySet<string>,
  findings: Findings,
): void {
  for (const name in ports) {
    const number = ports[name] ?? 0;
    if (portNames.has(name) && isPortNumber(number)) continue;
    const path = `spec.endpoints[${index}].ports[${quote(name)}]`;
    if (!portNames.has(name)) {
      const known = [...portNames].slice(0, 10).map(quote).join(", ");
      findings.error(
        "S9",
        path,
        `${quote(name)} is no port of this entry: Istio wants one of ${known || "no ports"}`,
      );
      if (!isLabel(name)) findings.error("S9", path, portNameFault(name));
    }
    if (!isPortNumber(number)) findings.error("S9", path, `port ${number}: Istio wants 1 to 65535`);
  }
}

/** Why a text can't be the name of a port. */
export function portNameFault(name: string): string {
  return `port name ${
    quote(name)
  }: Istio wants 1 to 63 letters, digits and "-", a letter or digit at both ends`;
}

/** True if nothing is wrong with them. */
function checkLabels(labels: Readonly<Record<string, string>>, index: number, findings: Findings): boolean {
  let areValid = true;
  for (const key in labels) {
    const value = labels[key] ?? "";
    if (isLabelKey(key) && isLabelValue(value)) continue;
    areValid = false;
    const path = `spec.endpoints[${index}].labels[${quote(key)}]`;
    if (!isLabelKey(key)) {
      const wanted = `Istio wants [DNS prefix/]name, the name 1 to 63 letters, digits and "-_."`;
      findings.error("S9", path, `label key ${quote(key)}: ${wanted}, a letter or digit at both ends`);
    }
    if (!isLabelValue(value)) {
      const wanted = `Istio wants nothing, or letters, digits and "-_." with a letter or digit at both ends`;
      findings.error("S9", path, `label value ${quote(value)}: ${wanted}`);
    }
  }
  return areValid;
}
