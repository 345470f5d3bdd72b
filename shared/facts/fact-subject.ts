import { decodeName, encodeName, encodeToken } from "../model/subject.ts";

/**
 * Subjects of the facts. They lie on a stream of their own, beside the entries, so that `nats sub 'mesh.entries.>'`
 * shows manifests and nothing else:
 *
 *     mesh.facts.Pod.<cluster>.<namespace>.<name>   what is known of a pod
 *     mesh.facts.Node.<cluster>.<name>              what is known of a node
 *     mesh.facts.Synced.<cluster>.%                 everything that the cluster has is on the stream
 *     mesh.facts.Term.<cluster>.%                   who publishes
 *     mesh.facts.Lease.<cluster>.%                  the publisher's sign of life
 */

/** The prefix of all facts. */
export const factsRoot = "mesh.facts";

/** The filter that matches all facts. */
export const allFacts = `${factsRoot}.>`;

/** What a message is about. */
export type FactId =
  | { readonly kind: "Pod"; readonly cluster: string; readonly namespace: string; readonly name: string }
  | { readonly kind: "Node"; readonly cluster: string; readonly name: string }
  | { readonly kind: "Synced" | "Term" | "Lease"; readonly cluster: string };

/** The subject of a pod. */
export function podSubject(cluster: string, namespace: string, name: string): string {
  return `${factsRoot}.Pod.${encodeToken(cluster)}.${encodeToken(namespace)}.${encodeName(name)}`;
}

/** The subject of a node. */
export function nodeSubject(cluster: string, name: string): string {
  return `${factsRoot}.Node.${encodeToken(cluster)}.${encodeName(name)}`;
}

/** The subject of a message about a cluster as a whole. */
export function clusterSubject(kind: "Synced" | "Term" | "Lease", cluster: string): string {
  return `${factsRoot}.${kind}.${encodeToken(cluster)}.%`;
}

/** The filter that matches everything about one cluster. */
export function clusterFilter(cluster: string): string {
  return `${factsRoot}.*.${encodeToken(cluster)}.>`;
}

/** The filter that matches all pods, or all nodes. */
export function kindFilter(kind: "Pod" | "Node"): string {
  return `${factsRoot}.${kind}.>`;
}

/** What a subject stands for; undefined for what isn't one of ours. */
export function decodeFactSubject(subject: string): FactId | undefined {
  if (!subject.startsWith(`${factsRoot}.`)) return undefined;
  const [kind, clusterToken = "", ...rest] = subject.slice(factsRoot.length + 1).split(".");
  const cluster = decodeName(clusterToken);
  if (cluster === undefined || rest.length === 0) return undefined;
  switch (kind) {
    case "Pod": {
      const [namespaceToken = "", ...nameTokens] = rest;
      const namespace = decodeName(namespaceToken);
      const name = nameTokens.length === 0 ? undefined : decodeName(nameTokens.join("."));
      return namespace === undefined || name === undefined ? undefined : { kind, cluster, namespace, name };
    }
    case "Node": {
      const name = decodeName(rest.join("."));
      return name === undefined ? undefined : { kind, cluster, name };
    }
    case "Synced":
    case "Term":
    case "Lease":
      return rest.length === 1 && rest[0] === "%" ? { kind, cluster } : undefined;
    case undefined:
    default:
      return undefined;
  }
}
