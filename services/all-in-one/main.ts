import { Hono } from "hono";
import { readConfigFile } from "../../shared/config/mod.ts";
import type { Config, LoadedConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { openSharedEntryLog } from "../../shared/entry-log/open-entry-log.ts";
import { helpText, parseCommandLine } from "../../shared/runtime/command-line.ts";
import type { OptionSpec } from "../../shared/runtime/command-line.ts";
import { errorText, isMeshError, MeshError } from "../../shared/runtime/errors.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import type { ServiceContext } from "../../shared/runtime/run-service.ts";
import { createMetrics, logWarnings } from "../../shared/runtime/service-options.ts";
import { startAggregator } from "../aggregator/aggregator.ts";
import type { Aggregator } from "../aggregator/aggregator.ts";
import { demoNamed, demoNames, startDemo } from "./demo/start-demo.ts";
import type { DemoName } from "./demo/start-demo.ts";

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
    process.stderr.write(`${errorText(error)}\n`);
    return 2;
  }
}

interface Listen {
  readonly http: string | undefined;
  readonly xds: string | undefined;
}

async function run(given: LoadedConfig | DemoName, listen: Listen, context: ServiceContext) {
  const demo = typeof given === "string" ? given : undefined;
  const loaded = typeof given === "string" ? await startDemo(given, context) : given;
  logWarnings(loaded, context.log);
  const config = withListenAddresses(loaded.config, listen);
  const { environment } = loaded;
  const metrics = createMetrics();
  const embedded = config.nats.servers.length === 0;
  const entryLog = context.use(
    embedded ? new EmbeddedEntryLog() : await openSharedEntryLog(config, "meshregistry", context.log),
  );
  const routes = new Hono();
  const work: Promise<void>[] = [];
  // Loaded here, because what isn't configured needn't be.
  if (config.eurekaSource.enabled) {
    const { startCollector } = await import("../eureka-collector/start-collector.ts");
    const eureka = startCollector({ config, environment, entryLog, metrics }, context);
    routes.route("/", eureka.routes);
    work.push(eureka.finished);
  }
  if (config.zookeeperSource.enabled) {
    const { startCollector } = await import("../zk-collector/start-collector.ts");
    const zooKeeper = await startCollector({ config, environment, entryLog, metrics }, context);
    routes.route("/", zooKeeper.routes);
    work.push(zooKeeper.finished);
  }
  const aggregator = await startAggregator(
    { config, environment, entryLog, metrics, moreRoutes: routes },
    context,
  );
  work.push(aggregator.finished);
  void aggregator.gate.opened.then(() => greet(aggregator, demo, embedded));
  return { finished: Promise.race(work) };
}

function withListenAddresses(config: Config, { http, xds }: Listen): Config {
  return {
    ...config,
    http: http === undefined ? config.http : { ...config.http, address: http },
    mcp: xds === undefined ? config.mcp : { ...config.mcp, serverUrl: `xds://${xds}` },
  };
}

const registryNames: Readonly<Record<DemoName, string>> = { eureka: "Eureka", zookeeper: "ZooKeeper" };

function otherDemo(demo: DemoName): string {
  return demoNames.find((name) => name !== demo) ?? demo;
}

function greet({ xdsAddress, http, cache }: Aggregator, demo: DemoName | undefined, embedded: boolean): void {
  const { resources, endpoints } = cache.count("ServiceEntry");
  const api = `${http.url}/meshregistry/xdsCache`;
  process.stdout.write(`
meshregistry is ready: ${resources} ServiceEntries with ${endpoints} endpoints${
    demo === undefined ? "" : `, from the demo's ${registryNames[demo]}`
  }.

  xDS for istiod   xds://${xdsAddress}   (configSources of the mesh configuration)
  debug API        ${http.url}
  entry log        ${embedded ? "embedded in this process" : "NATS JetStream"}

Try next:
  curl '${api}?format=yaml'
  npx meshctl watch${
    xdsAddress.endsWith(":16010") ? "" : ` --address ${xdsAddress.replace("0.0.0.0", "127.0.0.1")}`
  }
${
    demo === undefined ? "" : `  npm start -- --demo ${otherDemo(demo)}   to see another registry
  npm start -- --config FILE      to read your own registries
`
  }`);
}
