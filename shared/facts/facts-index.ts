import { LabelPool, TextPool } from "./shared-values.ts";
import type { NodeFact, PodFact } from "./fact.ts";

/** What is known of the pod at an address. */
export interface AddressFacts {
  readonly cluster: string;
  readonly namespace: string;
  /** Of the pod. */
  readonly name: string;
  /** Its service account; empty: not known. */
  readonly account: string;
  readonly labels: Labels;
  /** Labels of its node; empty if nothing is known of it. */
  readonly nodeLabels: Labels;
}

/** Labels of a pod or a node. Many pods share one object: nobody may change it. */
export type Labels = Readonly<Record<string, string>>;

/** A pod as the index keeps it: as small as possible, because there may be 100,000. */
interface Pod {
  readonly cluster: Cluster;
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly ips: readonly string[];
  readonly node: string;
  readonly account: string;
  readonly labels: Labels;
  readonly created: number;
  readonly ending: boolean;
  /** The generation in which the stream last showed it. */
  generation: number;
}

interface Cluster {
  readonly id: string;
  readonly pods: Map<string, Pod>;
  readonly nodes: Map<string, { readonly labels: Labels; generation: number }>;
}

const noLabels: Labels = Object.freeze({});

/**
 * Pods of all clusters by their addresses. Each change returns the addresses whose facts have changed by it, so that only
 * entries that hold them need another look. Without I/O and clock.
 *
 * An address may be claimed by several pods of a cluster for a moment (one ends, its successor is there): the one that
 * stays has it, then the later one. If pods of several clusters claim it, because their networks overlap, `home` has it;
 * among others nothing tells which one an instance means, so that none lends its labels.
 */
export class FactsIndex {
  readonly #home: string;
  readonly #clusters = new Map<string, Cluster>();
  /** One pod, or several that claim the address. */
  readonly #addresses = new Map<string, Pod | readonly Pod[]>();
  /** How many pod addresses begin so: up to the last dot, or colon. */
  readonly #neighbourhoods = new Map<string, number>();
  readonly #labelSets = new LabelPool();
  readonly #texts = new TextPool();
  #generation = 0;

  /** `home` is the cluster that counts where several claim an address. */
  constructor(home: string) {
    this.#home = home;
  }

  /** Known pods. */
  get pods(): number {
    let sum = 0;
    for (const { pods } of this.#clusters.values()) sum += pods.size;
    return sum;
  }

  /** Known nodes. */
  get nodes(): number {
    let sum = 0;
    for (const { nodes } of this.#clusters.values()) sum += nodes.size;
    return sum;
  }

  /** What is known of an address: of the pod that has it. */
  of(address: string): AddressFacts | undefined {
    const claims = this.#addresses.get(address);
    if (claims === undefined) return undefined;
    const pod = isSeveral(claims) ? this.#winner(claims) : claims;
    if (pod === undefined) return undefined;
    const slash = pod.key.indexOf("/");
    return {
      cluster: pod.cluster.id,
      namespace: pod.key.slice(0, slash),
      name: pod.key.slice(slash + 1),
      account: pod.account,
      labels: pod.labels,
      nodeLabels: pod.cluster.nodes.get(pod.node)?.labels ?? noLabels,
    };
  }

  /** The clusters whose pods claim an address so that none has it; empty in all other cases. */
  disputed(address: string): readonly string[] {
    const claims = this.#addresses.get(address);
    if (claims === undefined || !isSeveral(claims) || this.#winner(claims) !== undefined) return [];
    return [...new Set(claims.map(({ cluster }) => cluster.id))].sort();
  }

  /** True if an address is in a range where pods are: its own pod may become known in a moment. */
  isAmongPods(address: string): boolean {
    return this.#neighbourhoods.has(neighbourhoodOf(address));
  }

  /** A pod is there, or has changed. */
  setPod(clusterId: string, namespace: string, name: string, fact: PodFact): readonly string[] {
    const cluster = this.#cluster(clusterId);
    const key = `${namespace}/${name}`;
    const before = cluster.pods.get(key);
    if (before !== undefined && isSamePod(before, fact)) {
      before.generation = this.#generation;
      return [];
    }
    const pod: Pod = {
      cluster,
      key,
      ips: fact.ips,
      node: this.#texts.get(fact.node),
      account: this.#texts.get(fact.account),
      labels: this.#labelSets.get(fact.labels),
      created: fact.created,
      ending: fact.ending === true,
      generation: this.#generation,
    };
    if (before !== undefined) this.#withdraw(before);
    cluster.pods.set(key, pod);
    for (const address of pod.ips) this.#claim(address, pod);
    return before === undefined ? pod.ips : [...new Set([...before.ips, ...pod.ips])];
  }

  /** A pod is gone. */
  deletePod(clusterId: string, namespace: string, name: string): readonly string[] {
    const cluster = this.#clusters.get(clusterId);
    const pod = cluster?.pods.get(`${namespace}/${name}`);
    if (cluster === undefined || pod === undefined) return [];
    cluster.pods.delete(pod.key);
    this.#withdraw(pod);
    return pod.ips;
  }

  /**
   * A node is there, or has changed. Who reads the result looks at all pods of the cluster for it, which is rare; the many
   * nodes of a start, which are news to no one, don't cost that.
   */
  setNode(clusterId: string, name: string, { labels }: NodeFact): Iterable<string> {
    const cluster = this.#cluster(clusterId);
    const before = cluster.nodes.get(name);
    cluster.nodes.set(name, { labels, generation: this.#generation });
    if (before !== undefined && areSame(before.labels, labels)) return [];
    return addressesOn(cluster, name);
  }

  /** A node is gone. */
  deleteNode(clusterId: string, name: string): Iterable<string> {
    const cluster = this.#clusters.get(clusterId);
    if (cluster?.nodes.delete(name) !== true) return [];
    return addressesOn(cluster, name);
  }

  /** What is known from here on was shown by another stream, or anew: see {@link forgetUnseen}. */
  beginGeneration(): void {
    this.#generation++;
  }

  /** Forgets what a cluster had before the last {@link beginGeneration} and hasn't been shown since. */
  forgetUnseen(clusterId: string): readonly string[] {
    const cluster = this.#clusters.get(clusterId);
    if (cluster === undefined) return [];
    const changed = new Set<string>();
    for (const [key, pod] of cluster.pods) {
      if (pod.generation === this.#generation) continue;
      cluster.pods.delete(key);
      this.#withdraw(pod);
      for (const address of pod.ips) changed.add(address);
    }
    for (const [name, { generation }] of cluster.nodes) {
      if (generation === this.#generation) continue;
      cluster.nodes.delete(name);
      for (const address of addressesOn(cluster, name)) changed.add(address);
    }
    return [...changed];
  }

  #cluster(id: string): Cluster {
    let cluster = this.#clusters.get(id);
    if (cluster === undefined) {
      cluster = { id, pods: new Map(), nodes: new Map() };
      this.#clusters.set(id, cluster);
    }
    return cluster;
  }

  #claim(address: string, pod: Pod): void {
    const claims = this.#addresses.get(address);
    this.#addresses.set(
      address,
      claims === undefined ? pod : isSeveral(claims) ? [...claims, pod] : [claims, pod],
    );
    const neighbourhood = neighbourhoodOf(address);
    this.#neighbourhoods.set(neighbourhood, (this.#neighbourhoods.get(neighbourhood) ?? 0) + 1);
  }

  #withdraw(pod: Pod): void {
    for (const address of pod.ips) {
      const claims = this.#addresses.get(address);
      if (claims === undefined) continue;
      const [first, ...others] = isSeveral(claims) ? claims.filter((each) => each !== pod) : [];
      if (first === undefined) this.#addresses.delete(address);
      else this.#addresses.set(address, others.length === 0 ? first : [first, ...others]);
      const neighbourhood = neighbourhoodOf(address);
      const left = (this.#neighbourhoods.get(neighbourhood) ?? 0) - 1;
      if (left > 0) this.#neighbourhoods.set(neighbourhood, left);
      else this.#neighbourhoods.delete(neighbourhood);
    }
  }

  /** The pod that has an address, of those that claim it; undefined if nothing tells. */
  #winner(claims: readonly Pod[]): Pod | undefined {
    const clusters = new Set(claims.map(({ cluster }) => cluster.id));
    const chosen = clusters.size === 1 ? claims[0]?.cluster.id : clusters.has(this.#home) ? this.#home : "";
    const own = claims.filter(({ cluster }) => cluster.id === chosen);
    return own.reduce<Pod | undefined>(
      (best, pod) => best === undefined || isBetter(pod, best) ? pod : best,
      undefined,
    );
  }
}

function isBetter(a: Pod, b: Pod): boolean {
  if (a.ending !== b.ending) return b.ending;
  return a.created === b.created ? a.key > b.key : a.created > b.created;
}

function isSeveral(claims: Pod | readonly Pod[]): claims is readonly Pod[] {
  return Array.isArray(claims);
}

/** True if two facts about a pod say the same. */
export function isSamePod(a: PodLike, b: PodLike): boolean {
  return a.node === b.node && a.account === b.account && a.created === b.created &&
    (a.ending === true) === (b.ending === true) &&
    a.ips.length === b.ips.length && a.ips.every((ip, index) => ip === b.ips[index]) &&
    areSame(a.labels, b.labels);
}

type PodLike = Pick<PodFact, "node" | "account" | "created"> & {
  readonly ips: readonly string[];
  readonly labels: Labels;
  readonly ending?: boolean | undefined;
};

function areSame(a: Labels, b: Labels): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

function* addressesOn({ pods }: Cluster, node: string): Iterable<string> {
  for (const pod of pods.values()) if (pod.node === node) yield* pod.ips;
}

function neighbourhoodOf(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf("."), address.lastIndexOf(":")) + 1);
}
