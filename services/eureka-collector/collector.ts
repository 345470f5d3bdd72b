import { setTimeout as delay } from "node:timers/promises";
import type { ConversionEnvironment, EurekaSource, Profile } from "../../shared/config/mod.ts";
import { eurekaServersOf } from "../../shared/config/mod.ts";
import type { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { InstanceServiceRules } from "../../shared/conversion/instance-service.ts";
import { MockService } from "../../shared/conversion/mock-service.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import { EurekaClient } from "./client.ts";
import { EurekaCluster } from "./cluster.ts";
import type { ClusterUpdate } from "./cluster.ts";
import type { ClusterApplication } from "./convert.ts";
import { convertService, eurekaRules, serviceKey } from "./convert.ts";
import type { InvalidRecord } from "./decode.ts";
import type { CollectorMetrics } from "./metrics.ts";

/** What a collector of Eureka needs. */
export interface EurekaCollectorOptions {
  readonly source: EurekaSource;
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly publisher: SourcePublisher;
  readonly metrics: CollectorMetrics;
  readonly log: Logger;
}

/** How often empty services and held losses are looked at when nothing else asks for a complete comparison. */
const housekeepingMs = 60_000;

/** Records that are shown in the debug API; beyond that they are only counted. */
const maxInvalidRecords = 1000;

/**
 * Keeps the stream equal to Eureka: reads the clusters in a loop, converts what changed and publishes it. Stateless
 * beyond its view of the registry: after a restart it compares with the stream.
 */
export class EurekaCollector {
  readonly #options: EurekaCollectorOptions;
  readonly #rules: InstanceServiceRules;
  readonly #clusters: readonly EurekaCluster[];
  readonly #mock: MockService | undefined;
  readonly #invalid = new Map<string, string>();
  /** Raw application names by service key, over all clusters: names may differ in case, `_` and `-`. */
  readonly #names = new Map<string, Set<string>>();
  /** What each service was converted to last: the identities that vanish when it changes. */
  readonly #converted = new Map<string, readonly ServiceEntryManifest["metadata"][]>();
  #housekeepingAtMs = 0;

  constructor(options: EurekaCollectorOptions) {
    const { source, profile, environment, log } = options;
    this.#options = options;
    this.#rules = eurekaRules(source, profile, environment);
    this.#mock = MockService.of(source, "eureka", profile, environment.istioRevision);
    this.#clusters = eurekaServersOf(source).map(({ registryId, address }) => {
      const client = new EurekaClient({
        addresses: address,
        requestTimeoutMs: source.requestTimeout,
        maxResponseBytes: source.maxResponseBytes,
        log,
        onInvalidRecord: (record) => this.#noteInvalid(record),
      });
      return new EurekaCluster(registryId, client, log);
    });
  }

  /** The clusters that are read, for readiness and the debug API. */
  get clusters(): readonly EurekaCluster[] {
    return this.#clusters;
  }

  /** Records of the registry that can't be used, by place. */
  get invalidRecords(): ReadonlyMap<string, string> {
    return this.#invalid;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#options;
    let completeAtMs = 0;
    while (!signal.aborted) {
      const complete = performance.now() >= completeAtMs;
      if (complete) completeAtMs = performance.now() + source.refreshPeriod;
      try {
        await this.#round(complete, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error({ reason: errorText(error) }, "cannot publish, trying again");
        completeAtMs = 0;
      }
      const untilNext = Math.min(source.deltaPeriod, completeAtMs - performance.now());
      await delay(jittered(Math.max(untilNext, minPauseMs)), undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(complete: boolean, signal: AbortSignal): Promise<void> {
    const { metrics, publisher } = this.#options;
    const startMs = performance.now();
    const updates = await Promise.all(this.#clusters.map(async (cluster) => {
      const update = await cluster.update(complete || !cluster.synced, signal);
      metrics.polled(update !== undefined, (performance.now() - startMs) / 1000);
      return update;
    }));
    signal.throwIfAborted();
    if (!this.#clusters.every((cluster) => cluster.synced)) return;
    const named = this.#keysOf(updates, (update) => update.named);
    const compared = this.#keysOf(updates, (update) => update.compared ?? new Set());
    if (!publisher.needsCompleteRead) await this.#publishNamed(named, signal);
    if (publisher.needsCompleteRead || compared.size > 0 || this.#housekeepingDue(complete)) {
      await this.#publishAll(signal);
    }
  }

  #housekeepingDue(complete: boolean): boolean {
    const { publisher } = this.#options;
    if (publisher.held().size > 0) return complete;
    return complete && performance.now() >= this.#housekeepingAtMs;
  }

  /** Service keys of all applications that changed; keeps {@link #names} up to date on the way. */
  #keysOf(
    updates: readonly (ClusterUpdate | undefined)[],
    names: (update: ClusterUpdate) => ReadonlySet<string>,
  ): Set<string> {
    const keys = new Set<string>();
    for (const update of updates) {
      if (update === undefined) continue;
      for (const name of names(update)) {
        const key = serviceKey(name);
        keys.add(key);
        const known = this.#names.get(key);
        if (known === undefined) this.#names.set(key, new Set([name]));
        else known.add(name);
      }
    }
    return keys;
  }

  async #publishNamed(keys: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    if (keys.size === 0) return;
    const { publisher, metrics } = this.#options;
    const upserts: ServiceEntryManifest[] = [];
    const gone: { kind: string; namespace: string; name: string }[] = [];
    for (const key of keys) {
      const before = this.#converted.get(key) ?? [];
      const manifests = this.#convert(key);
      upserts.push(...manifests);
      for (const { namespace, name } of before) {
        const remains = manifests.some(({ metadata }) =>
          metadata.name === name && metadata.namespace === namespace
        );
        if (!remains) gone.push({ kind: "ServiceEntry", namespace, name });
      }
    }
    if (this.#mock?.grew === true) upserts.push(this.#mock.manifest());
    metrics.published(await publisher.publishChanges(upserts, gone, signal));
  }

  async #publishAll(signal: AbortSignal): Promise<void> {
    const { publisher, metrics, log } = this.#options;
    this.#housekeepingAtMs = performance.now() + housekeepingMs;
    const summary = await publisher.publishAll(this.convertAll(), signal);
    metrics.published(summary);
    log.info(summary, "compared everything with the stream");
  }

  /** Everything that the source has, converted. */
  *convertAll(): Iterable<ServiceEntryManifest> {
    for (const key of this.#names.keys()) yield* this.#convert(key);
    if (this.#mock !== undefined) yield this.#mock.manifest();
  }

  #convert(key: string): ServiceEntryManifest[] {
    const names = this.#names.get(key) ?? new Set();
    const applications: ClusterApplication[] = [];
    for (const name of names) {
      for (const { registryId, view } of this.#clusters) {
        const instances = view.applications.get(name);
        if (instances !== undefined) applications.push({ registryId, instances: instances.values() });
      }
    }
    const manifests = convertService(key, applications, this.#rules);
    for (const manifest of manifests) this.#mock?.add(manifest);
    if (applications.length === 0) {
      this.#names.delete(key);
      this.#converted.delete(key);
    } else {
      this.#converted.set(key, manifests.map(({ metadata: { name, namespace } }) => ({ name, namespace })));
    }
    return manifests;
  }

  #noteInvalid({ path, reason }: InvalidRecord): void {
    if (this.#invalid.get(path) === reason) return;
    this.#options.metrics.invalidRecords.inc();
    if (this.#invalid.size >= maxInvalidRecords) return;
    this.#invalid.set(path, reason);
    this.#options.log.warn(
      { record: path, reason },
      "Eureka has a record that can't be used, it is left out",
    );
  }
}

/** Between two rounds, so that a period of 0 doesn't spin. */
const minPauseMs = 20;

/** Spreads the polls of many collectors: up to a tenth earlier or later. */
function jittered(periodMs: number): number {
  return periodMs * (0.9 + Math.random() * 0.2);
}
