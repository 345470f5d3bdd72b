import type { Endpoint, Rejection, ServiceDetail } from "../../../shared/api/services.ts";
import { networkingApiVersion, ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { sourceLabel } from "../output-stage/compose/joined-endpoints.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import type { ApiOptions } from "./api-options.ts";
import { conflictsIn } from "./conflict-answers.ts";
import { holdersOf } from "./holders.ts";
import { rejectionOf } from "./rejections.ts";
import { groupOf, membersOf, rowOf } from "./service-rows.ts";

/** All that is known of the served service of that name; undefined if none is served. */
export function serviceDetail(name: string, options: ApiOptions): ServiceDetail | undefined {
  const resource = options.cache.get("ServiceEntry", name);
  if (resource === undefined) return undefined;
  const row = rowOf(resource, options);
  const decoded = decodeResource("ServiceEntry", resource.framed, true);
  const spec = ServiceEntrySpec.parse(decoded.spec);
  const group = groupOf(resource, options);
  const conflicts = group === undefined ? [] : conflictsIn(group, options);
  const leftOut = new Map(
    conflicts.flatMap(({ claimedBy }) =>
      claimedBy.map((claim) => [`${claim.source} ${claim.name}`, claim.leftOut] as const)
    ),
  );
  return {
    ...row,
    labels: { ...decoded.labels },
    createdAt: decoded.creationTimestamp ?? null,
    location: spec.location ?? "MESH_EXTERNAL",
    resolution: spec.resolution ?? "NONE",
    addresses: spec.addresses ?? [],
    addressesAreVirtual: options.ingest.isVirtual(resource.subject),
    exportTo: spec.exportTo ?? [],
    ports: (spec.ports ?? []).map(({ number, name, protocol = "", targetPort }) => ({
      number,
      name,
      protocol,
      targetPort: targetPort === undefined || targetPort === 0 ? null : targetPort,
    })),
    endpointList: endpointsOf(spec, row.sources[0] ?? ""),
    records: membersOf(resource, options).map((member) => ({
      ...recordOf(member, options),
      leftOut: leftOut.get(`${sourceKey(member.registry, member.source)} ${member.name}`) ?? null,
    })),
    conflicts,
    holders: holdersOf(resource, options),
    manifest: manifestOf(resource),
  };
}

/** The served service of that name as `kubectl` would apply it; undefined if none is served. */
export function serviceManifest(
  name: string,
  { cache }: Pick<ApiOptions, "cache">,
): ServiceDetail["manifest"] | undefined {
  const resource = cache.get("ServiceEntry", name);
  return resource === undefined ? undefined : manifestOf(resource);
}

function manifestOf({ framed }: CachedResource): ServiceDetail["manifest"] {
  const { name, namespace, labels, annotations, creationTimestamp, spec } = decodeResource(
    "ServiceEntry",
    framed,
  );
  return {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace,
      labels,
      annotations,
      ...(creationTimestamp && { creationTimestamp }),
    },
    spec,
  };
}

function endpointsOf({ endpoints = [] }: ServiceEntrySpec, onlySource: string): Endpoint[] {
  return endpoints.map(({ address, ports, labels, locality, network, weight, serviceAccount }) => ({
    address: address ?? "",
    ports: ports ?? {},
    labels: labels ?? {},
    locality: locality || null,
    network: network || null,
    weight: weight || null,
    serviceAccount: serviceAccount || null,
    source: labels?.[sourceLabel] ?? onlySource,
  }));
}

function recordOf(member: CachedResource, { ingest }: ApiOptions) {
  const { registry, source, name, subject, cursor, endpoints } = member;
  const rejected = ingest.rejections.get(subject);
  const rejection: Rejection | null = rejected === undefined ? null : rejectionOf(subject, rejected);
  const inDoubt = ingest.doubtsOf({ registry, source }).get(subject)?.why ?? null;
  return {
    source: sourceKey(registry, source),
    name,
    subject,
    position: cursor,
    endpoints,
    inDoubt,
    rejection,
  };
}
