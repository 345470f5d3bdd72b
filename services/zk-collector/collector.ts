import type { ConversionEnvironment, Profile, ZookeeperSource } from "../../shared/config/mod.ts";
import type { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import type { ShrinkPolicy } from "../../shared/collector/shrink-guard.ts";
import type { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import { MockService } from "../../shared/conversion/mock-service.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { ZooKeeper } from "../../shared/zookeeper/zookeeper.ts";
import { ApplicationRegistry } from "./applications/application-registry.ts";
import { CallModel } from "./calls/call-model.ts";
import { CataloguePublisher } from "./catalogue-publisher.ts";
import { ChangeQueue } from "./changes/change-queue.ts";
import { InvalidRecords } from "./invalid-records.ts";
import { LossWindow } from "./changes/loss-window.ts";
import { askingInstances } from "./applications/metadata-ask.ts";
import { MetadataResolver } from "./applications/metadata-resolver.ts";
import { RegistryTree } from "./tree/registry-tree.ts";
import { parseResyncSchedule } from "./tree/resync-schedule.ts";
import { interfaceKey, ServiceCatalogue, springKey } from "./service-catalogue.ts";
import { Sidecars } from "./calls/sidecars.ts";
import { TreeFollower } from "./tree/tree-follower.ts";
import type { TreePath } from "./tree/tree-paths.ts";
import { WorkSignal } from "./changes/work-signal.ts";
import { zookeeperRules } from "./conversion/zookeeper-rules.ts";

/** What a collector of ZooKeeper needs. */
export interface ZooKeeperCollectorOptions {
  readonly source: ZookeeperSource;
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly guard: ShrinkPolicy;
  readonly zooKeeper: ZooKeeper;
  readonly publisher: SourcePublisher;
  readonly metrics: CollectorMetrics;
  readonly log: Logger;
  /** Ends what is asked of instances. */
  readonly signal: AbortSignal;
}

/** Held losses, empty services and applications of which too little is known are looked at this often. */
const housekeepingMs = 60_000;

/** While the mass-deletion guard may have to hold losses, everything is compared, but not more often than this. */
const minCompareMs = 2_000;

/** After a failed publish. */
const retryMs = 1_000;

/** `watchingWorkerCount` counts workers that each waited for one answer; ours have this many interfaces under way. */
const readsPerWorker = 100;

/**
 * Keeps the stream equal to ZooKeeper: follows the tree, converts the interfaces that changed and publishes them, and
 * after them the Sidecars of the applications whose calls changed. Stateless beyond its view of the registry: after a
 * restart it compares with the stream.
 */
export class ZooKeeperCollector {
  readonly follower: TreeFollower;
  readonly catalogue: ServiceCatalogue;
  readonly calls = new CallModel();
  readonly invalidRecords: InvalidRecords;
  readonly #options: ZooKeeperCollectorOptions;
  readonly #tree = new RegistryTree();
  readonly #applications: ApplicationRegistry;
  readonly #queue: ChangeQueue;
  readonly #losses: LossWindow;
  readonly #sidecars: Sidecars;
  readonly #output: CataloguePublisher;
  readonly #work = new WorkSignal();
  /** True once all that was read first is resolved as well, as far as anybody knows. */
  #complete = false;
  #compareDue = true;
  #comparedAtMs = Number.NEGATIVE_INFINITY;
  /** True if the last complete read found no provider at all. */
  #readNothing = false;

  constructor(options: ZooKeeperCollectorOptions) {
    const { source, profile, environment, zooKeeper, log, guard, signal } = options;
    this.#options = options;
    this.invalidRecords = new InvalidRecords(options.metrics, log);
    const report = this.invalidRecords.reporter("applications");
    this.#queue = new ChangeQueue(source.mode === "polling" ? undefined : source.watchingDebounce);
    this.#losses = new LossWindow(guard);
    const mock = MockService.of(source, "zookeeper", profile, environment.istioRevision);
    const asks = source.metadataServiceTimeout > 0;
    const resolver = new MetadataResolver(
      {
        readNode: async (path) => (await zooKeeper.getData(path))?.data,
        listChildren: async (path) => (await zooKeeper.getChildren(path))?.names,
        askInstance: asks ? askingInstances(source.metadataServiceTimeout) : undefined,
      },
      { root: source.registryRootNode, report },
      signal,
    );
    this.#applications = new ApplicationRegistry({
      resolver,
      isAtInterfaceLevel: (application, host) => this.#tree.isProviding(application, host),
      interfaceChanged: (name, providers) => this.#changed(interfaceKey(name), providers),
      springChanged: (name, instances) => this.#changed(springKey(name), instances),
      report,
      solved: (path) => this.invalidRecords.solved(path),
    });
    const rules = zookeeperRules(source, profile, environment);
    this.catalogue = new ServiceCatalogue({
      tree: this.#tree,
      applications: this.#applications,
      calls: this.calls,
      rules,
      mock,
      report: this.invalidRecords.reporter("conversion"),
    });
    this.#sidecars = new Sidecars({
      enabled: source.enableDubboSidecar,
      profile,
      namespace: source.resourceNs,
      workloadLabel: source.dubboWorkloadAppLabel,
      protocol: rules.ownProtocol.protocol,
      selfConsume: source.selfConsume,
      trimIntervalMs: source.trimDubboRemoveDepInterval,
      istioRevision: environment.istioRevision,
    }, this.calls);
    this.#output = new CataloguePublisher({
      ...options,
      catalogue: this.catalogue,
      sidecars: this.#sidecars,
      mock,
      invalidRecords: this.invalidRecords,
      keepsLast: source.enableEmptyProtection,
    });
    this.follower = this.#follow();
  }

  /** True while what seems missing may be there, because nobody knows what some application offers. */
  get isUnsure(): boolean {
    return this.#applications.isUnsure;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.follower.run(signal), this.#publishLoop(signal)]);
  }

  #follow(): TreeFollower {
    const { source, zooKeeper, metrics, log } = this.#options;
    const unreadable = this.invalidRecords.reporter("reading");
    const consumers = source.consumerPath.replace(/^\/+|\/+$/g, "");
    return new TreeFollower({
      zooKeeper,
      tree: this.#tree,
      roots: {
        interfaces: source.registryRootNode,
        applications: source.applicationRoots,
        consumers: consumers === "" ? undefined : consumers,
      },
      readsConfigurators: source.enableConfiguratorMeta,
      pollPeriodMs: source.mode === "polling" ? source.refreshPeriod : undefined,
      resync: source.watchingResyncCron === "" ? undefined : parseResyncSchedule(source.watchingResyncCron),
      atOnce: source.watchingWorkerCount * readsPerWorker,
      listener: {
        interfaceChanged: (name, providers) => this.#changed(interfaceKey(name), providers),
        interfaceRead: (name) => {
          // The first reading has nothing to compare with: what is there can be converted while it goes on.
          if (!this.#complete) this.catalogue.prepare(interfaceKey(name));
        },
        applicationChanged: (path) =>
          this.#applications.nodeChanged(path, this.#tree.applicationNodes.get(path)),
        metadataChanged: (path) => this.#metadataChanged(path),
        unreadable: (path, reason) => unreadable({ path, reason }),
        readBegins: () => this.invalidRecords.forget("reading"),
        readCompletely: (seconds) => {
          metrics.polled(true, seconds);
          this.#readNothing = this.#providerCount === 0;
          this.#work.call();
          void this.#completeWithApplications();
        },
        readFailed: (seconds) => metrics.polled(false, seconds),
      },
      log,
    });
  }

  /** What was read is complete when it is known what its applications offer, as far as that can be known now. */
  async #completeWithApplications(): Promise<void> {
    await this.#applications.settled();
    this.#complete = true;
    this.#work.call();
  }

  #changed(key: string, cameOrWent: number): void {
    const nowMs = performance.now();
    // What the first reading finds is no change.
    if (this.#complete) this.#losses.note(cameOrWent, nowMs);
    this.#sidecars.changed(this.catalogue.outdate(key));
    this.#queue.mark(key, cameOrWent, cameOrWent < 0 && this.catalogue.isEmpty(key), nowMs);
    if (this.#complete) this.#work.call();
  }

  #metadataChanged(path: TreePath): void {
    if (path.kind === "application-metadata" || path.kind === "service-definition") {
      this.#applications.metadataChanged(path.application);
    }
  }

  async #publishLoop(signal: AbortSignal): Promise<void> {
    let housekeepingAtMs = performance.now() + housekeepingMs;
    while (!signal.aborted) {
      await this.#work.wait(this.#waitMs(housekeepingAtMs), signal);
      if (signal.aborted || !this.#complete) continue;
      if (performance.now() >= housekeepingAtMs) {
        housekeepingAtMs = performance.now() + housekeepingMs;
        this.#keepHouse();
      }
      try {
        await this.#publishDue(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#compareDue = true;
        this.#options.log.error({ reason: errorText(error) }, "cannot publish, trying again");
        await this.#work.wait(retryMs, signal);
      }
    }
  }

  #waitMs(housekeepingAtMs: number): number | undefined {
    if (!this.#complete) return undefined;
    const nowMs = performance.now();
    const waits = [housekeepingAtMs - nowMs];
    if (this.#options.publisher.needsCompleteRead || (this.#compareDue && !this.follower.isReading)) {
      waits.push(this.#comparedAtMs + minCompareMs - nowMs);
    }
    const queued = this.#queue.msUntilDue(nowMs, this.#takesLosses(nowMs));
    if (queued !== undefined) waits.push(queued);
    const sidecars = this.#sidecars.dueInMs(Date.now(), this.#mayRemoveCalls);
    if (sidecars !== undefined) waits.push(sidecars);
    return Math.max(0, Math.min(...waits));
  }

  get #providerCount(): number {
    return this.#tree.providerCount + this.#applications.providerCount;
  }

  /** True if so much went that it has to be compared as a whole, with the guard, rather than taken for evidence. */
  #isMassLoss(nowMs: number): boolean {
    // A server that was replaced by an empty one looks like this, however little there was.
    if (this.#readNothing && this.#providerCount === 0) return true;
    return this.#losses.exceeds(this.#providerCount, nowMs);
  }

  /** How much a reading lost is known at its end; what it lacks so far is no evidence. */
  #takesLosses(nowMs: number): boolean {
    return !this.follower.isReading && !this.#isMassLoss(nowMs);
  }

  #keepHouse(): void {
    this.#applications.retry();
    const { publisher } = this.#options;
    // What an unreachable registry lost must not run out of its time.
    if (this.follower.lastError === undefined && (publisher.keepsEmpty || this.#output.isHolding)) {
      this.#compareDue = true;
    }
  }

  /** While the registry can't be read or losses are held, what nobody calls any more is no evidence. */
  get #mayRemoveCalls(): boolean {
    return this.follower.lastError === undefined && !this.#output.isHolding;
  }

  async #publishDue(signal: AbortSignal): Promise<void> {
    const { publisher } = this.#options;
    const nowMs = performance.now();
    const massLoss = this.#isMassLoss(nowMs);
    // Released by hand; or what changed may be what is held, or find its time over.
    if (this.#output.isHolding && (publisher.held().size === 0 || this.#queue.size > 0)) {
      this.#compareDue = true;
    }
    const compare = publisher.needsCompleteRead ||
      ((massLoss || this.#compareDue) && !this.follower.isReading &&
        nowMs >= this.#comparedAtMs + minCompareMs);
    if (compare) await this.#publishAll(signal);
    else await this.#publishNamed(this.#queue.takeDue(nowMs, this.#takesLosses(nowMs)), signal);
    if (massLoss && this.#queue.size > 0) this.#compareDue = true;
    await this.#output.publishSidecars(this.#mayRemoveCalls, signal);
  }

  async #publishNamed(keys: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    try {
      await this.#output.publishNamed(keys, signal);
    } catch (error) {
      this.#queue.putBack(keys, performance.now());
      throw error;
    }
  }

  async #publishAll(signal: AbortSignal): Promise<void> {
    this.#compareDue = false;
    this.#comparedAtMs = performance.now();
    this.#queue.clear();
    await this.#output.publishAll(signal);
  }
}
