import { onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { allFacts, decodeFactSubject, factsRoot } from "../../../shared/facts/fact-subject.ts";
import { openCluster } from "../../../shared/kubernetes/open-cluster.ts";
import type { KubernetesCluster } from "../../../shared/kubernetes/kubernetes.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { SimulatedKubernetes } from "../../../shared/simulators/kubernetes/server.ts";
import type { Pod } from "../../../shared/simulators/kubernetes/objects.ts";
import { ClusterFacts } from "./cluster-facts.ts";

/** Patience for a busy machine. */
export const patient = { timeout: 60_000, interval: 5 };

/** A logger that says nothing. */
export const silentLog = createLogger("test");
silentLog.level = "silent";

/** A log of facts in memory. */
export function newFactsLog(): EntryLog {
  return new EmbeddedEntryLog(new Date(), factsRoot);
}

/** A simulated cluster that a test started; it ends with the test. */
export async function startCluster() {
  const server = new SimulatedKubernetes();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const url = await server.listen("127.0.0.1:0");
  const open = (name = "home"): Promise<KubernetesCluster> =>
    openCluster({ kind: "text", text: server.kubeconfig(url) }, { name, maxRetryMs: 20, environment: {} });
  return { server, url, open };
}

/** A pod as it runs, unless the fields say otherwise. */
export function runningPod(
  name: string,
  ip: string,
  labels: Readonly<Record<string, string>> = {},
  fields: Partial<Omit<Pod, "metadata">> = {},
): Pod {
  return {
    metadata: { namespace: "shop", name, labels, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { nodeName: "n1", serviceAccountName: "shop", ...fields.spec },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }], ...fields.status },
  };
}

/** Publishes a cluster's facts until the test ends, or `stop` is called. */
export function publish(cluster: KubernetesCluster, factsLog: EntryLog, member = "a", id = "home") {
  const guard = { maxShrinkPercent: 30, minEndpoints: 3, holdTimeMs: 600_000 };
  const facts = new ClusterFacts({ id, cluster, factsLog, member, guard, log: silentLog });
  const abort = new AbortController();
  const running = facts.run(abort.signal);
  const stop = async () => {
    abort.abort();
    await running;
  };
  onTestFinished(stop);
  return { facts, stop, running };
}

/** What is on the log: pods and nodes by their names, and the kinds of all other messages. */
export async function contentOf(factsLog: EntryLog) {
  const found: Record<string, unknown> = {};
  let last = 0;
  for await (const { subject, data, sequence } of factsLog.readBack(allFacts, new AbortController().signal)) {
    const id = decodeFactSubject(subject);
    last = Math.max(last, sequence);
    if (id?.kind === "Pod" || id?.kind === "Node") {
      found[`${id.cluster} ${id.name}`] = JSON.parse(Buffer.from(data).toString("utf8"));
    }
  }
  return { found, last };
}

/** Names of the facts on the log, sorted. */
export async function namesOn(factsLog: EntryLog): Promise<string[]> {
  return Object.keys((await contentOf(factsLog)).found).sort();
}
