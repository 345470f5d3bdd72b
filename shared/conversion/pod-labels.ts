import type { FactLookup } from "../facts/fact-join.ts";

/** Labels of an endpoint with what is known of the pod at its address, see {@link withPodLabels}. */
export interface PatchedLabels {
  /** A new object if there is a pod. */
  readonly labels: Record<string, string>;
  /** Labels of the pod's node, among which locality is looked for where the endpoint has none; empty: not known. */
  readonly nodeLabels: Readonly<Record<string, string>>;
}

const none: Readonly<Record<string, string>> = Object.freeze({});

/** Lays the labels of the pod at an address over an endpoint's labels (`labelPatch`): each of them wins, as in slime. */
export function withPodLabels(
  labels: Record<string, string>,
  address: string,
  facts: FactLookup | undefined,
): PatchedLabels {
  const pod = facts?.(address);
  if (pod === undefined) return { labels, nodeLabels: none };
  return { labels: { ...labels, ...pod.labels }, nodeLabels: pod.nodeLabels };
}
