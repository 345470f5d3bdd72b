import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

/** The name of this process among the replicas: the pod's, or the machine's and a random part. */
export function memberName(podName: string): string {
  const name = podName === "" ? hostname() : podName;
  // A restarted process is another replica: what the last one had on its way must not pass for its own.
  return `${name.replaceAll(/[^A-Za-z0-9-]/g, "-")}-${randomUUID().slice(0, 8)}`;
}
