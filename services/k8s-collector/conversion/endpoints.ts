import { instanceLocality, localityLabel } from "../../../shared/conversion/locality.ts";
import { instanceAddressFault } from "../../../shared/conversion/instance-address.ts";
import {
  canonicalAddress,
  compareCodePoints,
  isIpAddress,
  isOrdinaryAddress,
  isPortNumber,
} from "../../../shared/istio/mod.ts";
import type { WorkloadEntry } from "../../../shared/model/manifest.ts";
import type { KubernetesPod, KubernetesSlice, SliceEndpoint } from "../client/objects.ts";
import type { ClusterService, Report, ServiceRules } from "./cluster-service.ts";
import type { ConvertedPort } from "./service-ports.ts";

/** The label that says which cluster an endpoint is of. */
export const clusterLabel = "topology.istio.io/cluster";
const networkLabel = "topology.istio.io/network";

/** istiod serves endpoints with this label as draining: for calls of sessions that they have. */
const drainingLabel = "istio.io/draining";

/** Labels of Services whose callers stay with one endpoint. */
const sessionLabels = ["istio.io/persistent-session", "istio.io/persistent-session-header"];

interface Found {
  readonly endpoint: SliceEndpoint;
  readonly ports: Record<string, number>;
}

/** The endpoints of a Service in one cluster, by address and port, whatever the order and number of its slices. */
export function convertEndpoints(
  part: ClusterService,
  ports: readonly ConvertedPort[],
  rules: ServiceRules,
  report: Report,
): WorkloadEntry[] {
  const drains = sessionLabels.some((label) => part.service.labels[label] !== undefined);
  const found: Found[] = [];
  const byAddress = new Map<string, Found[]>();
  for (const slice of ofFirstFamily(part)) {
    const path = `${part.cluster.id}: EndpointSlice ${slice.namespace}/${slice.name}`;
    const numbers = portNumbers(slice, ports, (reason) => report({ path, reason }));
    if (Object.keys(numbers).length === 0) continue;
    for (const given of slice.endpoints) {
      if (given.state === "unready" || (given.state === "draining" && !drains)) continue;
      const endpoint = usable(given, rules.allowLoopback, (reason) => report({ path, reason }));
      if (endpoint === undefined) continue;
      const same = byAddress.get(endpoint.address) ?? [];
      const index = same.findIndex((other) => agree(other.ports, numbers));
      const other = same[index];
      if (other === undefined) {
        const added = { endpoint, ports: { ...numbers } };
        byAddress.set(endpoint.address, [...same, added]);
        found.push(added);
      } else {
        Object.assign(other.ports, numbers);
        // An endpoint that is in two slices for a moment is as ready as the readier one says.
        if (other.endpoint.state !== "ready" && endpoint.state === "ready") {
          found.splice(found.indexOf(other), 1, same[index] = { endpoint, ports: other.ports });
        }
      }
    }
  }
  return found.flatMap(({ endpoint, ports: numbers }) => {
    const pod = endpoint.pod === "" ? undefined : part.facts.pod(endpoint.pod);
    return pod === "awaited" ? [] : [toWorkload(endpoint, numbers, pod, part, rules)];
  }).sort(compareWorkloads);
}

/** In the order of their names: the result must not depend on which slice was heard of first. */
function ofFirstFamily({ service: { ipFamilies }, slices }: ClusterService): KubernetesSlice[] {
  const all = [...slices].sort((a, b) => compareCodePoints(a.name, b.name));
  const [first, second] = ipFamilies;
  if (second === undefined) return all;
  // A pod with two addresses is one endpoint: its slices of the second family say the same again.
  const own = all.filter(({ family }) => family === first);
  return own.some(({ endpoints }) => endpoints.length > 0) ? own : all;
}

/** The numbers of an entry's ports at a slice's endpoints. A slice has the ports that its endpoints have. */
function portNumbers(
  slice: KubernetesSlice,
  ports: readonly ConvertedPort[],
  report: (reason: string) => void,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const { ownName, fallback, entry: { name } } of ports) {
    const own = slice.ports.find((port) => port.name === ownName);
    if (own === undefined) continue;
    const number = own.number ?? fallback;
    if (isPortNumber(number)) numbers[name] = number;
    else report(`port ${number} (${name}) is none: its endpoints don't offer it`);
  }
  return numbers;
}

/** The endpoint at the one spelling of its address; undefined if no proxy can reach it there. */
function usable(
  endpoint: SliceEndpoint,
  allowLoopback: boolean,
  report: (reason: string) => void,
): SliceEndpoint | undefined {
  if (isOrdinaryAddress(endpoint.address)) return endpoint;
  const address = canonicalAddress(endpoint.address);
  const fault = isIpAddress(address)
    ? instanceAddressFault(address, allowLoopback)
    : "has an address that is none of IP";
  if (fault === undefined) return { ...endpoint, address };
  report(`the endpoint ${JSON.stringify(endpoint.address)} ${fault}`);
  return undefined;
}

function agree(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.entries(b).every(([name, number]) => a[name] === undefined || a[name] === number);
}

function toWorkload(
  { address, state, node: nodeName, zone }: SliceEndpoint,
  ports: Record<string, number>,
  pod: KubernetesPod | undefined,
  part: ClusterService,
  rules: ServiceRules,
): WorkloadEntry {
  const { cluster, facts } = part;
  const name = nodeName === "" ? pod?.node ?? "" : nodeName;
  const node = name === "" ? undefined : facts.node(name);
  const podLabels = pod?.labels ?? {};
  const place = {
    region: node?.region ?? "",
    zone: (node?.zone ?? "") || zone,
    subzone: node?.subzone ?? "",
  };
  const locality = localityOf(podLabels, place, rules.region);
  const network = (podLabels[networkLabel] ?? "") ||
    (facts.namespace(rules.istioNamespace)?.network ?? "") || cluster.network;
  return {
    address,
    ports,
    labels: {
      ...podLabels,
      [clusterLabel]: cluster.id,
      ...(network !== "" && { [networkLabel]: network }),
      ...(place.region !== "" && { "topology.kubernetes.io/region": place.region }),
      ...(place.zone !== "" && { "topology.kubernetes.io/zone": place.zone }),
      ...(place.subzone !== "" && { "topology.istio.io/subzone": place.subzone }),
      ...(name !== "" && { "kubernetes.io/hostname": name }),
      ...(state === "draining" && { [drainingLabel]: "true" }),
    },
    ...(network !== "" && { network }),
    ...(locality !== undefined && { locality }),
    ...(pod !== undefined && pod.account !== "" && { serviceAccount: pod.account }),
  };
}

/** A pod's own label decides, then its node's. Without a region there is no locality in Istio. */
function localityOf(
  podLabels: Readonly<Record<string, string>>,
  { region, zone, subzone }: { readonly region: string; readonly zone: string; readonly subzone: string },
  regionOfZones: string,
): string | undefined {
  const own = podLabels["topology.istio.io/locality"] ?? podLabels[localityLabel] ?? "";
  const labels = {
    [localityLabel]: own,
    "topology.kubernetes.io/region": region,
    "topology.kubernetes.io/zone": zone,
    "topology.istio.io/subzone": subzone,
  };
  return instanceLocality(labels, { zone: "", region: regionOfZones }, noLabels, "istio")?.locality;
}

const noLabels = { region: "", zone: "", subzone: "" };

/** The order of endpoints in an entry. */
export function compareWorkloads(a: WorkloadEntry, b: WorkloadEntry): number {
  return compareCodePoints(a.address ?? "", b.address ?? "") ||
    compareCodePoints(JSON.stringify(a.ports), JSON.stringify(b.ports)) ||
    compareCodePoints(a.labels?.[clusterLabel] ?? "", b.labels?.[clusterLabel] ?? "");
}
