import type { Hono } from "hono";
import type { Registry } from "prom-client";
import type { Config, ConversionEnvironment } from "../../shared/config/mod.ts";
import { sourcesOf } from "../../shared/config/mod.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { Hono as HonoApp } from "hono";
import { MeshError } from "../../shared/runtime/errors.ts";
import type { HttpServer } from "../../shared/runtime/http-server.ts";
import { serveHttp } from "../../shared/runtime/http-server.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import { ResourceCache } from "./cache.ts";
import { debugApi, moduleRoutes } from "./debug/debug-api.ts";
import { aboutUs } from "./grpc-about.ts";
import { Transport } from "./grpc/transport.ts";
import { StreamIngest } from "./ingest.ts";
import { listenersOf } from "./listeners.ts";
import { LongPollingServer } from "./long-polling/long-polling.ts";
import { AggregatorMetrics } from "./metrics.ts";
import { StateKeeper, StateStore } from "./state/state-keeper.ts";
import { SyncGate } from "./sync-gate.ts";
import { openAddressKeeper } from "./virtual-addresses/open-address-keeper.ts";
import type { ClientStream } from "./xds/client-stream.ts";
import { XdsServer } from "./xds/xds-server.ts";

export interface AggregatorOptions {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly entryLog: EntryLog;
  readonly metrics: Registry;
  /** Further routes under `/meshregistry`, of collectors in the same process. */
  readonly moreRoutes?: Hono | undefined;
}

/** A running aggregator. */
export interface Aggregator {
  /** `host:port` of the xDS server: of its first listener, or, without one, of the first for long polling. */
  readonly xdsAddress: string;
  /** `host:port` of all listeners for istiod: first those of `mcp.serverUrl`, one for each shard. */
  readonly xdsAddresses: readonly string[];
  readonly http: HttpServer;
  readonly gate: SyncGate;
  readonly cache: ResourceCache;
  /** The xDS clients that are connected now. */
  readonly clients: () => Iterable<ClientStream>;
  /** Settles when the aggregator's work ends: with the process's stop, or with an error. */
  readonly finished: Promise<void>;
}

/**
 * Starts the aggregator: follows the entry log, keeps the cache, serves xDS and the debug API. Everything is closed
 * with the service.
 * @throws MeshError `configuration` or `address-in-use`.
 */
export async function startAggregator(
  options: AggregatorOptions,
  context: ServiceContext,
): Promise<Aggregator> {
  const { config, environment, entryLog, moreRoutes } = options;
  const { log, signal } = context;
  const listeners = listenersOf(config);
  refuseSourcesWithoutCollector(config);
  const cache = new ResourceCache();
  const metrics = new AggregatorMetrics(options.metrics);
  const gate = context.use(new SyncGate(sourcesOf(config)));
  const isComplete = () => gate.open && gate.caughtUp;
  const addresses = await openAddressKeeper(config, isComplete, options.metrics, context);
  const stateOptions = {
    folder: config.state.folder,
    intervalMs: config.state.interval,
    stream: config.nats.stream,
    log,
  };
  const state = stateOptions.folder === "" ? undefined : new StateStore(stateOptions);
  const ingest = new StreamIngest({
    cache,
    gate,
    profile: config.profile,
    log,
    metrics,
    addresses,
    earlier: state,
  });
  const transport = context.use(await Transport.open(config.xds, log));
  const controlPlane = `meshregistry/${environment.podName === "" ? process.pid : environment.podName}`;
  const xds = context.use(
    await XdsServer.listen({
      listeners: listeners.grpc,
      moreMethods: aboutUs(gate, signal),
      transport,
      cache,
      gate,
      controlPlane,
      minPushIntervalMs: config.push.minInterval,
      protocol: { ...config.xds, ...config.mcp },
      log,
      metrics,
    }),
  );
  const pollings: LongPollingServer[] = [];
  for (const listener of listeners.http) {
    const polling = await LongPollingServer.listen(listener, { cache, gate, transport, controlPlane, log });
    pollings.push(context.use(polling));
  }
  const clients = () => xds.clients;
  const debug = {
    config,
    cache,
    gate,
    ingest,
    entryLog,
    clients,
    polls: () => pollings.flatMap((polling) => [...polling.held]),
    addresses: addresses?.keeper,
    state,
    metrics: options.metrics,
  };
  const http = context.use(
    await serveHttp(debugApi(debug, moreRoutes), config.http.address, "--http or http.address"),
  );
  if (config.httpServerAddr !== "") {
    const plain = new HonoApp().route("/", moduleRoutes(debug));
    context.use(await serveHttp(plain, config.httpServerAddr, "httpServerAddr"));
  }
  const work = [ingest.run(entryLog, signal)];
  if (addresses !== undefined) work.push(addresses.keeper.run(signal));
  if (state !== undefined) {
    const stateKeeper = new StateKeeper(state, stateOptions, ingest, cache);
    stateKeeper.registerMetrics(options.metrics);
    const keeping = stateKeeper.run(entryLog, signal);
    // Its last write comes after the signal to stop.
    context.use({ [Symbol.asyncDispose]: () => keeping });
    work.push(keeping);
  }
  const finished = allOf(work);
  const xdsAddresses = [...xds.addresses, ...pollings.map(({ address }) => address)];
  return { xdsAddress: xdsAddresses[0] ?? "", xdsAddresses, http, gate, cache, clients, finished };
}

/** Settles when all have ended, or with the first error. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  await Promise.all(work);
}

/** Registries that have a collector so far. Waiting for another one would mean never to be ready. */
const collectedRegistries: ReadonlySet<string> = new Set(["eureka", "zookeeper"]);

function refuseSourcesWithoutCollector(config: Config): void {
  const missing = sourcesOf(config).map(({ registry }) => registry).filter((name) =>
    !collectedRegistries.has(name)
  );
  if (missing.length === 0) return;
  throw new MeshError(
    "configuration",
    `Cannot read ${missing.join(", ")}: this version has a collector for ${
      [...collectedRegistries].join(", ")
    } only; ` +
      "switch the source off (enabled: false)",
  );
}
