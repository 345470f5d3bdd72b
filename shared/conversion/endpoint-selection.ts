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
  const filters = selectors.map(filterOf).filter((filter) => filter !== undefined);
  if (filters.length === 0) return () => !emptyEpSelectorsExcludeAll;
  return (labels, address) => filters.some((filter) => filter(labels, address));
}

/** As in slime, labels that can't be selected by (an invalid selector) match. */
function filterOf(selector: EndpointSelector): EndpointFilter | undefined {
  const matcher = labelMatcher(selector);
  const { ips = [], cidrs = [] } = selector.excludeIpRanges ?? {};
  if (matcher === undefined && ips.length === 0 && cidrs.length === 0) return undefined;
  const isExcluded = addressMatcher(ips, cidrs);
  return (labels, address) =>
    (matcher === undefined || matcher === "invalid" || matcher(labels)) &&
    !(address !== undefined && isExcluded(address));
}

/** Ranges that can't be read are skipped, as in slime. */
function addressMatcher(ips: readonly string[], cidrs: readonly string[]): (address: string) => boolean {
  const addresses = new Set(ips);
  const ranges = new BlockList();
  let hasRanges = false;
  for (const cidr of cidrs) {
    if (!isCidr(cidr)) continue;
    const [address = "", bits] = cidr.split("/");
    ranges.addSubnet(address, Number(bits), family(address));
    hasRanges = true;
  }
  return (address) =>
    addresses.has(address) ||
    (hasRanges && isIpAddress(address) && ranges.check(address, family(address)));
}

function family(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}
