import { isIpAddress, isLabel, safeHost } from "../../../shared/istio/mod.ts";
import { networkingApiVersion } from "../../../shared/model/manifest.ts";
import type { ServiceEntryManifest, ServiceEntrySpec } from "../../../shared/model/manifest.ts";
import { trafficDistributionAnnotation } from "../client/decode.ts";
import type { KubernetesService } from "../client/objects.ts";
import { placeOf } from "./cluster-service.ts";
import type { ClusterService, Report, ServiceRules } from "./cluster-service.ts";
import { compareWorkloads, convertEndpoints } from "./endpoints.ts";
import { agreeing } from "./merge.ts";
import type { AgreedService } from "./merge.ts";

/** Domain of hosts that the MCS API gives to Services of all clusters. */
const clusterSetDomain = "clusterset.local";

/**
 * Converts one Service of one or more clusters; `parts` are the clusters that have it, in any order. Without I/O and
 * clock. Of a Service that isn't for publishing (no ports, `exportTo: ~`, not exported where that is asked for) there is
 * no entry. `report` is called for what is left out and shouldn't have to be.
 */
export function convertService(
  parts: readonly ClusterService[],
  rules: ServiceRules,
  report: Report,
): ServiceEntryManifest[] {
  const own = parts.filter((part) => {
    return (!rules.multiClusterServices || part.exportedAt !== undefined) && !isHidden(part.service);
  });
  if (own.length === 0) return [];
  if (rules.isMerged) {
    const agreed = agreeing(own, rules, report);
    return agreed === undefined ? [] : [toManifest(agreed, rules, report)];
  }
  return own.flatMap((part) => {
    const agreed = agreeing([part], rules, report);
    return agreed === undefined ? [] : [toManifest(agreed, rules, report)];
  });
}

function isHidden({ annotations: { exportTo } }: KubernetesService): boolean {
  return targetsOf(exportTo).includes("~");
}

function targetsOf(exportTo: string): string[] {
  return exportTo.split(",").map((target) => target.trim()).filter((target) => target !== "");
}

/** The namespaces that see a Service; those that are none are left out, and a list of such alone is the Service's own. */
function namespacesOf(part: ClusterService, report: Report): string[] {
  const targets = [...new Set(targetsOf(part.service.annotations.exportTo))];
  const [valid, invalid] = [true, false].map((wanted) =>
    targets.filter((target) => isTarget(target) === wanted)
  );
  if (invalid !== undefined && invalid.length > 0) {
    report({
      path: placeOf(part),
      reason: `exportTo names no namespace with ${JSON.stringify(invalid.join(", "))}`,
    });
  }
  if (valid?.includes("*") === true) return ["*"];
  if (valid?.length === 0 && targets.length > 0) return ["."];
  return valid?.filter((target) => target !== part.service.namespace || !valid.includes(".")) ?? [];
}

function isTarget(target: string): boolean {
  return target === "*" || target === "." || isLabel(target);
}

function toManifest(
  { parts, ports }: AgreedService,
  rules: ServiceRules,
  report: Report,
): ServiceEntryManifest {
  const [first] = parts;
  const { service, cluster } = first;
  const exportTo = namespacesOf(first, report);
  const subjectAltNames = accountsOf(parts, rules);
  const distribution = distributionOf(first);
  const suffix = rules.isMerged ? "" : `.${cluster.id.toLowerCase()}`;
  const { revision } = rules;
  return {
    apiVersion: networkingApiVersion,
    kind: "ServiceEntry",
    metadata: {
      name: safeHost(`${service.name}${suffix}`, 253),
      namespace: safeHost(service.namespace),
      labels: {
        ...service.labels,
        registry: "kubernetes",
        ...(revision !== "" && { "istio.io/rev": revision }),
      },
      ...(distribution !== "" && { annotations: { [trafficDistributionAnnotation]: distribution } }),
    },
    spec: {
      hosts: hostsOf(parts, rules),
      ...addressesOf(parts, rules),
      ports: ports.map(({ entry }) => entry),
      ...(service.externalName === undefined
        ? internal(parts, ports, rules, report)
        : external(service.externalName)),
      ...(exportTo.length > 0 && { exportTo }),
      ...(subjectAltNames.length > 0 && { subjectAltNames }),
    },
  };
}

function hostsOf(parts: AgreedService["parts"], rules: ServiceRules): string[] {
  const { service: { namespace, name } } = parts[0];
  const domains = [
    ...(rules.multiClusterServices ? [clusterSetDomain] : []),
    ...(!rules.multiClusterServices || rules.clusterLocalHosts
      ? parts.map(({ cluster }) => cluster.domain)
      : []),
  ];
  return [...new Set(domains.map((domain) => safeHost(`${name}.${namespace}.svc.${domain}`)))].sort();
}

function addressesOf(parts: AgreedService["parts"], { clusterIps }: ServiceRules): Partial<ServiceEntrySpec> {
  if (!clusterIps) return {};
  const addresses = [...new Set(parts.flatMap(({ service }) => service.clusterIps))].filter(isIpAddress);
  return addresses.length > 0 ? { addresses } : {};
}

function internal(
  parts: AgreedService["parts"],
  ports: AgreedService["ports"],
  rules: ServiceRules,
  report: Report,
): Partial<ServiceEntrySpec> {
  const endpoints = parts.flatMap((part) => convertEndpoints(part, portsFor(part, ports), rules, report));
  return { location: "MESH_INTERNAL", resolution: "STATIC", endpoints: endpoints.sort(compareWorkloads) };
}

/** A part's own names for the ports of the entry. */
function portsFor(part: ClusterService, ports: AgreedService["ports"]) {
  return ports.flatMap(({ entry, own }) => {
    const port = own.get(part);
    return port === undefined ? [] : [{ ...port, entry }];
  });
}

function external(address: string): Partial<ServiceEntrySpec> {
  return { location: "MESH_EXTERNAL", resolution: "DNS", endpoints: [{ address }] };
}

function distributionOf({ service, facts }: ClusterService): string {
  const { annotations: { trafficDistribution }, namespace } = service;
  return service.trafficDistribution || trafficDistribution ||
    (facts.namespace(namespace)?.trafficDistribution ?? "");
}

/** Accounts that the Service itself names; those of pods are at the endpoints. */
function accountsOf(parts: AgreedService["parts"], { trustDomain }: ServiceRules): string[] {
  const names = parts.flatMap(({ service: { namespace, annotations } }) => [
    ...targetsOf(annotations.accounts).map((account) =>
      `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`
    ),
    ...targetsOf(annotations.canonicalAccounts),
  ]);
  return [...new Set(names)].sort();
}
