import type { Hono } from "hono";
import type { Registry } from "prom-client";
import { collectorRoutes } from "../../shared/collector/collector-api.ts";
import { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { Config, ConversionEnvironment } from "../../shared/config/mod.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import { EurekaCollector } from "./collector.ts";
import { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";

export interface StartCollectorOptions {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly entryLog: EntryLog;
  readonly metrics: Registry;
}

/** A running collector. */
export interface RunningCollector {
  readonly collector: EurekaCollector;
  /** Its part of the debug API. */
  readonly routes: Hono;
  /** Settles when the collector's work ends: with the process's stop, or with an error. */
  readonly finished: Promise<void>;
}

/** Starts the collector of the configured Eureka source. It ends with the service. */
export function startCollector(options: StartCollectorOptions, context: ServiceContext): RunningCollector {
  const { config, environment, entryLog } = options;
  const { guard, retention, eurekaSource, profile } = config;
  const log = context.log.child({ registry: "eureka" });
  const publisher = context.use(
    new SourcePublisher({
      entryLog,
      registry: "eureka",
      source: "default",
      guard: {
        maxShrinkPercent: guard.maxShrinkPercent,
        minEndpoints: guard.minEndpoints,
        holdTimeMs: guard.holdTime,
      },
      keepEmptyMs: retention.emptyServices,
      log,
    }),
  );
  const metrics = new CollectorMetrics(options.metrics, "eureka");
  const collector = new EurekaCollector({
    source: eurekaSource,
    profile,
    environment,
    publisher,
    metrics,
    log,
  });
  const routes = collectorRoutes("eureka", publisher, () => ({
    connections: collector.clusters.map((cluster) => ({
      name: cluster.registryId,
      synced: cluster.synced,
      lastSuccessAgeMs: cluster.lastSuccessMs === undefined
        ? null
        : Math.round(performance.now() - cluster.lastSuccessMs),
      lastError: cluster.lastError ?? null,
    })),
    invalidRecords: collector.invalidRecords,
  }));
  return { collector, routes, finished: collector.run(context.signal) };
}
