import { Hono } from "hono";
import type { EntryLog } from "../../../shared/entry-log/entry-log.ts";
import { NodeFact, PodFact, readFact } from "../../../shared/facts/fact.ts";
import { decodeFactSubject, kindFilter } from "../../../shared/facts/fact-subject.ts";
import { FactsIndex } from "../../../shared/facts/facts-index.ts";
import { streamedText } from "../../../shared/runtime/streamed-text.ts";

/** What is shown of an object's metadata: slime shows all that Kubernetes has, of which nothing else is known here. */
interface ShownMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly creationTimestamp: string | null;
}

/**
 * Slime's routes about pods and nodes: `/pc` has each pod by cluster and address, `/nc` each node by cluster and name. They
 * read the stream of facts, so that each request costs one pass over it; without requests there is no cost.
 */
export function podRoutes(factsLog: EntryLog | undefined): Hono {
  const routes = new Hono();
  routes.all("/pc", async (c) => {
    const pods = factsLog === undefined ? new Map() : await readPods(factsLog, c.req.raw.signal);
    return c.body(streamedText(jsonOf(pods)), 200, { "Content-Type": "application/json" });
  });
  routes.all("/nc", async (c) => {
    const nodes = factsLog === undefined ? new Map() : await readNodes(factsLog, c.req.raw.signal);
    return c.body(streamedText(jsonOf(nodes)), 200, { "Content-Type": "application/json" });
  });
  return routes;
}

type ByCluster<Value> = Map<string, Map<string, Value>>;

async function readPods(factsLog: EntryLog, signal: AbortSignal) {
  // Of several pods that claim an address the index knows which one has it.
  const indices = new Map<string, FactsIndex>();
  const facts = new Map<string, { readonly cluster: string; readonly fact: PodFact }>();
  for await (const { subject, data } of factsLog.readBack(kindFilter("Pod"), signal)) {
    const id = decodeFactSubject(subject);
    const fact = readFact(PodFact, data);
    if (id?.kind !== "Pod" || fact === undefined) continue;
    const index = indices.get(id.cluster) ?? new FactsIndex(id.cluster);
    indices.set(id.cluster, index);
    index.setPod(id.cluster, id.namespace, id.name, fact);
    facts.set(`${id.cluster} ${id.namespace}/${id.name}`, { cluster: id.cluster, fact });
  }
  const shown: ByCluster<{ readonly Meta: ShownMeta; readonly NodeName: string }> = new Map();
  for (const { cluster, fact } of facts.values()) {
    for (const address of fact.ips) {
      const pod = indices.get(cluster)?.of(address);
      const winner = pod && facts.get(`${cluster} ${pod.namespace}/${pod.name}`)?.fact;
      if (pod === undefined || winner === undefined) continue;
      const { name, namespace, labels } = pod;
      const Meta = { name, namespace, ...shownLabels(labels), creationTimestamp: timeOf(winner.created) };
      put(shown, cluster, address, { Meta, NodeName: winner.node });
    }
  }
  return shown;
}

async function readNodes(factsLog: EntryLog, signal: AbortSignal) {
  const shown: ByCluster<ShownMeta> = new Map();
  for await (const { subject, data } of factsLog.readBack(kindFilter("Node"), signal)) {
    const id = decodeFactSubject(subject);
    const fact = readFact(NodeFact, data);
    if (id?.kind !== "Node" || fact === undefined) continue;
    const { labels, created } = fact;
    put(shown, id.cluster, id.name, {
      name: id.name,
      ...shownLabels(labels),
      creationTimestamp: timeOf(created),
    });
  }
  return shown;
}

function put<Value>(shown: ByCluster<Value>, cluster: string, key: string, value: Value): void {
  const known = shown.get(cluster);
  if (known === undefined) shown.set(cluster, new Map([[key, value]]));
  else known.set(key, value);
}

/** As in Go, which leaves out what is empty. */
function shownLabels(labels: Readonly<Record<string, string>>) {
  return Object.keys(labels).length === 0 ? {} : { labels };
}

function timeOf(created: number): string | null {
  return created === 0 ? null : new Date(created * 1000).toISOString().replace(".000Z", "Z");
}

/** In parts, because there may be 100,000 pods. */
function* jsonOf(shown: ByCluster<unknown>): Iterable<string> {
  yield "{";
  let isFirstCluster = true;
  for (const [cluster, members] of shown) {
    yield `${isFirstCluster ? "" : ","}\n${JSON.stringify(cluster)}: {`;
    isFirstCluster = false;
    let isFirst = true;
    for (const [key, value] of members) {
      yield `${isFirst ? "" : ","}\n${JSON.stringify(key)}: ${JSON.stringify(value)}`;
      isFirst = false;
    }
    yield "}";
  }
  yield "}\n";
}
