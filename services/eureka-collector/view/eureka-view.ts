import { eurekaServersOf } from "../../../shared/config/mod.ts";
import type { EurekaServer, EurekaSource } from "../../../shared/config/mod.ts";
import type { CollectorStatus } from "../../../shared/collector/collector-status.ts";
import { untilOthersRead } from "../../../shared/collector/failing-parts.ts";
import type { ReadState } from "../../../shared/collector/failing-parts.ts";
import type { PlanTraits } from "../../../shared/collector/publish-plan.ts";
import type { RegistryView, SourceContext } from "../../../shared/collector/registry.ts";
import { recordFilter } from "../../../shared/collector/trace/found-record.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { InstanceServiceRules } from "../../../shared/conversion/instance-service.ts";
import { MockService } from "../../../shared/conversion/mock-service.ts";
import type { Manifest, ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import type { InvalidRecord } from "../../../shared/collector/invalid-records.ts";
import { EurekaClient } from "../client/client.ts";
import { convertService, eurekaRules, serviceKey } from "../conversion/convert.ts";
import type { ClusterApplication } from "../conversion/cluster-application.ts";
import { recordPath } from "../conversion/usable-instances.ts";
import { ClusterFollower } from "./cluster-follower.ts";
import { EurekaCluster } from "./cluster.ts";
import type { ClusterUpdate, EurekaReader } from "./cluster.ts";

/** The unit of the entry that merges all ports. */
const mockUnit: Unit = "mock";

/**
 * All clusters of a Eureka source as one registry. Its units are services: the applications of all clusters whose names
 * differ only in case, `_` and `-`.
 */
export class EurekaView implements RegistryView {
  /** Eureka's server names each instance that it cancels or evicts, and protects itself from mass evictions. */
  readonly traits: PlanTraits = {
    addsUpLosses: false,
    lossDelays: { oneOfSeveralMs: 0, lastMs: 0 },
    debounce: undefined,
    minCompareMs: 0,
  };
  readonly isReading = false;
  readonly isUnsure = false;
  readonly keepsLastEndpoints: boolean;
  readonly #context: SourceContext;
  readonly #rules: InstanceServiceRules;
  readonly #clusters: readonly EurekaCluster[];
  readonly #followers: readonly ClusterFollower[];
  readonly #mock: MockService | undefined;
  /** Raw application names by unit, over all clusters. */
  readonly #names = new Map<Unit, Set<string>>();
  /** Clusters that couldn't be read again under a new term: what is known of them may be older than what is published. */
  readonly #outdated = new Set<EurekaCluster>();
  readonly #waitMs: number;
  /** True once clusters that can't be read aren't waited for any more. */
  #goesOn = false;
  #wasComplete = false;
  #wasPartial = false;

  /**
   * `waitMs`: so long the others wait for a cluster that can't be read. `readerOf` replaces the client of a cluster: for
   * answers that are in a file.
   */
  constructor(
    source: EurekaSource,
    context: SourceContext,
    waitMs: number,
    readerOf: (server: EurekaServer) => EurekaReader = ({ address }) => clientOf(address, source, context),
  ) {
    const { environment, config: { profile }, log } = context;
    this.#context = context;
    this.#waitMs = waitMs;
    this.keepsLastEndpoints = source.enableEmptyProtection;
    this.#rules = eurekaRules(source, profile, environment);
    this.#mock = MockService.of(source, "eureka", profile, environment);
    this.#clusters = eurekaServersOf(source).map((server) =>
      new EurekaCluster(server.registryId, readerOf(server), log)
    );
    this.#followers = this.#clusters.map((cluster) =>
      new ClusterFollower(cluster, source, (update, seconds) => this.#updated(cluster, update, seconds))
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const goOn = async () => {
      await untilOthersRead(this.#clusters.map(readStateOf), this.#waitMs, signal);
      if (signal.aborted) return;
      this.#goesOn = true;
      this.#complete();
    };
    await Promise.all([...this.#followers.map((follower) => follower.run(signal)), goOn()]);
  }

  async refresh(signal: AbortSignal): Promise<void> {
    const refreshed = new Set<EurekaCluster>();
    const refreshings = this.#clusters.map(async (cluster, index) => {
      await this.#followers[index]?.refresh(signal);
      refreshed.add(cluster);
      if (this.#outdated.delete(cluster)) this.#context.sink.readEnded({ seconds: 0, differs: true });
    });
    const all = Promise.all(refreshings);
    const parts = this.#clusters.map((cluster) => ({
      get isComplete() {
        return refreshed.has(cluster);
      },
      get isFailing() {
        return cluster.lastError !== undefined;
      },
      get isReadable() {
        return refreshed.has(cluster);
      },
    }));
    await Promise.race([all, untilOthersRead(parts, this.#waitMs, signal)]);
    if (signal.aborted) await all;
    // The clusters that are left out fail when the signal aborts, and no call waits for them any more.
    all.catch(() => {});
    for (const cluster of this.#clusters) if (!refreshed.has(cluster)) this.#outdated.add(cluster);
  }

  get isComplete(): boolean {
    return this.#goesOn || this.#clusters.every(({ synced }) => synced);
  }

  get isPartial(): boolean {
    return this.isComplete && (this.#outdated.size > 0 || !this.#clusters.every(({ synced }) => synced));
  }

  /** What is published of a cluster that can't be read is among what is missing. */
  get isUnsettled(): boolean {
    return this.isPartial;
  }

  get error(): string | undefined {
    const failing = this.#clusters.find(({ lastError }) => lastError !== undefined);
    if (failing === undefined) return undefined;
    return failing.registryId === "" ? failing.lastError : `${failing.registryId}: ${failing.lastError}`;
  }

  get lastReadMs(): number | undefined {
    let oldest: number | undefined;
    for (const { lastSuccessMs } of this.#clusters) {
      if (lastSuccessMs === undefined) return undefined;
      oldest = Math.min(oldest ?? lastSuccessMs, lastSuccessMs);
    }
    return oldest;
  }

  get endpoints(): number {
    let sum = 0;
    for (const { view } of this.#current) {
      for (const instances of view.applications.values()) sum += instances.size;
    }
    return sum;
  }

  get emptyHint(): string {
    return "its list of applications is empty; a server that has just started answers so";
  }

  *units(): Iterable<Unit> {
    yield* this.#names.keys();
    if (this.#mock !== undefined) yield mockUnit;
  }

  isEmpty(unit: Unit): boolean {
    const names = this.#names.get(unit) ?? new Set();
    return !this.#current.some(({ view }) => [...names].some((name) => view.applications.has(name)));
  }

  observe(unit: Unit): void {
    if (this.#mock === undefined || unit === mockUnit) return;
    for (const manifest of this.#convert(unit)) this.#mock.add(manifest);
    if (this.#mock.grew) this.#context.sink.changed(mockUnit, 0);
  }

  convert(unit: Unit): readonly Manifest[] {
    if (unit === mockUnit) return this.#mock?.isPublishable === true ? [this.#mock.manifest()] : [];
    const manifests = this.#convert(unit);
    if (manifests.length === 0 && this.isEmpty(unit)) this.#names.delete(unit);
    return manifests;
  }

  status(): CollectorStatus {
    const connections = this.#clusters.map((cluster) => {
      const { registryId, synced, lastSuccessMs, lastError } = cluster;
      return {
        name: registryId,
        synced,
        lastSuccessAgeMs: lastSuccessMs === undefined ? null : Math.round(performance.now() - lastSuccessMs),
        lastError: lastError ?? null,
      };
    });
    return { connections, invalidRecords: this.#context.records.shown };
  }

  *find(question: TraceQuestion, limit: number): Iterable<FoundRecord> {
    const fits = recordFilter(question);
    let left = limit;
    for (const { registryId, view } of this.#clusters) {
      for (const [application, instances] of view.applications) {
        const unit = serviceKey(application);
        for (const { id, address, port, isPortOn, securePort, status } of instances.values()) {
          const listens = isPortOn && port !== 0 ? port : securePort;
          if (!fits({ address, port: listens, names: [application, unit], application })) continue;
          yield {
            unit,
            path: recordPath(registryId, application, id),
            address,
            port: listens,
            state: status,
          };
          if (--left === 0) return;
        }
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #updated(cluster: EurekaCluster, { succeeded, named, compared }: ClusterUpdate, seconds: number): void {
    const { sink } = this.#context;
    this.#reportInvalid(cluster);
    const { isPartial } = this;
    const units = Array.from(named, (name) => this.#unitOf(name));
    // Alone a unit would be published without what the clusters have that can't be read: a comparison leaves it there.
    if (!isPartial) { for (const unit of units) sink.changed(unit, 0); }
    for (const name of compared) this.#unitOf(name);
    const wasPartial = this.#wasPartial;
    this.#wasPartial = isPartial;
    sink.readEnded({
      seconds,
      differs: compared.size > 0 || (isPartial && named.size > 0) || (wasPartial && !isPartial),
      ...(succeeded ? {} : { error: cluster.lastError ?? "stopped" }),
    });
    this.#complete();
  }

  #complete(): void {
    if (this.#wasComplete || !this.isComplete) return;
    this.#wasComplete = true;
    this.#wasPartial = this.isPartial;
    this.#context.sink.completed();
  }

  /** The clusters of which it is known what they have. */
  get #current(): readonly EurekaCluster[] {
    return this.#outdated.size === 0
      ? this.#clusters
      : this.#clusters.filter((cluster) => !this.#outdated.has(cluster));
  }

  #reportInvalid({ registryId, invalidRecords }: EurekaCluster): void {
    const placed = registryId === ""
      ? invalidRecords
      : new Map(Array.from(invalidRecords, ([path, reason]) => [`${registryId}: ${path}`, reason]));
    this.#context.records.replace(`cluster ${registryId}`, placed);
  }

  #unitOf(applicationName: string): Unit {
    const unit = serviceKey(applicationName);
    const known = this.#names.get(unit);
    if (known === undefined) this.#names.set(unit, new Set([applicationName]));
    else known.add(applicationName);
    return unit;
  }

  #convert(unit: Unit): ServiceEntryManifest[] {
    const applications: ClusterApplication[] = [];
    for (const name of this.#names.get(unit) ?? []) {
      for (const { registryId, view } of this.#current) {
        const instances = view.applications.get(name);
        if (instances !== undefined) applications.push({ name, registryId, instances: instances.values() });
      }
    }
    const unusable = new Map<string, string>();
    const report = ({ path, reason }: InvalidRecord) => void unusable.set(path, reason);
    const facts = this.#context.facts?.lookupFor(unit);
    const manifests = convertService(unit, applications, this.#rules, report, facts);
    this.#context.records.replace(`conversion of ${unit}`, unusable);
    return manifests.filter((manifest) => this.#mock?.replaces(manifest) !== true);
  }
}

function readStateOf(cluster: EurekaCluster): ReadState {
  return {
    get isComplete() {
      return cluster.synced;
    },
    get isFailing() {
      return cluster.lastError !== undefined;
    },
    get isReadable() {
      return cluster.synced;
    },
  };
}

function clientOf(
  addresses: readonly string[],
  source: EurekaSource,
  { log, requested }: SourceContext,
): EurekaClient {
  const { requestTimeout: requestTimeoutMs, maxResponseBytes } = source;
  return new EurekaClient({ addresses, requestTimeoutMs, maxResponseBytes, log, requested });
}
