import type { KubernetesCluster, Reflector, ReflectorEvent } from "../kubernetes.ts";
import { ClusterRoster } from "./cluster-roster.ts";
import type { RosterChange } from "./cluster-roster.ts";
import { clusterSecretsOf, decodeClusterSecret } from "./cluster-secret.ts";
import type { ClusterSecret } from "./cluster-secret.ts";

/** Who wants to know of remote clusters. */
export interface ClusterSecretsListener {
  /**
   * A remote cluster was added, rotated, removed or refused. `isEvidence`: false for a `removed` whose Secret was merely
   * missing from a complete read.
   */
  onChange(change: RosterChange, isEvidence: boolean): void;
  /** Every event of the Secrets' reflector, after its changes: for readiness, status and log. */
  onEvent?(event: ReflectorEvent<ClusterSecret>): void;
}

/** Who replaces a Secret deletes it and creates another one: within this time, in milliseconds, that is one change. */
const replacingMs = 5_000;

/**
 * Follows the multicluster Secrets of a namespace in our own cluster, and tells what to do about remote clusters. A Secret
 * that is gone counts as deleted after `graceMs`: until then it may come again, or another one may take its clusters over.
 */
export function followClusterSecrets(
  home: KubernetesCluster,
  namespace: string,
  listener: ClusterSecretsListener,
  graceMs = replacingMs,
): Reflector<ClusterSecret> {
  const roster = new ClusterRoster();
  const gone = new Map<string, NodeJS.Timeout>();
  const tell = (changes: readonly RosterChange[], isEvidence: boolean) => {
    for (const change of changes) listener.onChange(change, isEvidence);
  };
  const stay = (key: string) => {
    clearTimeout(gone.get(key));
    gone.delete(key);
  };
  const go = (key: string, isEvidence: boolean, event: ReflectorEvent<ClusterSecret>) => {
    stay(key);
    const timer = setTimeout(() => {
      gone.delete(key);
      if (reflector.state.phase === "closed") return;
      tell(roster.deleted(key), isEvidence);
      listener.onEvent?.(event);
    }, graceMs);
    timer.unref();
    gone.set(key, timer);
  };
  /** Secrets that are gone, and all of whose clusters these name. */
  const replacedBy = (secrets: readonly ClusterSecret[]) => {
    const named = new Set(secrets.flatMap(({ clusters }) => [...clusters.keys()]));
    const replaced = [...gone.keys()].filter((key) =>
      [...roster.clusters].every(([id, secret]) => secret !== key || named.has(id))
    );
    for (const key of replaced) stay(key);
    return replaced;
  };
  const set = (secrets: readonly ClusterSecret[]) => {
    for (const { key } of secrets) stay(key);
    tell(roster.change(secrets, replacedBy(secrets)), true);
  };
  const reflector: Reflector<ClusterSecret> = home.reflect(clusterSecretsOf(namespace), {
    trim: decodeClusterSecret,
    onEvent(event) {
      switch (event.type) {
        case "set":
          set([event.object]);
          break;
        case "deleted":
          go(event.key, true, event);
          break;
        case "read-ended":
          for (const key of event.lost.keys()) go(key, false, event);
          set([...event.set.values()].map(({ object }) => object));
          break;
        case "read-started":
        case "failed":
        case "invalid":
        case "silent":
          break;
      }
      listener.onEvent?.(event);
    },
  });
  return reflector;
}
