import type { Hono } from "hono";
import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import type { PlanTraits } from "../../../shared/collector/publish-plan.ts";
import type { RegistryView, SourceContext } from "../../../shared/collector/registry.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { ZookeeperSource } from "../../../shared/config/mod.ts";
import { MockService } from "../../../shared/conversion/mock-service.ts";
import { ApplicationRegistry } from "../../../shared/dubbo/applications/application-registry.ts";
import { askingInstances } from "../../../shared/dubbo/applications/metadata-ask.ts";
import { MetadataResolver } from "../../../shared/dubbo/applications/metadata-resolver.ts";
import { ZookeeperMetadata } from "../../../shared/dubbo/applications/zookeeper-metadata.ts";
import { CallModel } from "../../../shared/dubbo/calls/call-model.ts";
import { Sidecars } from "../../../shared/dubbo/calls/sidecars.ts";
import { zookeeperRules } from "../../../shared/dubbo/conversion/dubbo-rules.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import type { ZooKeeper } from "../../../shared/zookeeper/zookeeper.ts";
import { registeredInstancesRoutes } from "../debug-routes.ts";
import { findProviders } from "./find-providers.ts";
import { RegistryTree } from "./registry-tree.ts";
import { parseResyncSchedule } from "./resync-schedule.ts";
import { interfaceUnit, ServiceCatalogue, springUnit } from "./service-catalogue.ts";
import { TreeFollower } from "./tree-follower.ts";
import { treeRoots } from "./tree-paths.ts";
import type { TreePath } from "./tree-paths.ts";

/** Concurrent interface reads per configured worker. (A slime worker had one request in flight.) */
const readsPerWorker = 100;

/** The unit of the entry that merges all ports. */
const mockUnit: Unit = "mock";

/**
 * One ZooKeeper as a registry: its tree, the applications that are found in it, and who calls whom. Its units are
 * interfaces and Spring Cloud services.
 */
export class ZooKeeperView implements RegistryView {
  readonly follower: TreeFollower;
  readonly catalogue: ServiceCatalogue;
  readonly calls = new CallModel();
  readonly sidecars: Sidecars;
  readonly traits: PlanTraits;
  readonly keepsLastEndpoints: boolean;
  readonly routes: Hono;
  readonly #source: ZookeeperSource;
  readonly #zooKeeper: ZooKeeper;
  readonly #context: SourceContext;
  readonly #tree = new RegistryTree();
  readonly #applications: ApplicationRegistry;
  readonly #mock: MockService | undefined;
  /** True once all that was read first is resolved as well, as far as it can be. */
  #complete = false;

  constructor(source: ZookeeperSource, zooKeeper: ZooKeeper, context: SourceContext) {
    const { environment, records, config: { profile } } = context;
    this.#source = source;
    this.#zooKeeper = zooKeeper;
    this.#context = context;
    this.keepsLastEndpoints = source.enableEmptyProtection;
    this.traits = {
      addsUpLosses: true,
      lossDelays: { oneOfSeveralMs: 2, lastMs: 50 },
      debounce: source.mode === "polling" ? undefined : source.watchingDebounce,
      minCompareMs: 2_000,
    };
    this.#applications = this.#openApplications();
    this.#mock = MockService.of(source, "zookeeper", profile, environment);
    const rules = zookeeperRules(source, profile, environment);
    this.catalogue = new ServiceCatalogue({
      tree: this.#tree,
      applications: this.#applications,
      calls: this.calls,
      rules,
      mock: this.#mock,
      report: records.reporter("conversion"),
      facts: context.facts,
      callsChanged: (applications) => this.sidecars.changed(applications),
    });
    this.sidecars = new Sidecars({
      enabled: source.enableDubboSidecar,
      profile,
      namespace: source.resourceNs,
      workloadLabel: source.dubboWorkloadAppLabel,
      protocol: rules.ownProtocol.protocol,
      selfConsume: source.selfConsume,
      trimIntervalMs: source.trimDubboRemoveDepInterval,
      istioRevision: environment.istioRevision,
    }, this.calls);
    this.follower = this.#openFollower();
    this.routes = registeredInstancesRoutes((name) =>
      (name === undefined ? [...this.catalogue.interfaces()] : [name])
        .map((each) => [each, this.catalogue.instancesOf(each)])
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.follower.run(signal);
  }

  async refresh(signal: AbortSignal): Promise<void> {
    await this.follower.refresh(signal);
    await this.#applications.resolvedSoFar();
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  get isReading(): boolean {
    return this.follower.isReading;
  }

  get error(): string | undefined {
    if (this.follower.lastError !== undefined) return this.follower.lastError;
    return this.#zooKeeper.state === "connected" ? undefined : this.#zooKeeper.lastError ?? "not connected";
  }

  get lastReadMs(): number | undefined {
    // Watches tell of every change: as long as they are there, what is known is as good as just read.
    const { means, lastSuccessMs } = this.follower;
    const isWatching = means !== "polling" && this.error === undefined && !this.isReading;
    return isWatching && lastSuccessMs !== undefined ? performance.now() : lastSuccessMs;
  }

  get isUnsure(): boolean {
    return this.#applications.isUnsure;
  }

  get endpoints(): number {
    return this.#tree.providerCount + this.#applications.providerCount;
  }

  get emptyHint(): string {
    const { registryRootNode, applicationRoots } = this.#source;
    if (!this.follower.rootExists) {
      return `there is no node ${registryRootNode} (zookeeperSource.registryRootNode)`;
    }
    return `nothing is registered below ${[registryRootNode, ...applicationRoots].join(", ")}`;
  }

  *units(): Iterable<Unit> {
    yield* this.catalogue.units();
    if (this.#mock !== undefined) yield mockUnit;
  }

  isEmpty(unit: Unit): boolean {
    return unit !== mockUnit && this.catalogue.isEmpty(unit);
  }

  observe(unit: Unit): void {
    if (unit === mockUnit) return;
    this.catalogue.observe(unit);
    if (this.#mock?.grew === true) this.#context.sink.changed(mockUnit, 0);
  }

  outdate(unit: Unit): void {
    this.catalogue.outdate(unit);
  }

  convert(unit: Unit): readonly Manifest[] {
    if (unit !== mockUnit) return this.catalogue.convert(unit);
    return this.#mock?.isPublishable === true ? [this.#mock.manifest()] : [];
  }

  retry(): void {
    this.#applications.retry();
  }

  status(): CollectorStatus {
    const { synced, lastSuccessMs, means } = this.follower;
    const connection = {
      name: this.#zooKeeper.server ?? this.#source.address.join(","),
      synced,
      lastSuccessAgeMs: lastSuccessMs === undefined ? null : Math.round(performance.now() - lastSuccessMs),
      lastError: this.error ?? null,
      means,
      requests: Object.fromEntries(this.#zooKeeper.requests),
    };
    return { connections: [connection], invalidRecords: this.#context.records.shown };
  }

  find(question: TraceQuestion, limit: number): Iterable<FoundRecord> {
    return findProviders(question, limit, {
      root: this.#source.registryRootNode,
      tree: this.#tree,
      applications: this.#applications,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zooKeeper[Symbol.asyncDispose]();
  }

  #openApplications(): ApplicationRegistry {
    const source = this.#source;
    const { records, signal } = this.#context;
    const zooKeeper = this.#zooKeeper;
    const report = records.reporter("applications");
    const asks = source.metadataServiceTimeout > 0;
    const resolver = new MetadataResolver(
      {
        store: new ZookeeperMetadata(source.registryRootNode, {
          readNode: async (path) => (await zooKeeper.getData(path))?.data,
          listChildren: async (path) => (await zooKeeper.getChildren(path))?.names,
        }, report),
        askInstance: asks ? askingInstances(source.metadataServiceTimeout) : undefined,
      },
      { report },
      signal,
    );
    return new ApplicationRegistry({
      resolver,
      isAtInterfaceLevel: (application, host) => this.#tree.isProviding(application, host),
      interfaceChanged: (name, providers) => this.#changed(interfaceUnit(name), providers),
      springChanged: (name, instances) => this.#changed(springUnit(name), instances),
      report,
      solved: (path) => records.solved("applications", path),
    });
  }

  #openFollower(): TreeFollower {
    const source = this.#source;
    const { config, sink, records, log } = this.#context;
    const unreadable = records.reporter("reading");
    return new TreeFollower({
      zooKeeper: this.#zooKeeper,
      tree: this.#tree,
      roots: treeRoots(source, config.profile),
      readsConfigurators: source.enableConfiguratorMeta,
      pollPeriodMs: source.mode === "polling" ? source.refreshPeriod : undefined,
      resync: source.watchingResyncCron === "" ? undefined : parseResyncSchedule(source.watchingResyncCron),
      atOnce: source.watchingWorkerCount * readsPerWorker,
      listener: {
        interfaceChanged: (name, providers) => this.#changed(interfaceUnit(name), providers),
        interfaceRead: (name) => {
          // The first reading has nothing to compare with: what is there can be converted while it goes on.
          if (!this.#complete && this.#context.facts?.isReady !== false) {
            this.catalogue.prepare(interfaceUnit(name));
          }
        },
        applicationChanged: (path) =>
          this.#applications.nodeChanged(path, this.#tree.applicationNodes.get(path)),
        metadataChanged: (path) => this.#metadataChanged(path),
        unreadable: (path, reason) => unreadable({ path, reason }),
        readBegins: () => sink.readStarted(),
        readCompletely: (seconds) => {
          sink.readEnded({ seconds, differs: false });
          void this.#completeWithApplications();
        },
        readFailed: (seconds) =>
          sink.readEnded({ seconds, differs: false, error: this.follower.lastError ?? "" }),
      },
      log,
    });
  }

  /** What was read is complete when it is known what its applications offer, as far as that can be known now. */
  async #completeWithApplications(): Promise<void> {
    await this.#applications.settled();
    this.#complete = true;
    this.#context.sink.completed();
  }

  #changed(unit: Unit, cameOrWent: number): void {
    this.catalogue.outdate(unit);
    this.#context.sink.changed(unit, cameOrWent);
  }

  #metadataChanged(path: TreePath): void {
    if (path.kind === "application-metadata" || path.kind === "service-definition") {
      this.#applications.metadataChanged(path.application);
    }
  }
}
