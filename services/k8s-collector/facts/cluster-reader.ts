import { nodeFactBytes, podFactBytes } from "../../../shared/facts/fact.ts";
import type { NodeFact, PodFact } from "../../../shared/facts/fact.ts";
import { decodeFactSubject, nodeSubject, podSubject } from "../../../shared/facts/fact-subject.ts";
import { isSamePod } from "../../../shared/facts/facts-index.ts";
import { LabelPool, TextPool } from "../../../shared/facts/shared-values.ts";
import { livingPods, resources } from "../../../shared/kubernetes/kubernetes.ts";
import type {
  KubernetesCluster,
  ObjectKey,
  Reflector,
  ReflectorEvent,
} from "../../../shared/kubernetes/kubernetes.ts";
import { trimNode, trimPod } from "./trim.ts";

/** Hears of a cluster's pods and nodes. */
export interface ClusterListener {
  /** Kubernetes named a change of what has this subject. */
  changed(subject: string): void;
  /** Everything was read: what is missing is missing. */
  read(): void;
  /** Something can't be read, or an object is none. */
  failed(what: "pods" | "nodes", event: ReflectorEvent<unknown>): void;
}

/** Pods and nodes of one cluster through one connection. */
export class ClusterReader implements AsyncDisposable {
  readonly #id: string;
  readonly #cluster: KubernetesCluster;
  readonly #pods: Reflector<PodFact>;
  readonly #nodes: Reflector<NodeFact>;
  readonly #labelSets = new LabelPool();
  readonly #texts = new TextPool();

  constructor(id: string, cluster: KubernetesCluster, listener: ClusterListener) {
    this.#id = id;
    this.#cluster = cluster;
    this.#pods = cluster.reflect<PodFact>({ resource: resources.pods, fieldSelector: livingPods }, {
      trim: (object, key) => {
        const fact = trimPod(object);
        const before = this.#pods.objects.get(key);
        // Most haven't changed: these need no search for what others have as well.
        return fact !== undefined && before !== undefined && isSamePod(before, fact)
          ? before
          : fact && this.#shared(fact);
      },
      equals: isSamePod,
      onEvent: (event) => tell("pods", event, listener, (key) => this.#podSubject(key)),
    });
    this.#nodes = cluster.reflect({ resource: resources.nodes }, {
      trim: trimNode,
      onEvent: (event) => tell("nodes", event, listener, (key) => nodeSubject(id, key.slice(1))),
    });
  }

  /** Known pods. */
  get pods(): number {
    return this.#pods.objects.size;
  }

  /** Known nodes. */
  get nodes(): number {
    return this.#nodes.objects.size;
  }

  /** True once all pods have been read, and all nodes unless we may not read them. */
  get isSynced(): boolean {
    const { isSynced, error } = this.#nodes.state;
    return this.#pods.state.isSynced && (isSynced || error?.reason === "forbidden");
  }

  /** Why something can't be read; undefined if everything can. */
  get error(): string | undefined {
    for (const [what, { state }] of [["pods", this.#pods], ["nodes", this.#nodes]] as const) {
      if (state.error !== undefined) return `${what}: ${state.error.message}`;
    }
    return undefined;
  }

  /** Watch events that changed nothing, of pods and nodes. */
  get unchanged(): number {
    return this.#pods.state.unchanged + this.#nodes.state.unchanged;
  }

  /** Watch events of pods and nodes. */
  get events(): number {
    return this.#pods.state.events + this.#nodes.state.events;
  }

  /** Subjects of everything that the cluster has, with the encoder of its message. */
  *subjects(): Iterable<string> {
    for (const key of this.#pods.objects.keys()) yield this.#podSubject(key);
    for (const key of this.#nodes.objects.keys()) yield nodeSubject(this.#id, key.slice(1));
  }

  /** True if the cluster has what this subject stands for now. */
  has(subject: string): boolean {
    const id = decodeFactSubject(subject);
    if (id?.kind === "Pod") return this.#pods.objects.has(`${id.namespace}/${id.name}`);
    return id?.kind === "Node" && this.#nodes.objects.has(`/${id.name}`);
  }

  /** The message of a subject as the cluster has it now; `null`: it has none. */
  data(subject: string): Uint8Array | null {
    const id = decodeFactSubject(subject);
    if (id?.kind === "Pod") {
      const fact = this.#pods.objects.get(`${id.namespace}/${id.name}`);
      return fact === undefined ? null : podFactBytes(fact);
    }
    if (id?.kind !== "Node") return null;
    const fact = this.#nodes.objects.get(`/${id.name}`);
    return fact === undefined ? null : nodeFactBytes(fact);
  }

  /** True if nodes can't be read, so that what is known of them is no evidence. */
  get isBlindForNodes(): boolean {
    return !this.#nodes.state.isSynced;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }

  #podSubject(key: ObjectKey): string {
    const slash = key.indexOf("/");
    return podSubject(this.#id, key.slice(0, slash), key.slice(slash + 1));
  }

  /** The same with values that others have as well. */
  #shared(fact: PodFact): PodFact {
    const { ips, created, ending } = fact;
    return {
      ips,
      node: this.#texts.get(fact.node),
      account: this.#texts.get(fact.account),
      labels: this.#labelSets.get(fact.labels),
      created,
      ...(ending === true && { ending }),
    };
  }
}

function tell(
  what: "pods" | "nodes",
  event: ReflectorEvent<unknown>,
  listener: ClusterListener,
  subjectOf: (key: ObjectKey) => string,
): void {
  switch (event.type) {
    case "set":
    case "deleted":
      return listener.changed(subjectOf(event.key));
    case "read-ended":
      return listener.read();
    case "failed":
    case "invalid":
      return listener.failed(what, event);
    case "read-started":
    case "silent":
  }
}
