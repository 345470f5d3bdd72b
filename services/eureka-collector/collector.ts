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
import type { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";

/** What a collector of Eureka needs. */
export interface EurekaCollectorOptions {
  readonly source: EurekaSource;
  readonly profile: Profile;
  readonly environment: ConversionEnvironment;
  readonly publisher: SourcePublisher;
  readonly metrics: CollectorMetrics;
  readonly log: Logger;
}

interface ResourceName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** How often empty services and held losses are looked at when nothing else asks for a complete comparison. */
const housekeepingMs = 60_000;

/** So many unusable records are shown in the debug API. */
const maxShownRecords = 1000;

/** So many new ones of a round are logged one by one. */
const maxLoggedRecords = 20;

/** Between two rounds, so that a period of 0 doesn't spin. */
const minPauseMs = 20;

/**
 * Keeps the stream equal to Eureka: reads the clusters in a loop, converts what changed and publishes it. Stateless
 * beyond its view of the registry: after a restart it compares with the stream.
 */
export class EurekaCollector {
  readonly #options: EurekaCollectorOptions;
  readonly #rules: InstanceServiceRules;
  readonly #clusters: readonly EurekaCluster[];
  readonly #mock: MockService | undefined;
  /** Raw application names by service key, over all clusters: names may differ in case, `_` and `-`. */
  readonly #names = new Map<string, Set<string>>();
  /** What each service was converted to last: the identities that vanish when it changes. */
  readonly #converted = new Map<string, readonly ResourceName[]>();
  /** What changed and is not published yet: keys of services that a registry named, and whether to compare all. */
  #named = new Set<string>();
  #compareDue = false;
  #housekeepingAtMs = 0;
  /** Whether the guard held something when all was compared last. */
  #holding = false;
  /** Ends when nothing is being published: one at a time, though each cluster has its own loop. */
  #publishing: Promise<void> = Promise.resolve();

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
      });
      return new EurekaCluster(registryId, client, log);
    });
  }

  /** The clusters that are read, for readiness and the debug API. */
  get clusters(): readonly EurekaCluster[] {
    return this.#clusters;
  }

  /** Some of the registry's records that can't be used, by place. */
  get invalidRecords(): ReadonlyMap<string, string> {
    const shown = new Map<string, string>();
    for (const { registryId, invalidRecords } of this.#clusters) {
      for (const [path, reason] of invalidRecords) {
        if (shown.size === maxShownRecords) return shown;
        shown.set(registryId === "" ? path : `${registryId}: ${path}`, reason);
      }
    }
    return shown;
  }

  /** Runs until the signal aborts. A cluster that doesn't answer holds up no other. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#clusters.map((cluster) => this.#follow(cluster, signal)));
  }

  async #follow(cluster: EurekaCluster, signal: AbortSignal): Promise<void> {
    const { source, metrics } = this.#options;
    let completeAtMs = 0;
    while (!signal.aborted) {
      const startMs = performance.now();
      const complete = startMs >= completeAtMs;
      const known = new Map(cluster.invalidRecords);
      const update = await cluster.update(complete, signal);
      if (signal.aborted) return;
      if (complete && update.succeeded) completeAtMs = performance.now() + source.refreshPeriod;
      metrics.polled(update.succeeded, (performance.now() - startMs) / 1000);
      this.#note(update);
      this.#reportInvalid(cluster, known);
      await this.#publishInTurn(complete, signal);
      const untilComplete = completeAtMs - performance.now();
      const untilNext = untilComplete > 0 ? Math.min(source.deltaPeriod, untilComplete) : source.deltaPeriod;
      await delay(jittered(Math.max(untilNext, minPauseMs)), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes note of what changed, and of the applications' names. */
  #note({ named, compared }: ClusterUpdate): void {
    for (const name of named) this.#named.add(this.#keyOf(name));
    for (const name of compared) this.#keyOf(name);
    if (compared.size > 0) this.#compareDue = true;
  }

  #keyOf(name: string): string {
    const key = serviceKey(name);
    const known = this.#names.get(key);
    if (known === undefined) this.#names.set(key, new Set([name]));
    else known.add(name);
    return key;
  }

  async #publishInTurn(complete: boolean, signal: AbortSignal): Promise<void> {
    const turn = this.#publishing.then(() => this.#publishDue(complete, signal));
    this.#publishing = turn;
    await turn;
  }

  /** Publishes what is due. Never throws: what fails stays due. */
  async #publishDue(complete: boolean, signal: AbortSignal): Promise<void> {
    const { publisher, log } = this.#options;
    if (!this.#clusters.every((cluster) => cluster.synced)) return;
    const named = this.#named;
    this.#named = new Set();
    try {
      if (!publisher.needsCompleteRead) await this.#publishNamed(named, signal);
      if (publisher.needsCompleteRead || this.#compareDue || this.#housekeepingDue(complete)) {
        await this.#publishAll(signal);
      }
    } catch (error) {
      for (const key of named) this.#named.add(key);
      this.#compareDue = true;
      if (!signal.aborted) log.error({ reason: errorText(error) }, "cannot publish, trying again");
    }
  }

  /** Held losses are looked at with every complete read and at once when somebody lets them go; the rest now and then. */
  #housekeepingDue(complete: boolean): boolean {
    // What an unreachable registry lost must not run out of its time.
    if (this.#clusters.some((cluster) => cluster.lastError !== undefined)) return false;
    if (this.#holding && (complete || this.#options.publisher.held().size === 0)) return true;
    return this.#options.publisher.keepsEmpty && performance.now() >= this.#housekeepingAtMs;
  }

  async #publishNamed(keys: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    if (keys.size === 0) return;
    const { publisher, metrics } = this.#options;
    const upserts: ServiceEntryManifest[] = [];
    const gone: ResourceName[] = [];
    const converted = new Map<string, readonly ResourceName[]>();
    for (const key of keys) {
      const manifests = this.#convert(key);
      const names = manifests.map(nameOf);
      upserts.push(...manifests);
      gone.push(
        ...(this.#converted.get(key) ?? []).filter((before) => !names.some((now) => isSame(before, now))),
      );
      converted.set(key, names);
    }
    if (this.#mock?.grew === true) upserts.push(this.#mock.manifest());
    metrics.published(await publisher.publishChanges(upserts, gone, signal));
    // Only now: until it is published, what vanished has to be named again.
    for (const [key, names] of converted) this.#setConverted(key, names);
  }

  async #publishAll(signal: AbortSignal): Promise<void> {
    const { publisher, metrics, log } = this.#options;
    this.#compareDue = false;
    const summary = await publisher.publishAll(this.convertAll(), signal);
    this.#housekeepingAtMs = performance.now() + housekeepingMs;
    this.#holding = publisher.held().size > 0;
    metrics.published(summary);
    log.info(summary, "compared everything with the stream");
  }

  /** Everything that the source has, converted. */
  *convertAll(): Iterable<ServiceEntryManifest> {
    for (const key of this.#names.keys()) {
      const manifests = this.#convert(key);
      this.#setConverted(key, manifests.map(nameOf));
      yield* manifests;
    }
    if (this.#mock?.isPublishable === true) yield this.#mock.manifest();
  }

  #setConverted(key: string, names: readonly ResourceName[]): void {
    if (names.length === 0) this.#converted.delete(key);
    else this.#converted.set(key, names);
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
    if (applications.length === 0) this.#names.delete(key);
    const manifests = convertService(key, applications, this.#rules);
    for (const manifest of manifests) this.#mock?.add(manifest);
    return manifests;
  }

  #reportInvalid(cluster: EurekaCluster, known: ReadonlyMap<string, string>): void {
    const { metrics, log } = this.#options;
    let fresh = 0;
    for (const [record, reason] of cluster.invalidRecords) {
      if (known.get(record) === reason) continue;
      if (++fresh > maxLoggedRecords) continue;
      log.warn(
        { cluster: cluster.registryId, record, reason },
        "Eureka has a record that can't be used, it is left out",
      );
    }
    if (fresh === 0) return;
    metrics.invalidRecords.inc(fresh);
    if (fresh > maxLoggedRecords) {
      log.warn({ cluster: cluster.registryId, more: fresh - maxLoggedRecords }, "and more such records");
    }
  }
}

function nameOf({ kind, metadata: { namespace, name } }: ServiceEntryManifest): ResourceName {
  return { kind, namespace, name };
}

function isSame(a: ResourceName, b: ResourceName): boolean {
  return a.name === b.name && a.namespace === b.namespace;
}

/** Spreads the polls of many collectors: up to a tenth earlier or later. */
function jittered(periodMs: number): number {
  return periodMs * (0.9 + Math.random() * 0.2);
}
