import { createHash } from "node:crypto";
import { z } from "zod";
import { isMeshError, MeshError } from "../../runtime/errors.ts";
import { checkUntrusted } from "../access/open-access.ts";
import { resources } from "../kubernetes.ts";
import type { ReceivedObject, ResourceSelection } from "../kubernetes.ts";

/** The label of Secrets with kubeconfigs of remote clusters, as Istio has it. */
export const clusterSecretLabel = "istio/multiCluster=true";

/** A kubeconfig in a Secret. */
export interface RemoteKubeconfig {
  readonly text: string;
  /** SHA-256 of the text: an unchanged one needs no new connection. */
  readonly digest: string;
  /** Why it can't be used, with the key at fault; undefined if it can be. */
  readonly problem: string | undefined;
}

/** A multicluster Secret: kubeconfigs by the ids of their clusters. */
export interface ClusterSecret {
  /** `<namespace>/<name>` */
  readonly key: string;
  /** `metadata.creationTimestamp` */
  readonly createdAt: string;
  readonly clusters: ReadonlyMap<string, RemoteKubeconfig>;
}

const secretSchema = z.object({
  metadata: z.object({ creationTimestamp: z.string().catch("") }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** The multicluster Secrets of a namespace, for a reflector; {@link decodeClusterSecret} is its `trim`. */
export function clusterSecretsOf(namespace: string): ResourceSelection {
  return { resource: resources.secrets, namespace, labelSelector: clusterSecretLabel };
}

/**
 * Decodes a multicluster Secret: each key of its data is a cluster's id, its value a kubeconfig. One that can't be used
 * has its reason with it, so that its neighbours live on. @throws MeshError `invalid-record` if it is no Secret at all.
 */
export function decodeClusterSecret({ namespace, name, json }: ReceivedObject): ClusterSecret {
  const key = `${namespace}/${name}`;
  const decoded = secretSchema.safeParse(json);
  if (!decoded.success) throw new MeshError("invalid-record", `Secret ${key}: data isn't a map of texts`);
  const clusters = new Map<string, RemoteKubeconfig>();
  for (const [id, base64] of Object.entries(decoded.data.data ?? {})) {
    const text = Buffer.from(base64, "base64").toString("utf8");
    const digest = createHash("sha256").update(text).digest("hex");
    clusters.set(id, { text, digest, problem: problemOf(text, id) });
  }
  return { key, createdAt: decoded.data.metadata.creationTimestamp, clusters };
}

function problemOf(text: string, id: string): string | undefined {
  try {
    checkUntrusted(text, id);
    return undefined;
  } catch (error) {
    if (isMeshError(error, "invalid-record")) return error.message;
    throw error;
  }
}
