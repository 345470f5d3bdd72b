import type { Hono } from "hono";
import type { Registry } from "prom-client";
import { shrinkPolicyOf } from "../../shared/collector/shrink-policy.ts";
import type { Config, ConversionEnvironment } from "../../shared/config/mod.ts";
import { sourcesOf } from "../../shared/config/mod.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import type { Bucket } from "../../shared/entry-log/open-entry-log.ts";
import { collectedRegistries } from "../../shared/model/collected-registries.ts";
import { resourceKinds } from "../../shared/model/manifest.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import type { HttpServer } from "../../shared/runtime/http-server.ts";
import { httpCertificate, serveHttp } from "../../shared/runtime/http-server.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import type { Tracing } from "../../shared/telemetry/tracing.ts";
import { ResourceCache } from "./catalogue/cache.ts";
import { ConflictLog } from "./conflicts/conflict-log.ts";
import { registerConflictMetrics } from "./conflicts/conflict-metrics.ts";
import { conflictRulesOf } from "./conflicts/conflict-rules.ts";
import { debugApi, plainDebugApi } from "./debug/debug-api.ts";
import { aboutUs } from "./grpc/about.ts";
import { Transport } from "./grpc/transport.ts";
import { StreamIngest } from "./ingest/ingest.ts";
import { listenersOf } from "./xds/listeners.ts";
import { LongPollingServer } from "./long-polling/long-polling.ts";
import { AggregatorMetrics } from "./metrics.ts";
import { StateKeeper, StateStore } from "./state/state-keeper.ts";
import { HistoryBook } from "./history/history-book.ts";
import { SyncGate } from "./ingest/sync-gate.ts";
import { CollectorWatch } from "./sources/collector-watch.ts";
import { SourceOverview } from "./sources/source-overview.ts";
import { registerSourceMetrics } from "./sources/source-metrics.ts";
import { warnOfMissing, watchForeign } from "./sources/source-warnings.ts";
import { openAddressKeeper } from "./virtual-addresses/open-address-keeper.ts";
import type { ClientStream } from "./xds/client-stream.ts";
import { rememberedShards, ServedShards } from "./xds/served-shards.ts";
import { PushTraces } from "./xds/push-traces.ts";
import { XdsServer } from "./xds/xds-server.ts";

export interface AggregatorOptions {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly entryLog: EntryLog;
  /** What is known of pods, for the debug API; undefined: none are read. */
  readonly factsLog?: EntryLog | undefined;
  /** The bucket of the collectors' leases: the very one of the collectors, where the entry log is embedded. */
  readonly collectors: Bucket;
  readonly metrics: Registry;
  /** Records what becomes of changes; absent: nothing does. */
  readonly tracing?: Tracing | undefined;
  /** The registries that have a collector: a configured source of another one would never be read. */
  readonly registries?: ReadonlySet<string>;
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
  const { config, environment, entryLog, registries = collectedRegistries, moreRoutes } = options;
  const { log, signal } = context;
  refuseSourcesWithoutCollector(config, registries);
  const listeners = listenersOf(config, await rememberedShards(options.collectors, signal));
  const conflictLog = context.use(new ConflictLog(log));
  const history = new HistoryBook(config.history);
  const cache = new ResourceCache({
    rules: conflictRulesOf(config),
    onConflict: (contest) => conflictLog.report(contest),
    onStored: (kind, before, after, position) => {
      // What is read at the start has not changed just now.
      if (gate.open) history.record(kind, before, after, position, Date.now());
    },
  });
  registerConflictMetrics(cache.conflicts, options.metrics);
  const metrics = new AggregatorMetrics(options.metrics);
  const configured = sourcesOf(config);
  metrics.enabledSources.set(configured.length);
  const gate = context.use(new SyncGate(configured, (what) => metrics.ready(what)));
  const isComplete = () => gate.open && gate.caughtUp;
  const addresses = await openAddressKeeper(config, isComplete, options.metrics, context);
  const stateOptions = {
    folder: config.state.folder,
    intervalMs: config.state.interval,
    stream: config.nats.stream,
    log,
  };
  const state = stateOptions.folder === "" ? undefined : new StateStore(stateOptions);
  const traces = options.tracing && new PushTraces(options.tracing);
  // The port is known later, and asked for later.
  let httpUrl = `http://${config.http.address}`;
  const ingest = new StreamIngest({
    cache,
    gate,
    profile: config.profile,
    guard: shrinkPolicyOf(config),
    log,
    metrics,
    addresses,
    earlier: state,
    traces,
    releaseHint: (registry) => `curl -X POST ${httpUrl}/meshregistry/collectors/${registry}/held/release`,
  });
  const collectors = new CollectorWatch({
    collectors: options.collectors,
    log,
    sources: () => overview.names,
    release: (source, by) => ingest.release(source, by),
  });
  const overview: SourceOverview = new SourceOverview({ cache, gate, ingest, collectors, configured });
  registerSourceMetrics(entryLog, overview, collectors, options.metrics);
  const transport = context.use(
    await Transport.open(config.xds, log, (reason) => metrics.refused.inc({ reason })),
  );
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
      traces,
    }),
  );
  const pollings: LongPollingServer[] = [];
  for (const listener of listeners.http) {
    const polling = await LongPollingServer.listen(listener, { cache, gate, transport, controlPlane, log });
    pollings.push(context.use(polling));
  }
  const clients = () => xds.clients;
  const servedShards = new ServedShards({
    bucket: options.collectors,
    config: config.xds,
    ports: Math.max(1, listeners.grpc.filter(({ shard }) => shard !== undefined).length),
    surplus: () => xds.surplusSources.size,
    log,
  });
  const debug = {
    config,
    cache,
    history,
    historySince: () => gate.openedAtMs,
    gate,
    ingest,
    entryLog,
    factsLog: options.factsLog,
    overview,
    collectors,
    clients,
    surplusSources: () => xds.surplusSources,
    shardsRemark: () => servedShards.remark,
    polls: () => pollings.flatMap((polling) => [...polling.held]),
    addresses: addresses?.keeper,
    totals: metrics.totals,
    state,
    metrics: options.metrics,
    log,
  };
  const certificate = await httpCertificate(config.http.tls, log);
  if (certificate !== undefined) context.use(certificate);
  const limits = {
    certificate,
    onRefusal: (address: string) =>
      transport.refusals.add(
        "too-many-connections",
        address,
        "too many connections to the debug API: a further one was cut",
      ),
  };
  const http = context.use(
    await serveHttp(debugApi(debug, moreRoutes), config.http.address, "--http or http.address", limits),
  );
  httpUrl = http.url;
  if (config.httpServerAddr !== "") {
    const plain = plainDebugApi(debug, moreRoutes);
    context.use(await serveHttp(plain, config.httpServerAddr, "httpServerAddr", limits));
  }
  await xds.openOptional();
  void gate.opened.then(() => warnOfMissing(gate, overview, log));
  void gate.opened.then(() => history.begin({ atMs: Date.now(), position: latestPosition(cache) }));
  const work = [
    ingest.run(entryLog, signal),
    collectors.run(signal),
    servedShards.run(signal),
    watchForeign(overview, gate, log, signal),
  ];
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

function refuseSourcesWithoutCollector(config: Config, registries: ReadonlySet<string>): void {
  const missing = sourcesOf(config).map(({ registry }) => registry).filter((name) => !registries.has(name));
  if (missing.length === 0) return;
  throw new MeshError(
    "configuration",
    `Cannot read ${missing.join(", ")}: this version has a collector for ${
      [...registries].join(", ")
    } only; ` +
      "switch the source off (enabled: false)",
  );
}

/** Where in the entry log the last change of any kind happened. */
function latestPosition(cache: ResourceCache): string {
  return resourceKinds.map((kind) => cache.position(kind)).sort().at(-1) ?? "";
}
