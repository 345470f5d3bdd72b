import type { Manifest, ServiceEntrySpec } from "../../../shared/model/manifest.ts";

/** What of a ServiceEntry decides whether it conflicts with others. */
export interface HostClaim {
  /** In lower case, each once: istiod compares hosts without regard to case. A wildcard is a host of its own. */
  readonly hosts: readonly string[];
  /** The namespaces that see it, see {@link scopeOf}. */
  readonly scope: string;
  /** True if it has no endpoints and none can come from elsewhere (a lookup of its host, a workload selector). */
  readonly isEmpty: boolean;
}

/** The scope that every namespace is in. */
export const everywhere = "*";

/** What an entry claims; undefined for kinds without hosts. */
export function hostClaimOf(manifest: Manifest): HostClaim | undefined {
  if (manifest.kind !== "ServiceEntry") return undefined;
  const { spec, metadata } = manifest;
  return {
    hosts: hostsOf(spec.hosts),
    scope: scopeOf(spec.exportTo, metadata.namespace),
    isEmpty: hasNoEndpoints(spec),
  };
}

function hostsOf(hosts: readonly string[]): readonly string[] {
  const [only, ...others] = hosts;
  if (only !== undefined && others.length === 0) return [only.toLowerCase()];
  return [...new Set(hosts.map((host) => host.toLowerCase()))];
}

/**
 * The namespaces that see an entry of a namespace with this `exportTo`, as one text: equal for equal sets. `*` is all
 * of them (also what Istio takes an absent list for), the empty text none, else names in order with commas between.
 */
export function scopeOf(exportTo: readonly string[] | undefined, namespace: string): string {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes("*")) return everywhere;
  const names = exportTo.filter((name) => name !== "~").map((name) => name === "." ? namespace : name);
  return [...new Set(names)].sort().join();
}

/** What of an entry says which clients see it. */
export interface Audience {
  readonly scope: string;
  /** The label `istio.io/rev`; undefined: every revision. */
  readonly revision: string | undefined;
}

/** True if some client sees both. */
export function areSeenTogether(a: Audience, b: Audience): boolean {
  if (a.revision !== undefined && b.revision !== undefined && a.revision !== b.revision) return false;
  if (a.scope === "" || b.scope === "") return false;
  if (a.scope === b.scope || a.scope === everywhere || b.scope === everywhere) return true;
  const names = new Set(a.scope.split(","));
  return b.scope.split(",").some((name) => names.has(name));
}

/** True if every client that sees `a` sees `b`, too. */
export function isSeenWherever(a: Audience, b: Audience): boolean {
  if (b.revision !== undefined && b.revision !== a.revision) return false;
  if (a.scope === b.scope || b.scope === everywhere || a.scope === "") return true;
  if (a.scope === everywhere) return false;
  const names = new Set(b.scope.split(","));
  return a.scope.split(",").every((name) => names.has(name));
}

/** True for an entry of a source that has no endpoints, and can get none from elsewhere. */
export function isEmpty({ claim }: { readonly claim?: HostClaim | undefined }): boolean {
  return claim?.isEmpty === true;
}

function hasNoEndpoints({ resolution, workloadSelector, endpoints }: ServiceEntrySpec): boolean {
  return resolution === "STATIC" && workloadSelector === undefined && (endpoints ?? []).length === 0;
}
