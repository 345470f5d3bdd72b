import { parseProtocol, protocolTraits } from "./mod.ts";
import type { ServiceEntrySpec } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";

/** `virtualAddresses.mode` of the configuration. */
export type VirtualAddressMode = "auto" | "always" | "never";

/**
 * Which entries are given an address: those with a port that isn't HTTP (`not-http`), all, or none. `auto` is
 * `not-http` in the `istio` profile, and none in the `slime` profile, because slime never wrote addresses.
 */
export type Addressed = "not-http" | "all" | "none";

/** What the configuration means by its mode, see {@link Addressed}. */
export function whoIsAddressed(mode: VirtualAddressMode, profile: Profile): Addressed {
  if (mode === "never") return "none";
  if (mode === "always") return "all";
  return profile === "istio" ? "not-http" : "none";
}

/**
 * The host, in lower case, for which an entry is to be given a virtual address; undefined if it is given none. Since
 * 1.25 istiod gives none itself to entries that come over xDS, and then all hosts on one port that isn't HTTP share
 * one listener. No address is for
 *
 * - an entry that has addresses of its own;
 * - HTTP and gRPC ports (`not-http`): requests name their host. Not so TLS: a client need not send a server name, and
 *   a TLS and a TCP port of one number exclude each other on a shared listener;
 * - resolution NONE: the proxy sends to where the client wanted, and nobody answers at a virtual address; nor
 *   DYNAMIC_DNS, with which Istio forbids addresses;
 * - a wildcard: it is many hosts;
 * - several hosts in one entry: `addresses` count for each of them, so they would share one. Istio only takes such an
 *   entry if its ports tell hosts apart by name (HTTP, TLS).
 *
 * Own allocation in istiod (1.8 to 1.24) makes the same exceptions for NONE and wildcards.
 */
export function addressedHost(spec: ServiceEntrySpec, addressed: Addressed): string | undefined {
  if (addressed === "none" || (spec.addresses?.length ?? 0) > 0) return undefined;
  const { hosts: [host, ...others], ports = [], resolution = "NONE" } = spec;
  if (host === undefined || others.length > 0 || host.startsWith("*")) return undefined;
  if (resolution === "NONE" || resolution === "DYNAMIC_DNS") return undefined;
  if (addressed === "not-http" && ports.every(({ protocol = "" }) => isHttp(protocol))) return undefined;
  return host.toLowerCase();
}

/** What istiod routes by the request's authority. No protocol at all isn't: the proxy guesses, and may find TCP. */
function isHttp(protocol: string): boolean {
  const name = parseProtocol(protocol);
  return name !== undefined && protocolTraits(name).http;
}
