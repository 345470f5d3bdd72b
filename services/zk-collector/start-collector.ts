import type { Hono } from "hono";
import type { Registry } from "prom-client";
import { collectorRoutes } from "../../shared/collector/collector-api.ts";
import { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { Config, ConversionEnvironment } from "../../shared/config/mod.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import { openZooKeeper } from "../../shared/zookeeper/open-zookeeper.ts";
import { ZooKeeperCollector } from "./collector.ts";
import { registeredInstancesRoutes } from "./debug-routes.ts";
import { zooKeeperOptions } from "./zookeeper-options.ts";

export interface StartCollectorOptions {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly entryLog: EntryLog;
  readonly metrics: Registry;
}

/** A running collector. */
export interface RunningCollector {
  readonly collector: ZooKeeperCollector;
  /** Its part of the debug API. */
  readonly routes: Hono;
  /** Settles when the collector's work ends: with the process's stop, or with an error. */
  readonly finished: Promise<void>;
}

/**
 * Starts the collector of the configured ZooKeeper source. It ends with the service.
 * @throws MeshError `configuration` for a TLS file that can't be read, or a driver that isn't installed.
 */
export async function startCollector(
  options: StartCollectorOptions,
  context: ServiceContext,
): Promise<RunningCollector> {
  const { config, environment, entryLog } = options;
  const { retention, zookeeperSource: source, profile } = config;
  const log = context.log.child({ registry: "zookeeper" });
  const guard = {
    maxShrinkPercent: config.guard.maxShrinkPercent,
    minEndpoints: config.guard.minEndpoints,
    holdTimeMs: config.guard.holdTime,
  };
  const publisher = context.use(
    new SourcePublisher({
      entryLog,
      registry: "zookeeper",
      source: "default",
      guard,
      keepEmptyMs: retention.emptyServices,
      keepsMissing: () => source.enableEmptyProtection || collector.isUnsure,
      log,
    }),
  );
  const zooKeeper = context.use(openZooKeeper(source.driver, await zooKeeperOptions(source)));
  const collector: ZooKeeperCollector = new ZooKeeperCollector({
    source,
    profile,
    environment,
    guard,
    zooKeeper,
    publisher,
    metrics: new CollectorMetrics(options.metrics, "zookeeper"),
    log,
    signal: context.signal,
  });
  const routes = collectorRoutes("zookeeper", publisher, () => {
    const { synced, lastSuccessMs, lastError, means } = collector.follower;
    return {
      connections: [{
        name: zooKeeper.server ?? source.address.join(","),
        synced,
        lastSuccessAgeMs: lastSuccessMs === undefined ? null : Math.round(performance.now() - lastSuccessMs),
        lastError: lastError ?? zooKeeper.lastError ?? null,
        means,
        requests: Object.fromEntries(zooKeeper.requests),
      }],
      invalidRecords: collector.invalidRecords.shown,
    };
  });
  const { catalogue } = collector;
  routes.route(
    "/",
    registeredInstancesRoutes((name) =>
      (name === undefined ? [...catalogue.interfaces()] : [name]).map((
        each,
      ) => [each, catalogue.instancesOf(each)])
    ),
  );
  return { collector, routes, finished: collector.run(context.signal) };
}
