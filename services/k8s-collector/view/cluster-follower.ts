import type { InvalidRecords } from "../../../shared/collector/invalid-records.ts";
import type { K8sSource } from "../../../shared/config/mod.ts";
import { livingPods, resources } from "../../../shared/kubernetes/kubernetes.ts";
import type {
  KubernetesCluster,
  ReceivedObject,
  Reflector,
  ReflectorEvent,
  Resource,
} from "../../../shared/kubernetes/kubernetes.ts";
import {
  decodeExport,
  decodeNamespace,
  decodeNode,
  decodeSlice,
  isSamePod,
  podDecoder,
} from "../client/decode.ts";
import { serviceFilter } from "../client/service-filter.ts";
import type { ClusterTraits } from "../conversion/cluster-service.ts";
import { ClusterObjects } from "./cluster-objects.ts";
import type { UnitChanged } from "./cluster-objects.ts";
import { EmptyDoubt } from "./empty-doubt.ts";
import { FollowedKind } from "./followed-kind.ts";
import { FollowedKinds } from "./followed-kinds.ts";

/** A kind was read again, with this outcome. `differs`: compared with before, objects were missing, new or other ones. */
export interface ReadOutcome {
  readonly seconds: number;
  readonly differs: boolean;
  readonly error?: string;
}

/** Receives what happens in a cluster once it has been read. */
export interface ClusterListener {
  /** The API server named it. */
  readonly changed: UnitChanged;
  /** Everything has been read for the first time. */
  readonly synced: () => void;
  readonly readAgain: (read: ReadOutcome) => void;
}

/** How to follow a cluster. */
export interface FollowOptions {
  readonly traits: ClusterTraits;
  readonly source: K8sSource;
  readonly listener: ClusterListener;
  readonly records: InvalidRecords;
  /** Pods are read for facts as well: then all of them, by the same watch. */
  readonly sharesPods: boolean;
  /** How long a cluster is doubted that has nothing of a kind any more, in milliseconds; 0: until it has something. */
  readonly believeEmptyAfterMs: number;
  /** Is called after each request, with its outcome. */
  readonly requested: (success: boolean) => void;
}

/** Namespace whose label `topology.istio.io/network` counts for the whole cluster. */
export const istioNamespace = "istio-system";

/**
 * One cluster followed: Services and EndpointSlices, which it can't do without, and what else tells something of
 * endpoints, which it can do without where the API server denies it.
 */
export class ClusterFollower implements AsyncDisposable {
  readonly traits: ClusterTraits;
  readonly objects: ClusterObjects;
  readonly cluster: KubernetesCluster;
  readonly #options: FollowOptions;
  readonly #kinds: FollowedKinds;
  #isSynced = false;
  #isClosed = false;
  #waiting: NodeJS.Timeout | undefined;

  constructor(cluster: KubernetesCluster, options: FollowOptions) {
    const { traits, source, listener } = options;
    this.cluster = cluster;
    this.traits = traits;
    this.#options = options;
    this.#kinds = new FollowedKinds(traits.id);
    // What the first reading finds is no change, and what a comparison finds is compared as a whole.
    const isHeard = () => this.#isSynced && !this.#isComparing;
    this.objects = new ClusterObjects(istioNamespace, (unit, endpoints) => {
      if (isHeard()) listener.changed(unit, endpoints);
    }, isHeard);
    const namespaces = source.namespaces.length === 0 ? [undefined] : source.namespaces;
    for (const namespace of namespaces) this.#followNamespace(namespace, source);
    if (source.readPods) {
      this.#follow("nodes", undefined, false, decodeNode, ({ key }, node) => this.objects.setNode(key, node));
    }
    this.#follow("namespaces", undefined, false, decodeNamespace, ({ key }, namespace) => {
      this.objects.setNamespace(key, namespace);
    });
  }

  #isComparing = false;

  /** True once everything has been read that the API server doesn't deny. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** True while something is being read again. */
  get isReading(): boolean {
    return this.#kinds.areReading;
  }

  /** Why Services can't be read now; undefined if they can. */
  get error(): string | undefined {
    return this.#kinds.error;
  }

  /** What is denied, or can't be read now, besides; undefined: nothing. */
  get remark(): string | undefined {
    return this.#kinds.remark ?? this.#missingNamespace;
  }

  /** Kinds that the API server has denied from the start. */
  get denied(): ReadonlySet<string> {
    return this.#kinds.denied;
  }

  /** When the API server was last heard, in milliseconds of a monotonic clock: the oldest of all required kinds. */
  get heardMs(): number | undefined {
    return this.#kinds.heardMs;
  }

  /** Settles after a complete read of all kinds that began after this call. @throws MeshError when the signal aborts. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#kinds.refresh(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#waiting);
    this.#kinds[Symbol.dispose]();
    for (const kind of this.#kinds) this.#options.records.replace(this.#stageOf(kind), new Map());
    await this.cluster[Symbol.asyncDispose]();
  }

  /** An API server answers a list of a namespace that doesn't exist like that of an empty one. */
  get #missingNamespace(): string | undefined {
    const { source, traits } = this.#options;
    const missing = this.#isSynced
      ? source.namespaces.find((name) => this.objects.lacksNamespace(name))
      : undefined;
    return missing &&
      `cluster ${traits.id} has no namespace ${missing}, which k8sSource.namespaces names: create it, or correct the name`;
  }

  #stageOf({ name, namespace = "" }: FollowedKind): string {
    return `reading ${name} of ${this.traits.id}/${namespace}`;
  }

  #followNamespace(namespace: string | undefined, source: K8sSource): void {
    const { objects } = this;
    this.#follow("services", namespace, true, serviceFilter(source), ({ key }, service) => {
      objects.setService(key, service, performance.now());
      this.#watchPatience();
    });
    this.#follow("endpointSlices", namespace, true, decodeSlice, ({ key, before }, slice) => {
      objects.setSlice(key, slice, before, performance.now());
      this.#watchPatience();
    });
    if (source.multiClusterServices) {
      for (const version of ["serviceExportsV1alpha1", "serviceExportsV1beta1"] as const) {
        this.#follow(version, namespace, true, decodeExport, ({ key }, exported) => {
          objects.setExport(version, key, exported);
        });
      }
    }
    if (source.readPods) {
      const isShared = this.#options.sharesPods && namespace === undefined;
      const decode = podDecoder();
      const excluded = new Set(isShared ? source.excludedNamespaces : []);
      this.#follow(
        "pods",
        namespace,
        false,
        (object) => excluded.has(object.namespace) ? undefined : decode(object),
        ({ key }, pod) => objects.setPod(key, pod),
        { fieldSelector: livingPods, equals: isSamePod, isWhole: isShared },
      );
    }
  }

  #follow<T>(
    name: keyof typeof resources,
    namespace: string | undefined,
    isRequired: boolean,
    trim: (object: ReceivedObject) => T | undefined,
    apply: (place: { readonly key: string; readonly before: T | undefined }, object: T | undefined) => void,
    { fieldSelector: filter = "", equals, isWhole = false }: {
      readonly fieldSelector?: string;
      readonly equals?: (a: T, b: T) => boolean;
      /** Excluded namespaces are read, too. */
      readonly isWhole?: boolean;
    } = {},
  ): void {
    const resource: Resource = resources[name];
    const excluded = isNamespaced(name) && namespace === undefined && !isWhole
      ? this.#options.source.excludedNamespaces.map((each) => `metadata.namespace!=${each}`)
      : [];
    const fieldSelector = [...excluded, ...(filter === "" ? [] : [filter])].join(",");
    const doubt = new EmptyDoubt<T>(this.#options.believeEmptyAfterMs, (lost) => {
      if (this.#isClosed) return;
      this.#isComparing = true;
      for (const [key, before] of lost) apply({ key, before }, undefined);
      this.#isComparing = false;
      this.#options.listener.readAgain({ seconds: 0, differs: true });
    });
    const reflector: Reflector<T> = this.cluster.reflect(
      {
        resource,
        ...(namespace !== undefined && { namespace }),
        ...(fieldSelector !== "" && { fieldSelector }),
      },
      {
        trim,
        ...(equals !== undefined && { equals }),
        onEvent: (event) => {
          if (!this.#isClosed) {
            this.#onEvent(kind, isRequired ? doubt.see(event, reflector.objects.size) : event, apply);
          }
        },
      },
    );
    const kind = new FollowedKind(
      name,
      namespace,
      isRequired,
      () => reflector.state,
      () => reflector.readAgain(),
      doubt,
    );
    this.#kinds.add(kind);
  }

  #onEvent<T>(
    kind: FollowedKind,
    event: ReflectorEvent<T>,
    apply: (place: { readonly key: string; readonly before: T | undefined }, object: T | undefined) => void,
  ): void {
    const { listener, records, requested } = this.#options;
    switch (event.type) {
      case "set":
        records.solved(this.#stageOf(kind), this.#place(kind, event.key));
        apply(event, event.object);
        break;
      case "deleted":
        records.solved(this.#stageOf(kind), this.#place(kind, event.key));
        apply(event, undefined);
        break;
      case "read-ended": {
        requested(true);
        this.#isComparing = true;
        for (const [key, { object, before }] of event.set) apply({ key, before }, object);
        for (const [key, before] of event.lost) apply({ key, before }, undefined);
        this.#isComparing = false;
        kind.readEnded();
        const differs = event.set.size + event.lost.size > 0;
        if (this.#isSynced) listener.readAgain({ seconds: event.tookMs / 1000, differs });
        break;
      }
      case "invalid":
        records.reporter(this.#stageOf(kind))({ path: this.#place(kind, event.key), reason: event.reason });
        break;
      case "failed":
        requested(false);
        if (this.#isSynced) listener.readAgain({ seconds: 0, differs: false, error: event.error.message });
        break;
      case "read-started":
        records.forget(this.#stageOf(kind));
        break;
      case "silent":
        break;
    }
    this.#checkSynced();
  }

  #place(kind: FollowedKind, key: string): string {
    return `${this.traits.id}: ${kind.title} ${key}`;
  }

  #checkSynced(): void {
    this.objects.knowsPods = this.#kinds.knowPods;
    if (this.#isSynced || !this.#kinds.areSettled) return;
    this.#isSynced = true;
    this.#options.listener.synced();
  }

  #watchPatience(): void {
    const untilMs = this.objects.waitsUntilMs;
    if (untilMs === undefined || this.#waiting !== undefined) return;
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.objects.stopWaiting(performance.now());
      this.#watchPatience();
    }, Math.max(1, untilMs - performance.now() + 1));
  }
}

function isNamespaced(name: keyof typeof resources): boolean {
  return name !== "nodes" && name !== "namespaces";
}
