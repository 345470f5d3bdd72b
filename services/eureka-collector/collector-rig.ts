import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { SourcePublisherOptions } from "../../shared/collector/source-publisher.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { allSubjects } from "../../shared/model/subject.ts";
import { EurekaCollector } from "./collector.ts";
import { silentLog } from "./eureka-rig.ts";
import { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";

/** How a test's collector differs from the usual one. */
export interface CollectorRigOptions {
  /** Keys of `eurekaSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Where it publishes; a new log by default. */
  readonly entryLog?: EntryLog;
  readonly publisher?: Partial<SourcePublisherOptions>;
}

/** A collector that runs, on the real publisher, with periods short enough to wait for. */
export class CollectorRig {
  readonly entryLog: EntryLog;
  readonly publisher: SourcePublisher;
  readonly collector: EurekaCollector;
  readonly metrics = new Registry();
  readonly #stop = new AbortController();
  readonly #finished: Promise<void>;

  constructor(urls: readonly string[], options: CollectorRigOptions = {}) {
    const eurekaSource = {
      enabled: true,
      address: urls,
      deltaPeriod: "20ms",
      refreshPeriod: "1h",
      requestTimeout: "10s",
      nsHost: false,
      ...options.source,
    };
    const { config, environment } = loadConfig(JSON.stringify({ eurekaSource }), {
      env: {},
      fileName: "of the test",
    });
    this.entryLog = options.entryLog ?? new EmbeddedEntryLog();
    this.publisher = new SourcePublisher({
      entryLog: this.entryLog,
      registry: "eureka",
      source: "default",
      guard: { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 60_000 },
      keepEmptyMs: 0,
      log: silentLog,
      ...options.publisher,
    });
    this.collector = new EurekaCollector({
      source: config.eurekaSource,
      profile: config.profile,
      environment,
      publisher: this.publisher,
      metrics: new CollectorMetrics(this.metrics, "eureka"),
      log: silentLog,
    });
    this.#finished = this.collector.run(this.#stop.signal);
    onTestFinished(() => this.stop());
  }

  /** Stops the collector, and waits until it has. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#finished;
  }

  /** What is published, by name. */
  async manifests(): Promise<Map<string, ServiceEntryManifest>> {
    const found = new Map<string, ServiceEntryManifest>();
    for await (const { data } of this.entryLog.readBack(allSubjects, new AbortController().signal)) {
      const parsed = Manifest.safeParse(JSON.parse(Buffer.from(data).toString("utf8")));
      if (parsed.data?.kind === "ServiceEntry") found.set(parsed.data.metadata.name, parsed.data);
    }
    return found;
  }

  /** The last parts of the published addresses by service: `{orders: "1 2"}`. */
  async endpoints(): Promise<Record<string, string>> {
    const addresses = ({ spec }: ServiceEntryManifest) =>
      (spec.endpoints ?? []).map(({ address = "" }) => address.split(".").at(-1)).join(" ");
    return Object.fromEntries(
      Array.from(await this.manifests(), ([name, manifest]) => [name, addresses(manifest)]),
    );
  }

  /** The last sequence of the log: it grows with everything that is published. */
  async lastSequence(): Promise<number> {
    let last = 0;
    for await (const { sequence } of this.entryLog.readBack(allSubjects, new AbortController().signal)) {
      last = sequence;
    }
    return last;
  }

  /** True once the first complete read is published. */
  get ready(): boolean {
    return !this.publisher.needsCompleteRead;
  }
}
