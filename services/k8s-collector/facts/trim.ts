import { z } from "zod";
import type { NodeFact, PodFact } from "../../../shared/facts/fact.ts";
import type { ReceivedObject } from "../../../shared/kubernetes/kubernetes.ts";
import { objectIn, textIn, textsIn } from "../../../shared/kubernetes/quick-read.ts";

/**
 * What is kept of pods and nodes: a few hundred bytes of the 8 KB that they have. What isn't kept makes no difference, so
 * that a change of the status alone, as most are, ends at a comparison.
 */

const Labels = z.record(z.string(), z.string()).nullish();

const Pod = z.object({
  metadata: z.object({
    labels: Labels,
    creationTimestamp: z.string().nullish(),
    deletionTimestamp: z.string().nullish(),
  }),
  spec: z.object({
    nodeName: z.string().nullish(),
    serviceAccountName: z.string().nullish(),
    hostNetwork: z.boolean().nullish(),
  }).nullish(),
  status: z.object({
    phase: z.string().nullish(),
    podIP: z.string().nullish(),
    podIPs: z.array(z.object({ ip: z.string().nullish() })).nullish(),
  }).nullish(),
});

const Node = z.object({
  metadata: z.object({ labels: Labels, creationTimestamp: z.string().nullish() }),
});

/**
 * What is known of a pod; undefined for one without addresses of its own: it has none yet, has ended, or uses those of
 * its node, which are other processes' as well.
 * @throws ZodError if it isn't a pod.
 */
export function trimPod({ json }: ReceivedObject): PodFact | undefined {
  const pod = quickPod(json) ?? slowPod(json);
  if (pod.hostNetwork || pod.phase === "Succeeded" || pod.phase === "Failed") return undefined;
  // Not grown one by one: arrays keep room for what may come, ten times the size of one address.
  const ips = pod.podIps.length > 0 ? Array.from(pod.podIps) : pod.podIp === "" ? [] : [pod.podIp];
  if (ips.length === 0) return undefined;
  return {
    ips,
    node: pod.node,
    account: pod.account,
    labels: pod.labels,
    created: seconds(pod.created),
    ...(pod.deleted !== "" && { ending: true }),
  };
}

/** What is read of a pod; `""` for what isn't given. */
interface ReadPod {
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string;
  readonly deleted: string;
  readonly node: string;
  readonly account: string;
  readonly hostNetwork: boolean;
  readonly phase: string;
  readonly podIp: string;
  readonly podIps: readonly string[];
}

/** Undefined: it isn't as it should be. */
function quickPod(json: ReceivedObject["json"]): ReadPod | undefined {
  const metadata = objectIn(json, "metadata");
  const spec = objectIn(json, "spec");
  const status = objectIn(json, "status");
  if (metadata === undefined || spec === undefined || status === undefined) return undefined;
  const labels = textsIn(metadata, "labels");
  const created = textIn(metadata, "creationTimestamp");
  const deleted = textIn(metadata, "deletionTimestamp");
  const node = textIn(spec, "nodeName");
  const account = textIn(spec, "serviceAccountName");
  const hostNetwork = spec["hostNetwork"] ?? false;
  const phase = textIn(status, "phase");
  const podIp = textIn(status, "podIP");
  const podIps = addressesIn(status["podIPs"] ?? []);
  if (
    labels === undefined || created === undefined || deleted === undefined || node === undefined ||
    account === undefined || typeof hostNetwork !== "boolean" || phase === undefined || podIp === undefined ||
    podIps === undefined
  ) return undefined;
  return { labels, created, deleted, node, account, hostNetwork, phase, podIp, podIps };
}

function addressesIn(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const addresses: string[] = [];
  for (const each of value) {
    if (each === null || each === undefined) return undefined;
    const entry = objectIn({ each }, "each");
    const ip = entry && textIn(entry, "ip");
    if (ip === undefined) return undefined;
    if (ip !== "") addresses.push(ip);
  }
  return addresses;
}

/** @throws ZodError if it isn't a pod. */
function slowPod(json: ReceivedObject["json"]): ReadPod {
  const { metadata, spec, status } = Pod.parse(json);
  return {
    labels: metadata.labels ?? {},
    created: metadata.creationTimestamp ?? "",
    deleted: metadata.deletionTimestamp ?? "",
    node: spec?.nodeName ?? "",
    account: spec?.serviceAccountName ?? "",
    hostNetwork: spec?.hostNetwork === true,
    phase: status?.phase ?? "",
    podIp: status?.podIP ?? "",
    podIps: (status?.podIPs ?? []).flatMap(({ ip }) => ip == null || ip === "" ? [] : [ip]),
  };
}

/** What is known of a node. @throws ZodError if it isn't one. */
export function trimNode({ json }: ReceivedObject): NodeFact {
  const { metadata } = Node.parse(json);
  return { labels: metadata.labels ?? {}, created: seconds(metadata.creationTimestamp) };
}

function seconds(time: string | null | undefined): number {
  const milliseconds = Date.parse(time ?? "");
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}
