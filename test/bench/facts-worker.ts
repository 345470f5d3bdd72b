import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import { z } from "zod";

/**
 * An API server of generated pods and nodes, in a process of its own: 100,000 pods of the usual 8 KB would not be kept by a
 * simulator that keeps objects. It lists by pages, and its watches tell what {@link Order} says.
 */

const Order = z.discriminatedUnion("type", [
  /** Changes of the status alone, spread over that time. */
  z.object({ type: z.literal("status"), changes: z.number(), perSecond: z.number() }),
  z.object({ type: z.literal("label"), pod: z.number(), value: z.string() }),
]);

const pods = Number(process.argv[2]);
const nodes = Math.ceil(pods / 100);
const padding = "x".repeat(6500);
const watches = new Set<ServerResponse>();
let revision = 1;

function pod(index: number, label: string, restarts: number) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `app-${Math.floor(index / 20)}-5d9c7b6f4-${index.toString(36)}`,
      namespace: `team-${index % 50}`,
      uid: `${index}`,
      resourceVersion: `${++revision}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: {
        app: `app-${Math.floor(index / 20)}`,
        version: "v1",
        "pod-template-hash": "5d9c7b6f4",
        "security.istio.io/tlsMode": "istio",
        ...(label !== "" && { label }),
      },
      annotations: { padding },
    },
    spec: { nodeName: `node-${index % nodes}`, serviceAccountName: `app-${Math.floor(index / 20)}` },
    status: {
      phase: "Running",
      podIP: addressOf(index),
      podIPs: [{ ip: addressOf(index) }],
      containerStatuses: [{ restartCount: restarts }],
    },
  };
}

function addressOf(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

function node(index: number) {
  const labels = { "topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": `z${index % 3}` };
  const metadata = { name: `node-${index}`, resourceVersion: `${++revision}`, labels };
  return { apiVersion: "v1", kind: "Node", metadata };
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  const isPods = url.pathname.endsWith("/pods");
  const { searchParams } = url;
  if (searchParams.get("sendInitialEvents") === "true") {
    response.writeHead(422, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ kind: "Status", code: 422, message: "no WatchList" }));
  }
  if (searchParams.get("watch") !== null) {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (isPods) watches.add(response);
    response.on("close", () => watches.delete(response));
    return;
  }
  const total = isPods ? pods : nodes;
  const from = Number(searchParams.get("continue") ?? 0);
  const to = Math.min(total, from + Number(searchParams.get("limit") ?? total));
  const items = Array.from(
    { length: to - from },
    (_, at) => isPods ? pod(from + at, "", 0) : node(from + at),
  );
  const metadata = { resourceVersion: "1", ...(to < total && { continue: String(to) }) };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ kind: isPods ? "PodList" : "NodeList", apiVersion: "v1", metadata, items }));
});

function tell(object: unknown): void {
  const line = `${JSON.stringify({ type: "MODIFIED", object })}\n`;
  for (const watch of watches) watch.write(line);
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" && address !== null ? address.port : 0 });
});

process.on("message", (message) => {
  const order = Order.parse(message);
  if (order.type === "label") return tell(pod(order.pod, order.value, 0));
  let done = 0;
  const timer = setInterval(() => {
    for (let burst = 0; burst < order.perSecond / 20 && done < order.changes; burst++) {
      tell(pod((done * 7919) % pods, "", ++done));
    }
    if (done >= order.changes) clearInterval(timer);
  }, 50);
});
process.on("disconnect", () => process.exit(0));
