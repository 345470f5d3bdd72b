import type { K8sSource } from "../../../shared/config/mod.ts";
import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { PlanTraits } from "../../../shared/collector/publish-plan.ts";
import type { RegistryView, SourceContext } from "../../../shared/collector/registry.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import { servicePlacement } from "../../../shared/conversion/service-placement.ts";
import type { Place } from "../../../shared/conversion/service-placement.ts";
import type { Manifest, ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { ServiceRules } from "../conversion/cluster-service.ts";
import { convertService } from "../conversion/convert.ts";
import { withRecalled } from "../conversion/recalled.ts";
import { Clusters } from "./clusters.ts";
import type { OpenCluster } from "./clusters.ts";
import { istioNamespace } from "./cluster-follower.ts";
import { RecalledEntries } from "./recalled-entries.ts";

/** How long this waits, in milliseconds. */
export interface Patience {
  /** Between two attempts to open a cluster. Default 5 000. */
  readonly retryMs?: number;
  /** For a complete read where `clusterWaitTime` is without limit: one cluster mustn't hold up all others. Default 30 000. */
  readonly refreshMs?: number;
}

/**
 * All clusters of a Kubernetes source as one registry. Its units are Services: those of all clusters with one namespace
 * and name.
 */
export class KubernetesView implements RegistryView {
  /**
   * A deletion that the API server names is evidence, and still the work of one mistake may be a thousand of them: a
   * namespace that is deleted, nodes that are cut off. A loss waits a moment, because a controller may write the slice
   * that an endpoint leaves before the one that it moves to.
   */
  readonly traits: PlanTraits = {
    addsUpLosses: true,
    lossDelays: { oneOfSeveralMs: 10, lastMs: 50 },
    debounce: undefined,
    minCompareMs: 500,
  };
  readonly keepsLastEndpoints: boolean;
  readonly #context: SourceContext;
  readonly #rules: ServiceRules;
  readonly #place: Place;
  readonly #clusters: Clusters;
  readonly #recalled = new RecalledEntries();
  readonly #refreshMs: number;
  readonly #work = new WorkSignal();
  #isComplete = false;

  /** `open` replaces the API servers: for objects that are in a file. Tests have less `patience`. */
  constructor(
    source: K8sSource,
    context: SourceContext,
    open?: OpenCluster,
    { retryMs, refreshMs = 30_000 }: Patience = {},
  ) {
    const { sink } = context;
    this.#context = context;
    this.keepsLastEndpoints = source.enableEmptyProtection;
    this.#refreshMs = source.clusterWaitTime || refreshMs;
    this.#place = servicePlacement(source);
    this.#rules = {
      isMerged: source.clusterEntries === "merged",
      multiClusterServices: source.multiClusterServices,
      clusterLocalHosts: source.clusterLocalHosts,
      clusterIps: source.clusterIps,
      trustDomain: source.trustDomain,
      allowLoopback: source.allowLoopback,
      region: source.region,
      istioNamespace,
      revision: context.environment.istioRevision,
    };
    this.#clusters = new Clusters(
      source,
      context,
      {
        changed: (unit, endpoints) => sink.changed(unit, endpoints),
        readEnded: (read) => {
          sink.readEnded(read);
          this.#settle();
          this.#work.call();
        },
      },
      open,
      retryMs,
    );
  }

  /** Opens the configured clusters. @throws MeshError `configuration` that names the kubeconfig at fault */
  async open(): Promise<void> {
    await this.#clusters.open();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#settle();
      const waitMs = this.#clusters.waitMs(performance.now());
      await this.#work.wait(this.#isComplete || !Number.isFinite(waitMs) ? undefined : waitMs + 1, signal);
    }
  }

  async refresh(signal: AbortSignal): Promise<void> {
    // A cluster that can't be read must not keep the others' changes from being published for ever.
    await this.#clusters.refresh(signal, this.#refreshMs);
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get isReading(): boolean {
    return this.#clusters.synced.some(({ isReading }) => isReading);
  }

  get isUnsure(): boolean {
    return this.#clusters.isMissingSome;
  }

  get error(): string | undefined {
    return this.#clusters.error;
  }

  get remark(): string | undefined {
    return this.#clusters.remark;
  }

  get lastReadMs(): number | undefined {
    return this.#clusters.heardMs;
  }

  get endpoints(): number {
    return this.#clusters.synced.reduce((sum, { objects }) => sum + objects.endpoints, 0);
  }

  get emptyHint(): string {
    return "none of its clusters has a Service with an endpoint that is selected; see k8sSource.namespaces and serviceSelectors";
  }

  *units(): Iterable<Unit> {
    const seen = new Set<Unit>();
    for (const { objects } of this.#clusters.synced) {
      for (const unit of objects.units()) {
        if (seen.has(unit)) continue;
        seen.add(unit);
        yield unit;
      }
    }
    for (const unit of this.#recalled.units()) if (!seen.has(unit)) yield unit;
  }

  isEmpty(unit: Unit): boolean {
    return this.#clusters.synced.every(({ objects }) => objects.endpointsOf(unit) === 0);
  }

  observe(): void {}

  recall(manifests: Iterable<Manifest>): void {
    if (!this.#clusters.isMissingSome && this.#isComplete) return;
    for (const manifest of manifests) if (manifest.kind === "ServiceEntry") this.#recalled.add(manifest);
  }

  convert(unit: Unit): readonly Manifest[] {
    const unusable = new Map<string, string>();
    const converted = this.#convert(unit, unusable);
    this.#context.records.replace(`conversion of ${unit}`, unusable);
    return this.#withRecalled(unit, converted);
  }

  status(): CollectorStatus {
    return { connections: this.#clusters.connections(), invalidRecords: this.#context.records.shown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clusters[Symbol.asyncDispose]();
  }

  #convert(unit: Unit, unusable: Map<string, string>): ServiceEntryManifest[] {
    const parts = this.#clusters.synced.flatMap(({ traits: cluster, objects }) => {
      const service = objects.serviceOf(unit);
      if (service === undefined) return [];
      const slices = objects.slicesOf(unit);
      return [{ cluster, service, slices, exportedAt: objects.exportedAt(unit), facts: objects }];
    });
    return convertService(parts, this.#rules, ({ path, reason }) => {
      const others = unusable.get(path);
      unusable.set(path, others === undefined ? reason : `${others}; ${reason}`);
    })
      .map((manifest) => this.#placed(manifest));
  }

  /** An annotation of the Service says more than the configuration of all Services. */
  #placed(manifest: ServiceEntryManifest): ServiceEntryManifest {
    const placed = this.#place(manifest);
    const { exportTo } = manifest.spec;
    return placed === manifest || exportTo === undefined
      ? placed
      : { ...placed, spec: { ...placed.spec, exportTo } };
  }

  #withRecalled(unit: Unit, converted: readonly ServiceEntryManifest[]): readonly Manifest[] {
    const recalled = this.#recalled.of(unit);
    if (recalled.length === 0) return converted;
    const isMissing = (id: string) => this.#clusters.isMissing(id);
    const byName = new Map(converted.map((manifest) => [manifest.metadata.name, manifest]));
    for (const published of recalled) {
      const { name } = published.metadata;
      const completed = withRecalled(byName.get(name), published, isMissing);
      if (completed !== undefined) byName.set(name, completed);
    }
    return [...byName.values()];
  }

  /** Completes the view once each cluster has been read, or isn't waited for any more. */
  #settle(): void {
    if (!this.#clusters.isMissingSome) this.#recalled.clear();
    if (this.#isComplete || this.#clusters.waitMs(performance.now()) > 0) return;
    if (this.#clusters.synced.length === 0 && this.#clusters.isMissingSome) return;
    this.#isComplete = true;
    this.#context.sink.completed();
  }
}
