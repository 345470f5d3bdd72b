import { Hono } from "hono";
import { followFacts, patchesLabels, startCollectors } from "../../shared/collector/collector-main.ts";
import type { CollectorEnvironment } from "../../shared/collector/source-collector.ts";
import { memberName } from "../../shared/collector/member-name.ts";
import { loadConfig, readConfigFile, sourcesOf } from "../../shared/config/mod.ts";
import type { Config, LoadedConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import {
  embeddedFactsLog,
  openCollectorsBucket,
  openFactsLog,
  openSharedEntryLog,
} from "../../shared/entry-log/open-entry-log.ts";
import { helpText, parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { openTracing } from "../../shared/telemetry/tracing.ts";
import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { maskUrls } from "../../shared/runtime/mask.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import { createMetrics, logWarnings } from "../../shared/runtime/service-options.ts";
import { programVersion } from "../../shared/runtime/version.ts";
import { demoKinds, demoNamed, demoNames, startDemo } from "../../shared/simulators/demo/start-demo.ts";
import type { DemoName } from "../../shared/simulators/demo/start-demo.ts";
import { startAggregator } from "../aggregator/aggregator.ts";
import type { Aggregator } from "../aggregator/aggregator.ts";
import { isCollected, registries } from "./registries.ts";
import type { RegistryKind } from "../../shared/collector/registry.ts";

const options: Readonly<Record<string, OptionSpec>> = {
  config: {
    type: "string",
    value: "FILE",
    help: "Connect to the registries of this file: our own form, or a slime module's",
  },
  demo: {
    type: "string",
    value: "NAME",
    help: `Without --config: the registry to show, ${demoNames.join(" or ")} (default ${demoNames[0]})`,
  },
  http: { type: "string", value: "HOST:PORT", help: "Debug API (default 127.0.0.1:8081)" },
  xds: { type: "string", value: "HOST:PORT", help: "xDS for istiod (default 0.0.0.0:16010)" },
};

const usage = "meshregistry [--config FILE | --demo NAME] [--http HOST:PORT] [--xds HOST:PORT]";

const purpose = `Runs everything in one process: the collectors of the configured registries, the entry log
(embedded, or NATS if nats.servers is set) and the aggregator.

Without --config it brings a demo along: a registry in this process, with services that come,
scale and go.`;

/** Runs all of meshregistry in this process. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const line = parseCommandLine(args, options, `Usage: ${usage}`);
    if (line.flag("help")) {
      process.stdout.write(helpText(usage, purpose, options));
      return 0;
    }
    const file = line.text("config");
    const demo = line.text("demo");
    if (file !== undefined && demo !== undefined) {
      throw new MeshError("configuration", "--config and --demo don't go together: leave one of them out");
    }
    const given = file === undefined
      ? demoNamed(demo ?? demoNames[0])
      : await readConfigFile(file, process.env);
    const listen = { http: line.text("http"), xds: line.text("xds") };
    return await runService("meshregistry", (context) => run(given, listen, context));
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    process.stderr.write(`${maskUrls(errorText(error))}\n`);
    return 2;
  }
}

interface Listen {
  readonly http: string | undefined;
  readonly xds: string | undefined;
}

async function run(given: LoadedConfig | DemoName, listen: Listen, context: ServiceContext) {
  const demo = typeof given === "string" ? given : undefined;
  const loaded = typeof given === "string" ? await loadDemo(given, context) : given;
  logWarnings(loaded, context.log);
  const config = withListenAddresses(loaded.config, listen);
  const { environment } = loaded;
  const metrics = createMetrics();
  const embedded = config.nats.servers.length === 0;
  const entryLog = context.use(
    embedded
      ? await openEmbedded(config, context.log)
      : await openSharedEntryLog(config, "meshregistry", context.log),
  );
  const kinds: RegistryKind[] = [];
  for (const registry of new Set(sourcesOf(config).map((source) => source.registry))) {
    // Without a collector the aggregator says so.
    if (isCollected(registry)) kinds.push(await registries[registry]());
  }
  const work: Promise<void>[] = [];
  const member = memberName(environment.podName);
  const knowing = patchesLabels(kinds, config)
    ? await startFacts(kinds, { config, member, metrics }, context)
    : undefined;
  work.push(...knowing?.work ?? []);
  let httpUrl: string | undefined;
  const version = programVersion();
  const tracing = await openTracing(config, {
    service: "meshregistry",
    version,
    instance: member,
    log: context.log,
  });
  if (tracing !== undefined) context.use(tracing);
  const collectors: CollectorEnvironment = {
    config,
    environment,
    entryLog,
    bucket: await openCollectorsBucket(config, "meshregistry", context.log),
    metrics,
    member,
    facts: knowing?.facts,
    version,
    tracing,
    httpUrl: () => httpUrl,
  };
  context.use(collectors.bucket.bucket);
  const routes = new Hono();
  if (knowing !== undefined) routes.route("/", knowing.routes);
  for (const kind of kinds) {
    const running = await startCollectors(kind, collectors, context);
    routes.route("/", running.routes);
    work.push(running.finished);
  }
  const aggregator = await startAggregator(
    {
      config,
      environment,
      entryLog,
      factsLog: knowing?.factsLog,
      collectors: collectors.bucket,
      metrics,
      tracing,
      registries: new Set(Object.keys(registries)),
      moreRoutes: routes,
    },
    context,
  );
  httpUrl = aggregator.http.url;
  work.push(aggregator.finished);
  void aggregator.gate.opened.then(() => greet(aggregator, demo, embedded));
  return { finished: Promise.race(work) };
}

/** The log in this process: with a folder for state, one that a restart finds again. */
async function openEmbedded({ state }: Config, log: Logger): Promise<EmbeddedEntryLog> {
  if (state.folder === "") return new EmbeddedEntryLog();
  const { Journal } = await import("../../shared/entry-log/journal.ts");
  return new EmbeddedEntryLog(undefined, undefined, await Journal.open(state.folder, log));
}

/** Starts the demo's registry and returns the configuration that reads it. */
async function loadDemo(name: DemoName, context: ServiceContext): Promise<LoadedConfig> {
  const { sources } = await startDemo(name, context);
  return loadConfig(JSON.stringify(sources), { env: process.env, fileName: "of the demo" });
}

/** Reads pods, for their labels on endpoints. Where they can't be read at all, nothing waits for them. */
async function startFacts(
  kinds: readonly RegistryKind[],
  { config, member, metrics }: Pick<CollectorEnvironment, "config" | "member" | "metrics">,
  context: ServiceContext,
) {
  const { log } = context;
  const factsLog = context.use(
    config.nats.servers.length === 0 ? embeddedFactsLog() : await openFactsLog(config, "meshregistry", log),
  );
  // Kubernetes' client is loaded where there are pods to read.
  const { FactsService } = await import("../k8s-collector/facts/facts-service.ts");
  try {
    const publishing = await FactsService.start({ config, factsLog, member, metrics }, context);
    const following = followFacts(kinds, config, factsLog, context);
    const work = [publishing.finished, ...following === undefined ? [] : [following.finished]];
    return { factsLog, facts: following?.facts, routes: publishing.routes, work };
  } catch (error) {
    if (!isMeshError(error, "configuration")) throw error;
    log.warn(
      { reason: errorText(error) },
      "pods can't be read: endpoints get no labels of pods; give access to Kubernetes, or set k8s.podFacts to false",
    );
    return undefined;
  }
}

function withListenAddresses(config: Config, { http, xds }: Listen): Config {
  return {
    ...config,
    http: http === undefined ? config.http : { ...config.http, address: http },
    mcp: xds === undefined ? config.mcp : { ...config.mcp, serverUrl: `xds://${xds}` },
  };
}

function otherDemo(demo: DemoName): string {
  return demoNames.find((name) => name !== demo) ?? demo;
}

/** So wide is the longest of the commands that are suggested with a word on what they do. */
const otherWidth = Math.max(...demoNames.map((name) => `npm start -- --demo ${name}`.length));

function greet({ xdsAddress, http, cache }: Aggregator, demo: DemoName | undefined, embedded: boolean): void {
  const { resources, endpoints } = cache.count("ServiceEntry");
  const api = `${http.url}/meshregistry/xdsCache`;
  process.stdout.write(`
meshregistry is ready: ${resources} ServiceEntries with ${endpoints} endpoints${
    demo === undefined ? "" : `, from the demo's ${demoKinds[demo].title}`
  }.

  xDS for istiod   xds://${xdsAddress}   (configSources of the mesh configuration)
  console          ${http.url}   (also the debug API)
  entry log        ${embedded ? "embedded in this process" : "NATS JetStream"}

Try next:
  curl '${api}?format=yaml'
  npx meshctl watch${
    xdsAddress.endsWith(":16010") ? "" : ` --address ${xdsAddress.replace("0.0.0.0", "127.0.0.1")}`
  }
${
    demo === undefined
      ? ""
      : `  ${`npm start -- --demo ${otherDemo(demo)}`.padEnd(otherWidth)}   to see another registry
  ${"npm start -- --config FILE".padEnd(otherWidth)}   to read your own registries
`
  }`);
}
