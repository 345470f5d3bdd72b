import { pause } from "../../../shared/runtime/waiting.ts";
import type { BeliefTimes } from "./belief.ts";
import type { NacosCluster } from "./cluster.ts";

/*
 * A part of a source that can't be read (a cluster, a namespace) must not keep the others from being published. It is
 * waited for as long as a server's start takes, if another part can be read.
 */

/** What is asked of a cluster. */
type ReadState = Pick<NacosCluster, "isComplete" | "isFailing" | "isReadable">;

/** How often it is looked at whether a cluster is still to be waited for, in milliseconds. */
const lookMs = 200;

/** Returns a function that says whether, from now on, what can't be read has been waited for long enough. */
export function patienceWith(clusters: readonly ReadState[], { settleMs }: BeliefTimes): () => boolean {
  const dueMs = performance.now() + settleMs;
  return () => performance.now() >= dueMs && clusters.some(({ isReadable }) => isReadable);
}

/** Settles when each cluster has been read, or isn't waited for any more; or when the signal aborts. */
export async function untilOthersRead(
  clusters: readonly ReadState[],
  times: BeliefTimes,
  signal: AbortSignal,
): Promise<void> {
  const mayLeave = patienceWith(clusters, times);
  while (!signal.aborted) {
    if (clusters.every(({ isComplete }) => isComplete)) return;
    if (mayLeave() && clusters.every(({ isComplete, isFailing }) => isComplete || isFailing)) return;
    await pause(lookMs, signal);
  }
}
