import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { EmbeddedEntryLog } from "../../../shared/entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../../../shared/entry-log/entry-log.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { encodeSubject, syncMarkerSubject } from "../../../shared/model/subject.ts";
import { createSyncMarker } from "../../../shared/model/sync-marker.ts";
import { createLogger } from "../../../shared/runtime/log.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import type { ResourceCacheOptions } from "../catalogue/cache.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { StreamIngest } from "./ingest.ts";
import type { IngestOptions } from "./ingest-options.ts";
import { sourceKey, SyncGate } from "./sync-gate.ts";

const log = createLogger("test");
log.level = "silent";

/** The guard's limits that a configuration has by default. */
export const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 300_000 };

const never = new AbortController().signal;

/** The subject of a service in the namespace `n`. */
export function subjectOf(name: string, registry = "eureka", kind = "ServiceEntry"): string {
  return encodeSubject({ kind, registry, source: "default", namespace: "n", name });
}

/** A ServiceEntry with so many endpoints; `change` replaces keys of its spec. */
export function serviceEntry(
  name: string,
  endpoints = 1,
  change: Partial<ServiceEntryManifest["spec"]> = {},
): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "n", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: Array.from({ length: endpoints }, (_, index) => (
        { address: `10.0.${index >> 8}.${index & 255}`, ports: { "http-80": 8080 } }
      )),
      ...change,
    },
  };
}

/** A record with any content under a service's subject. */
export function recordOf(name: string, content: unknown, registry = "eureka"): LogRecord {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { subject: subjectOf(name, registry), data: Buffer.from(text) };
}

/** The record of a good service. */
export function entryRecord(name: string, endpoints = 1, registry = "eureka"): LogRecord {
  return recordOf(name, serviceEntry(name, endpoints), registry);
}

/** A sync marker of `registry`, stored under the subject of the source `subjectRegistry`. */
export function markerRecord(registry = "eureka", subjectRegistry = registry): LogRecord {
  const data = Buffer.from(JSON.stringify(createSyncMarker(registry, "default", 1)));
  return { subject: syncMarkerSubject(subjectRegistry, "default"), data };
}

/** An aggregator's ingest that follows an entry log until the test ends. */
export class IngestRig {
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  readonly ingest: StreamIngest;
  readonly metrics = new Registry();
  readonly entryLog: EntryLog;
  /** Names that were served once and then weren't. */
  readonly lost = new Set<string>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(
    entryLog: EntryLog = new EmbeddedEntryLog(),
    { rules, ...options }: Pick<IngestOptions, "earlier" | "now"> & ResourceCacheOptions = {},
  ) {
    this.entryLog = entryLog;
    this.cache = new ResourceCache(rules === undefined ? {} : { rules });
    this.gate = new SyncGate(
      ["eureka", "zookeeper"].map((registry) => ({ registry, source: "default", waitTimeMs: 0 })),
    );
    this.ingest = new StreamIngest({
      cache: this.cache,
      gate: this.gate,
      profile: "istio",
      guard,
      log,
      metrics: new AggregatorMetrics(this.metrics),
      ...options,
    });
    let before: readonly string[] = [];
    this.cache.onChange(() => {
      for (const name of before) {
        if (this.cache.get("ServiceEntry", `n/${name}`) === undefined) this.lost.add(name);
      }
      before = this.names;
    });
    this.#running = this.ingest.run(entryLog, this.#stop.signal);
    onTestFinished(async () => await this.stop());
  }

  /** Settles when the log ends, or the following is stopped. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /** Names of the served services, sorted. */
  get names(): readonly string[] {
    return [...this.cache.snapshot("ServiceEntry").resources].map(({ name }) => name.slice(2)).sort();
  }

  /** The snapshot's version: replicas with the same content have the same. */
  get version(): string {
    return this.cache.snapshot("ServiceEntry").version;
  }

  /** The subjects that are held of a registry. */
  heldOf(registry: string): readonly string[] {
    const doubts = [...this.ingest.doubtsOf({ registry, source: "default" })];
    return doubts.filter(([, { why }]) => why === "held").map(([subject]) => subject);
  }

  /** The state of a source with the name `default`. */
  stateOf(registry: string): string | undefined {
    return this.gate.states.get(sourceKey(registry, "default"));
  }

  /** Publishes records and returns when they are stored. */
  async publish(...records: readonly LogRecord[]): Promise<void> {
    for (const { status } of await this.entryLog.publish(records, never)) {
      if (status !== "stored") throw new Error(`not stored: ${status}`);
    }
  }

  /** Stops following. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
