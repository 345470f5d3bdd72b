import { isIPv6 } from "node:net";
import { isIpAddress } from "./ip-address.ts";
import { isFqdn } from "./names.ts";
import { unixPrefix } from "./unix-address.ts";
import { quote } from "./violation.ts";

/**
 * Addresses of endpoints: one spelling for each, and which of them no proxy may be given. istiod checks less than
 * Envoy does: with an IPv6 zone in one endpoint, Envoy rejects the whole EDS response, so that every other service of
 * the response stays as it was, and is unknown to a proxy that has just started.
 */

const linkLocal = /^fe[89ab][0-9a-f]:/;
const ipv6Multicast = /^ff[0-9a-f]{2}:/;
const mappedIpv4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * True for nearly all addresses that there are, and quickly: an IPv4 address of another host, in its one spelling, with
 * which nothing is wrong.
 */
export function isOrdinaryAddress(address: string): boolean {
  const first = Number.parseInt(address, 10);
  return first > 0 && first < 224 && first !== 127 && !address.includes(":") && isIpAddress(address);
}

/**
 * The one spelling of an address: IPv6 as RFC 5952 writes it, without brackets; an IPv4 address that is mapped into
 * IPv6 as IPv4; a host name in lower case and without the final dot. A zone (`2001:db8::7%eth0`) is cut, because it
 * means something on its own host only; a link-local address keeps it, since it is nothing without it. The very same
 * text if it is in order, or if it is no address.
 */
export function canonicalAddress(address: string): string {
  if (address.includes(":")) return address.startsWith(unixPrefix) ? address : canonicalIpv6(address);
  if (isIpAddress(address) || !isFqdn(address)) return address;
  return (address.endsWith(".") ? address.slice(0, -1) : address).toLowerCase();
}

function canonicalIpv6(text: string): string {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  const percent = bare.indexOf("%");
  const address = percent === -1 ? bare : bare.slice(0, percent);
  if (!isIPv6(address) || percent === bare.length - 1) return text;
  // The URL standard writes IPv6 hosts as RFC 5952 does.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = mappedIpv4.exec(short) ?? [];
  if (high !== undefined && low !== undefined) {
    return dotted(Number.parseInt(high, 16), Number.parseInt(low, 16));
  }
  return percent !== -1 && linkLocal.test(short) ? `${short}${bare.slice(percent)}` : short;
}

/**
 * An IP address without the zone that it may have; the very same text if it has none, or is no address. For the `slime`
 * profile, which has slime's spelling of everything else.
 */
export function withoutZone(address: string): string {
  const percent = address.indexOf("%");
  return percent === -1 || !isIpAddress(address) ? address : address.slice(0, percent);
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/**
 * Why no proxy can reach an endpoint at a {@link canonicalAddress}, as the end of a sentence; undefined if it may. IP
 * addresses, host names and `unix://…` may; which of them an entry's resolution allows is another question.
 */
export function addressFault(address: string): string | undefined {
  if (address === "") return "has no address";
  if (address.startsWith(unixPrefix)) return undefined;
  if (!isIpAddress(address)) {
    return isFqdn(address) ? undefined : `has neither an IP address nor a host name (${quote(address)})`;
  }
  return address.includes(":") ? ipv6Fault(address) : ipv4Fault(address);
}

function ipv4Fault(address: string): string | undefined {
  if (address === "0.0.0.0") return nobodys(address);
  const first = Number(address.slice(0, address.indexOf(".")));
  const isMulticast = first >= 224 && first <= 239;
  return isMulticast || address === "255.255.255.255" ? everybodys(address) : undefined;
}

function ipv6Fault(address: string): string | undefined {
  if (address === "::") return nobodys(address);
  return ipv6Multicast.test(address) ? everybodys(address) : linkLocalFault(address);
}

/** Why a link-local IPv6 address can't be an endpoint; undefined for any other. */
export function linkLocalFault(address: string): string | undefined {
  if (!linkLocal.test(address.toLowerCase())) return undefined;
  return `has a link-local address (${address}), which means nothing on another host`;
}

function nobodys(address: string): string {
  return `has ${address} for an address, at which every proxy would call its own host`;
}

function everybodys(address: string): string {
  return `has ${address} for an address, which is that of a group, not of a host`;
}

/** True if a {@link canonicalAddress} is the caller's own host: 127.0.0.0/8, `::1`, `localhost` and names below it. */
export function isLoopback(address: string): boolean {
  if (address.startsWith("127.")) return isIpAddress(address);
  return address === "::1" || address === "localhost" || address === "localhost.localdomain" ||
    address.endsWith(".localhost");
}
