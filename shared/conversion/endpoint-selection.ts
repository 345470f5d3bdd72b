import { BlockList } from "node:net";
import type { EndpointSelector } from "../config/mod.ts";
import { isCidr, isIpAddress } from "../istio/mod.ts";
import { labelMatcher } from "./label-selector.ts";

/** The options of a source that choose among instances. */
export interface EndpointSelectionOptions {
  readonly endpointSelectors: readonly EndpointSelector[];
  /** By the name that the registry's instances are looked up with. */
  readonly servicedEndpointSelectors: Readonly<Record<string, readonly EndpointSelector[]>>;
  readonly emptyEpSelectorsExcludeAll: boolean;
  readonly alwaysUseSourceScopedEpSelectors: boolean;
}

/** Whether an instance is taken. `address` is undefined where the registry's conversion knows none (slime's Nacos). */
export type EndpointFilter = (
  labels: Readonly<Record<string, string>>,
  address: string | undefined,
) => boolean;

/**
 * Compiles a source's selectors. The answer gives the filter of a service, by the first of its names that has
 * selectors of its own; these take the place of the source's, or come on top with `alwaysUseSourceScopedEpSelectors`.
 */
export function endpointSelection(
  options: EndpointSelectionOptions,
): (...serviceNames: readonly string[]) => EndpointFilter {
  const general = anyOf(options.endpointSelectors, options);
  const byService = new Map<string, EndpointFilter>();
  for (const [name, selectors] of Object.entries(options.servicedEndpointSelectors)) {
    const own = anyOf(selectors, options);
    byService.set(
      name,
      options.alwaysUseSourceScopedEpSelectors
        ? (labels, address) => own(labels, address) && general(labels, address)
        : own,
    );
  }
  if (byService.size === 0) return () => general;
  return (...serviceNames) => {
    for (const name of serviceNames) {
      const filter = byService.get(name);
      if (filter !== undefined) return filter;
    }
    return general;
  };
}

/** Selectors are ORed. One that says nothing doesn't count; without any that counts, all instances are alike. */
function anyOf(
  selectors: readonly EndpointSelector[],
  { emptyEpSelectorsExcludeAll }: EndpointSelectionOptions,
): EndpointFilter {
  const filters = selectors.map((selector) => filterOf(selector, !emptyEpSelectorsExcludeAll))
    .filter((filter) => filter !== undefined);
  if (filters.length === 0) return () => !emptyEpSelectorsExcludeAll;
  return (labels, address) => filters.some((filter) => filter(labels, address));
}

/** As in slime, labels that can't be selected by (an invalid selector) match. */
function filterOf(selector: EndpointSelector, withoutRanges: boolean): EndpointFilter | undefined {
  const matcher = labelMatcher(selector);
  const { ips = [], cidrs = [] } = selector.excludeIpRanges ?? {};
  if (matcher === undefined && ips.length === 0 && cidrs.length === 0) return undefined;
  const isExcluded = excludedAddresses(ips, cidrs, withoutRanges);
  return (labels, address) =>
    (matcher === undefined || matcher === "invalid" || matcher(labels)) &&
    !(address !== undefined && isExcluded(address));
}

/**
 * As in slime, ranges that can't be read are skipped; and if that leaves nothing, all addresses are as good as with no
 * selector at all (`withoutRanges`).
 */
function excludedAddresses(
  ips: readonly string[],
  cidrs: readonly string[],
  withoutRanges: boolean,
): (address: string) => boolean {
  const addresses = new Set(ips);
  const ranges = cidrs.map(withoutLeadingZeros).filter(isCidr);
  if (ips.length + cidrs.length > 0 && addresses.size + ranges.length === 0) return () => !withoutRanges;
  const isInRanges = rangeMatcher(ranges);
  return (address) => addresses.has(address) || isInRanges(address);
}

/** Go's `net.ParseCIDR`, which slime uses, takes `10.0.0.0/08`. */
function withoutLeadingZeros(cidr: string): string {
  return cidr.replace(/\/0+(?=[0-9])/, "/");
}

/**
 * Tells whether an address is in a range, as Go's `IPNet.Contains` does: IPv4 only in ranges of IPv4, in either
 * spelling (`::ffff:10.0.0.0/104`), which a BlockList alone sees in `::/0`, too.
 */
function rangeMatcher(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false;
  const ranges = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/");
    const isIpv4 = !address.includes(":") || (isMapped(address) && Number(bits) >= 96);
    ranges[isIpv4 ? "ipv4" : "ipv6"].addSubnet(address, Number(bits), family(address));
  }
  return (address) => {
    if (!isIpAddress(address)) return false;
    const isIpv4 = !address.includes(":") || isMapped(address);
    return ranges[isIpv4 ? "ipv4" : "ipv6"].check(address, family(address));
  };
}

const mappedAddresses = new BlockList();
mappedAddresses.addSubnet("::ffff:0:0", 96, "ipv6");

/** True for an IPv6 address that means an IPv4 address. */
function isMapped(address: string): boolean {
  return mappedAddresses.check(address, "ipv6");
}

function family(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}
