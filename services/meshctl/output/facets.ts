import { ServiceEntrySpec, SidecarSpec } from "../../../shared/model/manifest.ts";
import type { WorkloadEntry } from "../../../shared/model/manifest.ts";
import type { ShownResource } from "./resource.ts";

/** What a line about a resource shows of it. */
export interface Facets {
  readonly hosts: readonly string[];
  /** `80/HTTP`. */
  readonly ports: readonly string[];
  /** How many of what: `endpoints`, `egress hosts`; empty for kinds that have no such thing. */
  readonly membersName: string;
  readonly members: readonly Member[];
  /** The rest of the spec, by field. */
  readonly others: Readonly<Record<string, unknown>>;
}

/** One endpoint, or one host that a Sidecar lets through. */
export interface Member {
  /** What makes it this one and no other. */
  readonly key: string;
  readonly label: string;
  /** Everything about it; differs if something else than the key changed. */
  readonly content: string;
}

/** Takes apart what it knows; of other kinds, and of what has another form, only `others` is told. */
export function facetsOf({ kind, spec }: ShownResource): Facets {
  const fields = typeof spec === "object" && spec !== null ? spec : {};
  if (kind === "ServiceEntry") {
    const parsed = ServiceEntrySpec.safeParse({ hosts: [], ...fields });
    if (parsed.success) return ofServiceEntry(parsed.data, fields);
  }
  if (kind === "Sidecar") {
    const parsed = SidecarSpec.safeParse(fields);
    if (parsed.success) return ofSidecar(parsed.data, fields);
  }
  return { hosts: [], ports: [], membersName: "", members: [], others: { ...fields } };
}

function ofServiceEntry(spec: ServiceEntrySpec, fields: object): Facets {
  return {
    hosts: spec.hosts,
    ports: (spec.ports ?? []).map(({ number, protocol }) => `${number}/${protocol ?? "?"}`),
    membersName: "endpoints",
    members: endpointMembers(spec.endpoints ?? []),
    others: without(fields, ["hosts", "ports", "endpoints"]),
  };
}

/** By address; where one address has several endpoints, by address and port. */
function endpointMembers(endpoints: readonly WorkloadEntry[]): Member[] {
  const addresses = new Set<string>();
  const repeated = new Set<string>();
  for (const { address = "" } of endpoints) {
    if (addresses.has(address)) repeated.add(address);
    addresses.add(address);
  }
  return endpoints.map((endpoint) => {
    const { address = "", ports = {} } = endpoint;
    const numbers = [...new Set(Object.values(ports))].join(",");
    const key = `${address}:${numbers}`;
    return { key, label: repeated.has(address) ? key : address, content: canonical(endpoint) };
  });
}

function ofSidecar(spec: SidecarSpec, fields: object): Facets {
  const hosts = (spec.egress ?? []).flatMap((listener) => listener.hosts ?? []);
  return {
    hosts: [],
    ports: [],
    membersName: "egress hosts",
    members: hosts.map((host) => ({ key: host, label: host, content: host })),
    others: without(fields, ["egress"]),
  };
}

function without(fields: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

/** JSON with sorted keys: the order of keys means nothing. */
export function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
  ) ?? "";
}
