import { z } from "zod";
import type { NodeFact, PodFact } from "../../../shared/facts/fact.ts";
import type { ReceivedObject } from "../../../shared/kubernetes/kubernetes.ts";

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
  const { metadata, spec, status } = Pod.parse(json);
  if (spec?.hostNetwork === true) return undefined;
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  const ips = (status?.podIPs ?? []).flatMap(({ ip }) => isGiven(ip) ? [ip] : []);
  if (ips.length === 0 && isGiven(status?.podIP)) ips.push(status.podIP);
  if (ips.length === 0) return undefined;
  return {
    ips,
    node: spec?.nodeName ?? "",
    account: spec?.serviceAccountName ?? "",
    labels: metadata.labels ?? {},
    created: seconds(metadata.creationTimestamp),
    ...(isGiven(metadata.deletionTimestamp) && { ending: true }),
  };
}

/** What is known of a node. @throws ZodError if it isn't one. */
export function trimNode({ json }: ReceivedObject): NodeFact {
  const { metadata } = Node.parse(json);
  return { labels: metadata.labels ?? {}, created: seconds(metadata.creationTimestamp) };
}

function isGiven(text: string | null | undefined): text is string {
  return text != null && text !== "";
}

function seconds(time: string | null | undefined): number {
  const milliseconds = Date.parse(time ?? "");
  return Number.isNaN(milliseconds) ? 0 : Math.floor(milliseconds / 1000);
}
