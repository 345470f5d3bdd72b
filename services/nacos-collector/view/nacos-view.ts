import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { PlanTraits } from "../../../shared/collector/publish-plan.ts";
import type { RegistryView, SidecarStage, SourceContext } from "../../../shared/collector/registry.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import { patienceWith, untilOthersRead } from "../../../shared/collector/failing-parts.ts";
import { nacosServersOf } from "../../../shared/config/mod.ts";
import type { NacosServer, NacosSource } from "../../../shared/config/mod.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import type { ConfigName, Nacos } from "../../../shared/nacos/nacos.ts";
import { NacosCatalogue } from "../conversion/nacos-catalogue.ts";
import type { UnitChange } from "../conversion/nacos-catalogue.ts";
import { serviceFilter } from "../conversion/service-filter.ts";
import { recordKey, recordPath } from "../conversion/service-record.ts";
import type { NacosServiceId } from "../conversion/service-record.ts";
import { usualBeliefTimes } from "./belief.ts";
import type { BeliefTimes, ServiceBelief } from "./belief.ts";
import { NacosCluster } from "./cluster.ts";
import type { ClusterListener, PlacedService } from "./cluster.ts";
import { readsShares, ServiceShares } from "./service-shares.ts";

/** Nacos gathers changes for half a second; a server that lost all it had tells so, service by service, in that time. */
const lastLossDelayMs = 300;

/** All clusters of a Nacos source as one registry. */
export class NacosView implements RegistryView {
  readonly traits: PlanTraits = {
    addsUpLosses: true,
    lossDelays: { oneOfSeveralMs: 0, lastMs: lastLossDelayMs },
    debounce: undefined,
    minCompareMs: 2_000,
  };
  readonly keepsLastEndpoints: boolean;
  readonly catalogue: NacosCatalogue;
  readonly clusters: readonly NacosCluster[];
  /** Undefined where every replica has to read everything; see {@link readsShares}. */
  readonly shareReader: ServiceShares | undefined;
  readonly #context: SourceContext;
  readonly #times: BeliefTimes;
  #wasComplete = false;
  #wasUnsure = true;
  #wasUnsettled = true;

  /** `open` makes the client of a cluster. */
  constructor(
    source: NacosSource,
    open: (server: NacosServer) => Nacos,
    context: SourceContext,
    times: BeliefTimes = usualBeliefTimes,
  ) {
    const { config: { profile }, environment, records, signal, sink } = context;
    this.#context = context;
    this.#times = times;
    this.keepsLastEndpoints = source.enableEmptyProtection;
    this.catalogue = new NacosCatalogue({
      source,
      profile,
      environment,
      records,
      facts: context.facts,
      changed: ({ unit, endpoints }) => sink.changed(unit, endpoints),
      readConfig: (registryId, config, ended) => this.#readConfig(registryId, config, ended),
      signal,
    });
    const shares = readsShares(source, profile)
      ? new ServiceShares(source, profile, () => {
        for (const cluster of this.clusters) cluster.reconsider();
        this.#readIfAll();
      })
      : undefined;
    this.shareReader = shares;
    const filter = serviceFilter(source);
    this.clusters = nacosServersOf(source).map((server) =>
      new NacosCluster({
        server,
        nacos: open(server),
        refreshPeriodMs: source.refreshPeriod,
        times,
        keepsHealth: profile === "istio",
        filter,
        keeps: (service, instances) => shares?.keeps(service, instances) ?? true,
        listener: this.#listenTo(server.registryId),
      })
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const waiting = async () => {
      await untilOthersRead(this.clusters, this.#times.settleMs, signal);
      if (!signal.aborted) await this.#complete();
    };
    await Promise.all([...this.clusters.map((cluster) => cluster.run(signal)), waiting()]);
  }

  async refresh(signal: AbortSignal): Promise<void> {
    const mayLeave = patienceWith(this.clusters, this.#times.settleMs);
    await Promise.all(
      this.clusters.map((cluster) => cluster.refresh(signal, this.shareReader !== undefined, mayLeave)),
    );
    await this.catalogue.settled();
  }

  get isComplete(): boolean {
    return this.#wasComplete;
  }

  get isPartial(): boolean {
    return this.clusters.some(({ isPartial }) => isPartial);
  }

  get isReading(): boolean {
    return this.clusters.some(({ isReading }) => isReading);
  }

  get error(): string | undefined {
    for (const { registryId, error } of this.clusters) {
      if (error !== undefined) return registryId === "" ? error : `${registryId}: ${error}`;
    }
    return undefined;
  }

  get lastReadMs(): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { namespaces } of this.clusters) {
      if (namespaces.size === 0) return undefined;
      for (const { lastReadMs } of namespaces.values()) {
        if (lastReadMs === undefined) return undefined;
        oldest = Math.min(oldest, lastReadMs);
      }
    }
    return Number.isFinite(oldest) ? oldest : undefined;
  }

  get isUnsure(): boolean {
    return this.catalogue.isUnsure || this.clusters.some(({ isUnsure }) => isUnsure);
  }

  get isUnsettled(): boolean {
    return !this.clusters.every(({ isSettled }) => isSettled);
  }

  get isYoung(): boolean {
    return this.clusters.some(({ isYoung }) => isYoung);
  }

  get endpoints(): number {
    return this.catalogue.endpoints;
  }

  get emptyHint(): string {
    return "nothing is registered in the namespaces and groups that nacosSource names; " +
      "allNamespaces reads all of them";
  }

  get sidecars(): SidecarStage | undefined {
    return this.shareReader === undefined ? this.catalogue.sidecars : undefined;
  }

  *units(): Iterable<Unit> {
    yield* new Set([...this.catalogue.units(), ...this.shareReader?.unreadUnits ?? []]);
  }

  isEmpty(unit: Unit): boolean {
    return this.catalogue.isEmpty(unit);
  }

  observe(unit: Unit): void {
    this.catalogue.observe(unit);
  }

  outdate(unit: Unit): void {
    this.catalogue.outdate(unit);
  }

  convert(unit: Unit): readonly Manifest[] {
    return this.catalogue.convert(unit);
  }

  find(question: TraceQuestion, limit: number): Iterable<FoundRecord> {
    return this.catalogue.find(question, limit);
  }

  retry(): void {
    for (const cluster of this.clusters) cluster.tidy(performance.now());
    this.catalogue.retry();
  }

  status(): CollectorStatus {
    const nowMs = performance.now();
    const connections = this.clusters.flatMap(({ registryId, nacos, namespaces }) => {
      const prefix = registryId === "" ? "" : `${registryId}/`;
      return Array.from(
        namespaces,
        ([id, { naming, state, lastReadMs, error, size, subscribed, doubts }]) => ({
          name: `${prefix}${id}`,
          synced: state === "synced",
          lastSuccessAgeMs: lastReadMs === undefined ? null : Math.round(nowMs - lastReadMs),
          lastError: error ?? null,
          server: naming.connection?.server ?? null,
          version: nacos.about?.version ?? null,
          means: naming.mode ?? null,
          services: size,
          subscribed,
          doubtfulInstances: doubts,
          requests: Object.fromEntries(nacos.requests),
        }),
      );
    });
    return { connections, invalidRecords: this.#context.records.shown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.clusters.map((cluster) => cluster[Symbol.asyncDispose]()));
  }

  #listenTo(registryId: string): ClusterListener {
    const { sink, records, requested, log } = this.#context;
    const unreadable = records.reporter("services");
    const idOf = (service: PlacedService): NacosServiceId => ({ ...service, registryId });
    return {
      believed: (service, belief, isFirst) => this.#believed(idOf(service), belief, isFirst),
      forgotten: (service) => this.#changed(this.catalogue.remove(idOf(service))),
      // Its entries are another replica's: nothing is published, and no loss is counted.
      released: (service) => void this.catalogue.remove(idOf(service)),
      unread: (service, isUnread) => this.shareReader?.note(service, recordKey(idOf(service)), isUnread),
      readBegan: () => sink.readStarted(),
      readEnded: (seconds, error) =>
        sink.readEnded({ seconds, differs: false, ...(error === undefined ? {} : { error }) }),
      progressed: () => this.#progressed(),
      refused: ({ namespace, group, name }, reason) => {
        const path = group === undefined || name === undefined
          ? `${registryId === "" ? "" : `${registryId}: `}namespace ${namespace}`
          : recordPath({ registryId, namespace, group, name });
        if (reason === undefined) records.solved("services", path);
        else unreadable({ path, reason });
        this.#progressed();
      },
      ambiguous: (name, ids) =>
        log.warn(
          { namespace: name, ids },
          "several namespaces have this name: the first is read; give its id in its place",
        ),
      requested,
    };
  }

  #believed(
    id: NacosServiceId,
    { instances, invalid, protected: isProtected }: ServiceBelief,
    isFirst: boolean,
  ): void {
    const isGone = instances.length === 0 && invalid.length === 0;
    const changes = isGone
      ? this.catalogue.remove(id)
      : this.catalogue.put({ ...id, instances, invalid, protected: isProtected });
    if (isFirst) this.#readIfAll();
    else this.#changed(changes);
  }

  /** What was taken over from other replicas is compared once all of it has been read. */
  #readIfAll(): void {
    const { shareReader } = this;
    if (!this.#wasComplete || shareReader === undefined) return;
    for (const _unit of shareReader.unreadUnits) return;
    this.#context.sink.readEnded({ seconds: 0, differs: true });
  }

  #changed(changes: readonly UnitChange[]): void {
    for (const { unit, endpoints } of changes) this.#context.sink.changed(unit, endpoints);
  }

  #progressed(): void {
    const { sink } = this.#context;
    if (this.clusters.every(({ isComplete }) => isComplete)) void this.#complete();
    const { isUnsure, isUnsettled } = this;
    // What was missing then, and kept, may be gone.
    if ((this.#wasUnsure && !isUnsure) || (this.#wasUnsettled && !isUnsettled)) {
      sink.readEnded({ seconds: 0, differs: true });
    }
    this.#wasUnsure = isUnsure;
    this.#wasUnsettled = isUnsettled;
  }

  /** What was read is complete when it is known what its applications offer, as far as that can be known now. */
  async #complete(): Promise<void> {
    if (this.#wasComplete) return;
    await this.catalogue.settled();
    if (this.#wasComplete) return;
    this.#wasComplete = true;
    this.#context.sink.completed();
  }

  #readConfig(registryId: string, config: ConfigName, signal: AbortSignal): Promise<string | undefined> {
    const cluster = this.clusters.find((one) => one.registryId === registryId);
    return cluster === undefined ? Promise.resolve(undefined) : cluster.nacos.getConfig(config, signal);
  }
}
