import type { Resolution, WorkloadEntry } from "../model/manifest.ts";
import { isIpAddress } from "./ip-address.ts";
import { unixPrefix } from "./unix-address.ts";
import { quote } from "./violation.ts";

/** `sun_path` of Linux has 108 bytes, the final NUL among them. */
const longestUnixPathBytes = 107;

const largestPort = 65_535;

/**
 * Why Envoy rejects an endpoint, and everything that it is sent along with it; undefined if it takes the endpoint.
 * Tried with Envoy 1.40. Much of it Istio's rules forbid as well; what they let pass are zones of IPv6 addresses, and
 * long paths of unix sockets.
 */
export function envoyFault(
  { address = "", network = "", ports = {} }: WorkloadEntry,
  resolution: Resolution,
): string | undefined {
  if (resolution === "STATIC") {
    // Reached through the gateway of its network, whose address istiod fills in.
    const fault = address === "" && network !== "" ? undefined : staticFault(address);
    if (fault !== undefined) return fault;
  } else if (address === "") return "has no address";
  for (const name in ports) {
    const port = ports[name] ?? 0;
    if (port > largestPort) return `has the port ${port}`;
  }
  return undefined;
}

function staticFault(address: string): string | undefined {
  if (address.startsWith(unixPrefix)) return unixFault(address.slice(unixPrefix.length));
  if (!isIpAddress(address)) return `has no IP address (${quote(address)})`;
  return address.includes("%") ? `has an IPv6 address with a zone (${quote(address)})` : undefined;
}

function unixFault(path: string): string | undefined {
  if (Buffer.byteLength(path) > longestUnixPathBytes) {
    return `has a unix socket's path of more than ${longestUnixPathBytes} bytes`;
  }
  return !path.startsWith("@") && path.includes("\0") ? "has a unix socket's path with a NUL" : undefined;
}
