import { SimulatedKubernetes } from "../../shared/simulators/kubernetes/server.ts";
import type { CatalogueSize } from "./catalogue.ts";

/** Labels, containers and conditions of a pod as large as real ones: 7 KB with all that a server adds. */
const containers = ["application", "istio-proxy"].map((name) => ({
  name,
  image: `registry.example/team/${name}:1.2.3`,
  env: Array.from(
    { length: 25 },
    (_, index) => ({ name: `VARIABLE_${index}`, value: `value-${"x".repeat(40)}` }),
  ),
  resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { memory: "1Gi" } },
  volumeMounts: Array.from(
    { length: 6 },
    (_, index) => ({ name: `volume-${index}`, mountPath: `/mnt/${index}` }),
  ),
}));
const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => (
  { type, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }
));

const nodes = Array.from(
  { length: 200 },
  (_, index) => ({ name: `node-${index}`, zone: `r1-${"abc"[index % 3]}` }),
);

/** A large cluster in a simulated API server: Services with one slice each, and as many pods again that none selects. */
export class KubernetesLoad implements AsyncDisposable {
  readonly server = new SimulatedKubernetes();
  readonly #size: CatalogueSize;
  /** Endpoints that were replaced, by Service. */
  readonly #moved = new Map<number, number>();
  #heartbeat = 0;

  constructor(size: CatalogueSize) {
    this.#size = size;
  }

  async start(): Promise<string> {
    const { services, instances } = this.#size;
    for (const { name, zone } of nodes) {
      const labels = { "topology.kubernetes.io/region": "r1", "topology.kubernetes.io/zone": zone };
      this.server.set("nodes", { metadata: { name, labels } });
    }
    for (let index = 0; index < services; index++) {
      this.server.set("services", {
        metadata: { namespace: namespaceOf(index), name: nameOf(index), labels: { app: nameOf(index) } },
        spec: {
          type: "ClusterIP",
          selector: { app: nameOf(index) },
          ports: [{ name: "http", port: 80, targetPort: 8080 }, { name: "grpc", port: 90, targetPort: 9090 }],
        },
      });
      this.#setSlice(index);
      for (let number = 0; number < instances * 2; number++) this.#setPod(index, number, "v1");
    }
    return await this.server.listen("127.0.0.1:0");
  }

  /** Gives a Service's first endpoint another address, as if its pod had moved. */
  change(index: number): void {
    this.#moved.set(index, (this.#moved.get(index) ?? 0) + 1);
    this.#setSlice(index);
  }

  /** Gives a pod of a Service another label. */
  relabel(index: number, version: string): void {
    this.#setPod(index, 0, version);
  }

  /** Changes the status of a pod in a way that means nothing to anybody. */
  beat(): void {
    const place = this.#heartbeat++;
    this.#setPod(
      place % this.#size.services,
      Math.floor(place / this.#size.services) % this.#size.instances,
      "v1",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #setPod(index: number, number: number, version: string): void {
    const node = nodes[(index * 7 + number) % nodes.length];
    const name = nameOf(index);
    this.server.set("pods", {
      metadata: {
        namespace: namespaceOf(index),
        name: `${name}-${number}`,
        labels: {
          app: name,
          version,
          "pod-template-hash": "5d4f8c7b9",
          "security.istio.io/tlsMode": "istio",
        },
      },
      spec: { containers, nodeName: node?.name ?? "", serviceAccountName: name },
      status: {
        phase: "Running",
        podIP: addressOf(index, number, 0),
        conditions,
        startTime: `2026-01-01T00:00:00Z-${this.#heartbeat}`,
      },
    });
  }

  #setSlice(index: number): void {
    const moved = this.#moved.get(index) ?? 0;
    const name = nameOf(index);
    this.server.set("endpointSlices", {
      metadata: {
        namespace: namespaceOf(index),
        name: `${name}-x7k2p`,
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080 }, { name: "grpc", port: 9090 }],
      endpoints: Array.from({ length: this.#size.instances }, (_, number) => ({
        addresses: [addressOf(index, number, number === 0 ? moved : 0)],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: nodes[(index * 7 + number) % nodes.length]?.name ?? "",
        targetRef: { kind: "Pod", namespace: namespaceOf(index), name: `${name}-${number}` },
      })),
    });
  }
}

function nameOf(index: number): string {
  return `service-${index}`;
}

function namespaceOf(index: number): string {
  return `team-${index % 50}`;
}

function addressOf(index: number, number: number, moved: number): string {
  const place = index * 32 + number;
  return `${10 + (moved % 100)}.${(place >> 16) & 255}.${(place >> 8) & 255}.${place & 255}`;
}
