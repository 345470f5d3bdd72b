import type { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { publishedAddresses, publishedEntries } from "../../shared/collector/published-rig.ts";
import type { SourceCollector } from "../../shared/collector/source-collector.ts";
import type { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import { lastSequence, RunningSource } from "../../shared/collector/source-rig.ts";
import type { SourceRigOptions } from "../../shared/collector/source-rig.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { eurekaWaiting } from "./registry.ts";

/** How a test's collector differs from the usual one. */
export interface CollectorRigOptions extends SourceRigOptions {
  /** Keys of `eurekaSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** So long a cluster that can't be read is waited for, in milliseconds; default as in use. */
  readonly waitMs?: number;
}

/** A collector that runs, on the real publisher, with periods short enough to wait for. */
export class CollectorRig {
  readonly entryLog: EntryLog;
  readonly publisher: SourcePublisher;
  readonly collector: SourceCollector;
  readonly metrics: Registry;
  readonly #running: RunningSource;
  #stopped: Promise<void> | undefined;

  private constructor(running: RunningSource) {
    this.#running = running;
    this.entryLog = running.entryLog;
    this.collector = running.collector;
    this.publisher = running.collector.publisher;
    this.metrics = running.metrics;
  }

  /** Starts a collector of clusters; it ends with the test. */
  static async start(urls: readonly string[], options: CollectorRigOptions = {}): Promise<CollectorRig> {
    const eurekaSource = {
      enabled: true,
      address: urls,
      deltaPeriod: "20ms",
      refreshPeriod: "1h",
      requestTimeout: "10s",
      nsHost: false,
      ...options.source,
    };
    const kind = eurekaWaiting(options.waitMs ?? 30_000);
    const rig = new CollectorRig(await RunningSource.start(kind, { eurekaSource }, options));
    onTestFinished(() => rig.stop());
    return rig;
  }

  /** Stops the collector, and waits until it has. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#running[Symbol.asyncDispose]();
    await this.#stopped;
  }

  /** Lets held losses go, as `POST /held/release` does. */
  async release(): Promise<void> {
    await this.collector.share.requestRelease("the test", new AbortController().signal);
  }

  /** What is published, by name. */
  async manifests(): Promise<Map<string, ServiceEntryManifest>> {
    return await publishedEntries(this.entryLog);
  }

  /** The last parts of the published addresses by service: `{orders: "1 2"}`. */
  async endpoints(): Promise<Record<string, string>> {
    return await publishedAddresses(this.entryLog);
  }

  /** The last sequence of the log: it grows with everything that is published. */
  async lastSequence(): Promise<number> {
    return await lastSequence(this.entryLog);
  }

  /** True once the first complete read is published. */
  get ready(): boolean {
    return this.collector.isSettled;
  }
}
