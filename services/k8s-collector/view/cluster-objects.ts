import type { Unit } from "../../../shared/collector/unit.ts";
import type {
  KubernetesExport,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  KubernetesService,
  KubernetesSlice,
} from "../client/objects.ts";
import { serviceKey } from "../conversion/cluster-service.ts";
import type { ClusterFacts } from "../conversion/cluster-service.ts";
import { PodUsers } from "./pod-users.ts";
import { UnitsInChange } from "./units-in-change.ts";

/** How long an endpoint waits for its pod, which another watch tells of, in milliseconds. */
export const podPatienceMs = 2_000;

/** A unit may have become another one; `endpoints` came (above 0) or went (below 0). */
export type UnitChanged = (unit: Unit, endpoints: number) => void;

/**
 * What one cluster has, and which Service has to be converted again when a part of it changes. A state machine without
 * I/O and clock; times are milliseconds of a monotonic clock. `undefined` in the place of an object: it is deleted.
 */
export class ClusterObjects implements ClusterFacts {
  readonly #changed: UnitChanged;
  readonly #isHeard: () => boolean;
  readonly #istioNamespace: string;
  readonly #services = new Map<Unit, KubernetesService>();
  /** By unit, then by key of the slice. */
  readonly #slices = new Map<Unit, Map<string, KubernetesSlice>>();
  readonly #pods = new Map<string, KubernetesPod>();
  /** Pods that are gone while a slice still names them: their endpoints stay as they were. */
  readonly #departed = new Map<string, KubernetesPod>();
  readonly #nodes = new Map<string, KubernetesNode>();
  readonly #namespaces = new Map<string, KubernetesNamespace>();
  /** By API version, then by unit: one ServiceExport shows in all versions. */
  readonly #exports = new Map<string, Map<Unit, KubernetesExport>>();
  readonly #users = new PodUsers();
  readonly #inChange = new UnitsInChange();
  /** Pods that slices name and that aren't known, with the time until which they are waited for. */
  readonly #awaited = new Map<string, number>();
  /** Endpoints of Services, by unit. */
  readonly #counts = new Map<Unit, number>();
  #endpoints = 0;
  /** True once all pods have been read: a pod that a slice names is expected to be known then. */
  knowsPods = false;

  /**
   * `istioNamespace`: the one whose label names the network of all of the cluster's pods. While `isHeard` is false, no
   * Services are looked for that `changed` would be called with.
   */
  constructor(istioNamespace: string, changed: UnitChanged, isHeard: () => boolean = () => true) {
    this.#isHeard = isHeard;
    this.#istioNamespace = istioNamespace;
    this.#changed = changed;
  }

  /** Endpoints of all Services. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** Endpoints of a unit. */
  endpointsOf(unit: Unit): number {
    return this.#counts.get(unit) ?? 0;
  }

  /** All Services. */
  units(): Iterable<Unit> {
    return this.#services.keys();
  }

  /** A Service; undefined if there is none. While its slices don't fit it any more, or not yet: as it was before. */
  serviceOf(unit: Unit): KubernetesService | undefined {
    return this.#inChange.before(unit)?.service ?? this.#services.get(unit);
  }

  /** The slices of {@link serviceOf}. */
  slicesOf(unit: Unit): Iterable<KubernetesSlice> {
    return this.#inChange.before(unit)?.slices ?? this.#slicesNow(unit);
  }

  /** When the Service was exported first; undefined if it isn't. */
  exportedAt(unit: Unit): string | undefined {
    const times = [...this.#exports.values()].flatMap((exports) => exports.get(unit)?.createdAt ?? []);
    return times.sort()[0];
  }

  /** Slices whose Service doesn't exist (yet, or any more). */
  get slicesWithoutService(): number {
    let count = 0;
    for (const [unit, slices] of this.#slices) if (!this.#services.has(unit)) count += slices.size;
    return count;
  }

  pod(key: string): KubernetesPod | "awaited" | undefined {
    return this.#pods.get(key) ?? this.#departed.get(key) ?? (this.#awaited.has(key) ? "awaited" : undefined);
  }

  node(name: string): KubernetesNode | undefined {
    return this.#nodes.get(`/${name}`);
  }

  /** True if namespaces are known, and this one isn't among them. */
  lacksNamespace(name: string): boolean {
    return this.#namespaces.size > 0 && !this.#namespaces.has(`/${name}`);
  }

  namespace(name: string): KubernetesNamespace | undefined {
    return this.#namespaces.get(`/${name}`);
  }

  setService(unit: Unit, service: KubernetesService | undefined, nowMs: number): void {
    const before = this.#services.get(unit);
    if (service === undefined) this.#services.delete(unit);
    else this.#services.set(unit, service);
    const slices = [...this.#slicesNow(unit)];
    this.#inChange.changed(unit, { service: before, slices }, { service, slices }, nowMs);
    this.#recount(unit);
  }

  setSlice(
    key: string,
    slice: KubernetesSlice | undefined,
    before: KubernetesSlice | undefined,
    nowMs: number,
  ): void {
    const [unit, unitBefore] = [slice, before].map((each) =>
      each && serviceKey(each.namespace, each.service)
    );
    const slicesBefore = new Map(
      [unitBefore, unit].flatMap((each) =>
        each === undefined ? [] : [[each, [...this.#slicesNow(each)]] as const]
      ),
    );
    // First what is new: a pod that both sides name is never without a user.
    if (slice !== undefined && unit !== undefined) {
      const slices = this.#slices.get(unit) ?? new Map<string, KubernetesSlice>();
      this.#slices.set(unit, slices.set(key, slice));
      for (const { pod } of slice.endpoints) if (pod !== "") this.#use(pod, unit, nowMs);
    }
    if (before !== undefined && unitBefore !== undefined) {
      if (unitBefore !== unit) this.#removeSlice(unitBefore, key);
      for (const { pod } of before.endpoints) if (pod !== "") this.#release(pod, unitBefore);
    }
    for (const [each, slices] of slicesBefore) {
      const service = this.#services.get(each);
      const now = { service, slices: [...this.#slicesNow(each)] };
      this.#inChange.changed(each, { service, slices }, now, nowMs);
      this.#recount(each);
    }
  }

  setPod(key: string, pod: KubernetesPod | undefined): void {
    const before = this.#pods.get(key);
    if (pod === undefined) {
      this.#pods.delete(key);
      // Which endpoint is gone is for the slices to say.
      if (before !== undefined && this.#users.has(key)) this.#departed.set(key, before);
      return;
    }
    this.#pods.set(key, pod);
    this.#departed.delete(key);
    this.#awaited.delete(key);
    for (const unit of new Set(this.#users.of(key))) this.#changed(unit, 0);
  }

  setNode(key: string, node: KubernetesNode | undefined): void {
    if (node === undefined) this.#nodes.delete(key);
    else this.#nodes.set(key, node);
    // Looks at all endpoints: that is for a node that is labelled anew, not for each of those of a start.
    if (!this.#isHeard()) return;
    const name = key.slice(1);
    for (const [unit, slices] of this.#slices) {
      const isUser = [...slices.values()].some(({ endpoints }) =>
        endpoints.some((endpoint) => (endpoint.node || this.#pods.get(endpoint.pod)?.node) === name)
      );
      if (isUser) this.#changed(unit, 0);
    }
  }

  setNamespace(key: string, namespace: KubernetesNamespace | undefined): void {
    if (namespace === undefined) this.#namespaces.delete(key);
    else this.#namespaces.set(key, namespace);
    if (!this.#isHeard()) return;
    const isForAll = key === `/${this.#istioNamespace}`;
    for (const [unit, service] of this.#services) {
      if (isForAll || `/${service.namespace}` === key) this.#changed(unit, 0);
    }
  }

  setExport(version: string, unit: Unit, object: KubernetesExport | undefined): void {
    const exports = this.#exports.get(version) ?? new Map<Unit, KubernetesExport>();
    this.#exports.set(version, exports);
    if (object === undefined) exports.delete(unit);
    else exports.set(unit, object);
    this.#changed(unit, 0);
  }

  /** When {@link stopWaiting} has something to do; undefined: nothing is waited for. */
  get waitsUntilMs(): number | undefined {
    // In the order of their deadlines, since all wait equally long.
    const podMs = this.#awaited.values().next().value;
    const unitMs = this.#inChange.waitsUntilMs;
    return podMs === undefined || unitMs === undefined ? podMs ?? unitMs : Math.min(podMs, unitMs);
  }

  /** Endpoints whose pods took too long are published without them, and Services whose slices did as they are. */
  stopWaiting(nowMs: number): void {
    for (const unit of this.#inChange.stopWaiting(nowMs)) this.#changed(unit, 0);
    for (const [pod, deadlineMs] of this.#awaited) {
      if (deadlineMs > nowMs) return;
      this.#awaited.delete(pod);
      for (const unit of new Set(this.#users.of(pod))) this.#changed(unit, 0);
    }
  }

  #slicesNow(unit: Unit): Iterable<KubernetesSlice> {
    return this.#slices.get(unit)?.values() ?? [];
  }

  #use(pod: string, unit: Unit, nowMs: number): void {
    const isKnown = this.#users.has(pod) || this.#pods.has(pod);
    this.#users.add(pod, unit);
    if (!isKnown && this.knowsPods) this.#awaited.set(pod, nowMs + podPatienceMs);
  }

  #release(pod: string, unit: Unit): void {
    if (!this.#users.remove(pod, unit)) return;
    this.#departed.delete(pod);
    this.#awaited.delete(pod);
  }

  #removeSlice(unit: Unit, key: string): void {
    const slices = this.#slices.get(unit);
    slices?.delete(key);
    if (slices?.size === 0) this.#slices.delete(unit);
  }

  #recount(unit: Unit): void {
    let count = 0;
    if (this.#services.has(unit)) {
      for (const { endpoints } of this.#slicesNow(unit)) {
        for (const { state } of endpoints) if (state === "ready") count++;
      }
    }
    const before = this.endpointsOf(unit);
    if (count === 0) this.#counts.delete(unit);
    else this.#counts.set(unit, count);
    this.#endpoints += count - before;
    this.#changed(unit, count - before);
  }
}
