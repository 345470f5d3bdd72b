import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { Config, ConversionEnvironment } from "../config/mod.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import { openCollectorsBucket, openFactsLog, openSharedEntryLog } from "../entry-log/open-entry-log.ts";
import { FactsFollower } from "../facts/facts-follower.ts";
import { MeshError } from "../runtime/errors.ts";
import { httpCertificate, serveHttp } from "../runtime/http-server.ts";
import { operationsApp } from "../runtime/operations-app.ts";
import { runService } from "../runtime/run-service.ts";
import type { ServiceContext } from "../runtime/run-service.ts";
import { createMetrics, logWarnings, readServiceOptions } from "../runtime/service-options.ts";
import { returnMemory } from "../runtime/return-memory.ts";
import { programVersion } from "../runtime/version.ts";
import { pause } from "../runtime/waiting.ts";
import { collectorRoutes } from "./collector-api.ts";
import type { RegistryKind } from "./registry.ts";
import { openTracing } from "../telemetry/tracing.ts";
import { SourceCollector } from "./source-collector.ts";
import type { CollectorEnvironment } from "./source-collector.ts";
import { memberName } from "./member-name.ts";

/** The collectors of a registry's sources, running. */
export interface RunningCollectors {
  readonly collectors: readonly SourceCollector[];
  /** Their part of the debug API, below `/meshregistry`. */
  readonly routes: Hono;
  /** Settles when their work ends: with the process's stop, or with an error. */
  readonly finished: Promise<void>;
}

/**
 * Starts a collector for each enabled source of a registry, or for those of `only`. They end with the service.
 * @throws MeshError `configuration` for what the registry can't open.
 */
export async function startCollectors<Source>(
  kind: RegistryKind<Source>,
  collectors: CollectorEnvironment,
  context: ServiceContext,
  only?: readonly string[],
): Promise<RunningCollectors> {
  const sources = kind.sourcesOf(collectors.config);
  const chosen = only === undefined ? sources : sources.filter(({ name }) => only.includes(name));
  const running: SourceCollector[] = [];
  for (const source of chosen) running.push(await SourceCollector.open(kind, source, collectors, context));
  const routes = new Hono();
  for (const collector of running) {
    routes.route("/", collectorRoutes(collector, collectors.config.http, context.signal));
  }
  const work = running.map((collector) => collector.run(context.signal));
  return { collectors: running, routes, finished: Promise.race(work) };
}

/**
 * Checks the names of `--source`. A section that holds several registries names all of their sources: a name
 * is right if one of the registries has it.
 * @throws MeshError `configuration` that names the sources that there are.
 */
export function checkChosenSources<Source>(
  kinds: readonly RegistryKind<Source>[],
  config: Config,
  chosen: readonly string[],
): void {
  const known = [...new Set(kinds.flatMap((kind) => kind.sourcesOf(config).map(({ name }) => name)))];
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const titles = kinds.map(({ title }) => title).join(" and ");
  const [verb, noun] = [kinds.length === 1 ? "has" : "have", known.length === 1 ? "source" : "sources"];
  throw new MeshError(
    "configuration",
    `--source ${JSON.stringify(unknown)}: ${titles} ${verb} the ${noun} ${known.join(", ")}`,
  );
}

/** Work that a collector's process does beside its sources. */
export interface Companion {
  /** Why it isn't ready; undefined once it is. */
  readonly notReady: string | undefined;
  /** A remark for the operator though it is ready. */
  readonly remark: string | undefined;
  /** Its part of the debug API, below `/meshregistry`. */
  readonly routes: Hono;
  /** Settles when it ends: with the process's stop, or with an error. */
  readonly finished: Promise<void>;
}

/** What a companion is started with. */
export interface CompanionEnvironment {
  readonly config: Config;
  readonly environment: ConversionEnvironment;
  readonly metrics: Registry;
  readonly member: string;
}

/** Starts a companion; undefined if the configuration asks for none. */
export type StartCompanion = (
  environment: CompanionEnvironment,
  context: ServiceContext,
) => Promise<Companion | undefined>;

/**
 * Follows what is known of pods, if a source of the registry lays their labels over its endpoints. It is to be closed
 * before `factsLog`.
 */
export function followFacts<Source>(
  kinds: readonly RegistryKind<Source>[],
  config: Config,
  factsLog: EntryLog,
  context: ServiceContext,
): { readonly facts: FactsFollower; readonly finished: Promise<void> } | undefined {
  if (!patchesLabels(kinds, config)) return undefined;
  const { clusterId: home, podFactsWait: waitMs } = config.k8s;
  const facts = new FactsFollower({ factsLog, home, waitMs, log: context.log });
  const finished = facts.run(context.signal);
  context.use({ [Symbol.asyncDispose]: () => finished });
  return { facts, finished };
}

/** True if pods are read, and a source of these registries lays their labels over its endpoints. */
export function patchesLabels<Source>(kinds: readonly RegistryKind<Source>[], config: Config): boolean {
  return config.k8s.podFacts &&
    kinds.some((kind) =>
      kind.sourcesOf(config).some(({ options }) => kind.patchesLabels?.(options) === true)
    );
}

/** What a collector's process does beside the sources of its registry. */
export interface MoreWork<Source> {
  /** Other registries in the same section of the configuration. */
  readonly kinds?: readonly RegistryKind<Source>[];
  readonly startCompanion?: StartCompanion;
}

/** The `main` of a collector's service. Returns the exit code. */
export async function collectorMain<Source>(
  kind: RegistryKind<Source>,
  args: readonly string[],
  { kinds: moreKinds = [], startCompanion }: MoreWork<Source> = {},
): Promise<number> {
  const options = await readServiceOptions(kind.service, kind.purpose, args, {
    source: {
      type: "string",
      value: "NAMES",
      help: `Read only these of several ${kind.configKey}s, separated by commas (default: all)`,
    },
  });
  if (typeof options === "number") return options;
  const { config, environment, httpAddress = kind.httpAddress } = options;
  return await runService(kind.service, async (context) => {
    const { log } = context;
    logWarnings(options, log);
    const metrics = createMetrics();
    const member = memberName(environment.podName);
    const only = options.text("source")?.split(",").map((name) => name.trim());
    const companion = await startCompanion?.({ config, environment, metrics, member }, context);
    const kinds = [kind, ...moreKinds].filter((each) => each.sourcesOf(config).length > 0);
    if (kinds.length === 0 && (companion === undefined || only !== undefined)) {
      throw new MeshError(
        "configuration",
        `${kind.configKey} is not enabled: set ${kind.configKey}.enabled to true`,
      );
    }
    if (only !== undefined) checkChosenSources(kinds, config, only);
    const entryLog = context.use(await openSharedEntryLog(config, kind.service, log));
    const bucket = await openCollectorsBucket(config, kind.service, log);
    context.use(bucket.bucket);
    const following = patchesLabels(kinds, config)
      ? followFacts(kinds, config, context.use(await openFactsLog(config, kind.service, log)), context)
      : undefined;
    const facts = following?.facts;
    const version = programVersion();
    let httpUrl: string | undefined;
    const tracing = await openTracing(config, { service: kind.service, version, instance: member, log });
    if (tracing !== undefined) context.use(tracing);
    const collecting = { config, environment, entryLog, bucket, metrics, member, version, facts, tracing };
    const running: RunningCollectors[] = [];
    for (const each of kinds) {
      running.push(await startCollectors(each, { ...collecting, httpUrl: () => httpUrl }, context, only));
    }
    const collectors = running.flatMap((each) => each.collectors);
    const parts = companion === undefined ? collectors : [...collectors, companion];
    // What it doesn't know yet is no reason to keep the sources' replica out.
    const needed = collectors.length > 0 ? collectors : parts;
    const app = operationsApp({
      notReady: () => needed.map(({ notReady }) => notReady).find((text) => text !== undefined),
      remark: () => parts.map(({ remark }) => remark).find((text) => text !== undefined),
      metrics,
      tokens: config.http,
      log,
    });
    for (const { routes } of running) app.route("/meshregistry", routes);
    if (companion !== undefined) app.route("/meshregistry", companion.routes);
    const certificate = await httpCertificate(config.http.tls, log);
    if (certificate !== undefined) context.use(certificate);
    const http = context.use(await serveHttp(app, httpAddress, "--http", { certificate }));
    httpUrl = http.url;
    log.info({ http: http.url, member }, "listening");
    const work = running.filter((each) => each.collectors.length > 0).map(({ finished }) => finished);
    if (companion !== undefined) work.push(companion.finished);
    if (following !== undefined) work.push(following.finished);
    void returnMemoryWhenRead(collectors, context);
    return { finished: Promise.race(work) };
  });
}

/** How often it is looked at whether everything has been read, in milliseconds. */
const lookMs = 1_000;

/** A collector reads a lot at its start and little later: once all is read and published, the rest is given back. */
async function returnMemoryWhenRead(
  collectors: readonly SourceCollector[],
  { log, signal }: Pick<ServiceContext, "log" | "signal">,
): Promise<void> {
  while (!signal.aborted && !collectors.every(({ isSettled }) => isSettled)) await pause(lookMs, signal);
  if (signal.aborted) return;
  const ms = returnMemory();
  if (ms !== undefined) {
    log.debug({ ms: Math.round(ms) }, "gave back the memory that the first read left behind");
  }
}
