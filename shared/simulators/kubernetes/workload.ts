import { createHash } from "node:crypto";
import type { EndpointSlice, ServicePort, SliceEndpoint } from "./objects.ts";
import type { SimulatedKubernetes } from "./server.ts";

/** Endpoints per slice, as the controller of a real cluster has it. */
const slicePlaces = 100;

/** What a Deployment with its Service is made of. */
export interface DeploymentOptions {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly ports: readonly ServicePort[];
  /** Labels of pods and Service, beside `app`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Nodes that take pods in turn: with the zones in `zones`, by their names. */
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  /** Default: the name. */
  readonly serviceAccount?: string;
  /** Makes addresses of pods; each one once. */
  nextAddress(): string;
}

interface Replica {
  readonly name: string;
  readonly address: string;
  readonly node: { readonly name: string; readonly zone: string };
  readonly revision: number;
  isReady: boolean;
  isTerminating: boolean;
}

/**
 * A Deployment as its controllers, scheduler and kubelets play it: pods that come, get ready and go, and the
 * EndpointSlices of its Service. Nothing happens by itself: {@link step} does the next thing, so that a test sees each
 * state, and a demo sets the pace.
 */
export class SimulatedDeployment {
  readonly #cluster: SimulatedKubernetes;
  readonly #options: DeploymentOptions;
  readonly #pods = new Map<string, Replica>();
  #wanted: number;
  #revision = 1;
  #created = 0;

  /** Creates the Service, and all pods ready. */
  constructor(cluster: SimulatedKubernetes, options: DeploymentOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#wanted = options.replicas;
    const { namespace, name, ports } = options;
    cluster.set("services", {
      metadata: { namespace, name, labels: this.#labels() },
      spec: { type: "ClusterIP", selector: { app: name }, ports, ipFamilies: ["IPv4"] },
    });
    for (let count = 0; count < options.replicas; count++) this.#setPod({ ...this.#newPod(), isReady: true });
    this.#setSlices();
  }

  /** Addresses of the pods that are ready and stay. */
  get readyAddresses(): readonly string[] {
    return this.#all().filter((pod) => pod.isReady && !pod.isTerminating).map(({ address }) => address);
  }

  /** Sets the wanted number of pods. */
  scale(replicas: number): void {
    this.#wanted = replicas;
  }

  /** Asks for all pods to be replaced. */
  roll(): void {
    this.#revision++;
  }

  /**
   * Does the next thing: one pod is created, gets ready, begins to terminate or is gone. A new pod is ready before an old
   * one begins to terminate. Returns false if everything is as wanted.
   */
  step(): boolean {
    const pods = this.#all();
    const gone = pods.find(({ isTerminating }) => isTerminating);
    if (gone !== undefined) return this.#remove(gone);
    const starting = pods.find(({ isReady }) => !isReady);
    if (starting !== undefined) return this.#change(starting, { isReady: true });
    const old = pods.filter(({ revision }) => revision !== this.#revision);
    if (pods.length > this.#wanted) {
      const victim = old[0] ?? pods.at(-1);
      return victim !== undefined && this.#change(victim, { isTerminating: true });
    }
    if (pods.length < this.#wanted || old.length > 0) {
      this.#setPod(this.#newPod());
      this.#setSlices();
      return true;
    }
    return false;
  }

  /** Does all there is to do. */
  settle(): void {
    while (this.step());
  }

  /** Deletes everything. */
  delete(): void {
    const { namespace, name } = this.#options;
    for (const pod of this.#all()) this.#cluster.delete("pods", { namespace, name: pod.name });
    this.#pods.clear();
    this.#cluster.delete("services", { namespace, name });
    this.#setSlices();
  }

  #all(): Replica[] {
    return [...this.#pods.values()];
  }

  #newPod(): Replica {
    const { name, nodes } = this.#options;
    const hash = createHash("sha256").update(`${name} ${this.#revision}`).digest("hex").slice(0, 9);
    const node = nodes[this.#created % nodes.length] ?? { name: "node", zone: "" };
    const suffix = (this.#created++).toString(36).padStart(5, "0");
    return {
      name: `${name}-${hash}-${suffix}`,
      address: this.#options.nextAddress(),
      node,
      revision: this.#revision,
      isReady: false,
      isTerminating: false,
    };
  }

  #change(pod: Replica, change: Partial<Replica>): boolean {
    this.#setPod({ ...pod, ...change });
    this.#setSlices();
    return true;
  }

  #remove({ name }: Replica): boolean {
    this.#pods.delete(name);
    this.#setSlices();
    this.#cluster.delete("pods", { namespace: this.#options.namespace, name });
    return true;
  }

  #labels(): Record<string, string> {
    return { app: this.#options.name, ...this.#options.labels };
  }

  #setPod(pod: Replica): void {
    this.#pods.set(pod.name, pod);
    const { namespace, name } = this.#options;
    const ready = pod.isReady ? "True" : "False";
    this.#cluster.set("pods", {
      metadata: {
        namespace,
        name: pod.name,
        labels: { ...this.#labels(), "pod-template-hash": pod.name.split("-").at(-2) ?? "" },
        ...(pod.isTerminating && { deletionTimestamp: new Date().toISOString() }),
      },
      spec: { nodeName: pod.node.name, serviceAccountName: this.#options.serviceAccount ?? name },
      status: {
        phase: "Running",
        podIP: pod.address,
        podIPs: [{ ip: pod.address }],
        conditions: [{ type: "Ready", status: ready }],
      },
    });
  }

  /** Writes the slices that the pods make; only those that changed. */
  #setSlices(): void {
    const { namespace, name, ports } = this.#options;
    const pods = this.#all();
    for (let index = 0;; index++) {
      const sliceName = `${name}-${index}`;
      const members = pods.slice(index * slicePlaces, (index + 1) * slicePlaces);
      if (members.length === 0) {
        // Slices that are no longer needed.
        if (!this.#cluster.delete("endpointSlices", { namespace, name: sliceName })) return;
        continue;
      }
      const slice: EndpointSlice = {
        metadata: {
          namespace,
          name: sliceName,
          labels: {
            "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          },
        },
        addressType: "IPv4",
        ports: ports.map((port) => ({
          name: port.name ?? "",
          port: typeof port.targetPort === "number" ? port.targetPort : port.port,
          protocol: port.protocol ?? "TCP",
          ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
        })),
        endpoints: members.map((pod) => this.#endpoint(pod)),
      };
      const before = this.#cluster.history.get("endpointSlices", `${namespace}/${sliceName}`)?.json;
      if (JSON.stringify(before?.["endpoints"]) === JSON.stringify(slice.endpoints)) continue;
      this.#cluster.set("endpointSlices", slice);
    }
  }

  #endpoint({ name, address, node, isReady, isTerminating }: Replica): SliceEndpoint {
    return {
      addresses: [address],
      conditions: { ready: isReady && !isTerminating, serving: isReady, terminating: isTerminating },
      nodeName: node.name,
      zone: node.zone,
      targetRef: { kind: "Pod", namespace: this.#options.namespace, name },
    };
  }
}
