import { openSharedEntryLog } from "../../shared/entry-log/open-entry-log.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { serveHttp } from "../../shared/runtime/http-server.ts";
import { operationsApp } from "../../shared/runtime/operations-app.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import { createMetrics, logWarnings, readServiceOptions } from "../../shared/runtime/service-options.ts";
import { startCollector } from "./start-collector.ts";

const purpose =
  "Reads ZooKeeper (Dubbo, Spring Cloud) and publishes its services as ServiceEntries to the entry log in NATS.";

/** Beside the aggregator's 8081 and the Eureka collector's 8082, so that all run on one machine as they are. */
const defaultHttpAddress = "127.0.0.1:8083";

/** Runs the collector. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = await readServiceOptions("zk-collector", purpose, args);
  if (typeof options === "number") return options;
  const { config, environment, httpAddress = defaultHttpAddress } = options;
  return await runService("zk-collector", async (context) => {
    logWarnings(options, context.log);
    if (!config.zookeeperSource.enabled) {
      throw new MeshError(
        "configuration",
        "zookeeperSource is not enabled: set zookeeperSource.enabled to true",
      );
    }
    const metrics = createMetrics();
    const entryLog = context.use(await openSharedEntryLog(config, "zk-collector", context.log));
    const { routes, finished, collector } = await startCollector(
      { config, environment, entryLog, metrics },
      context,
    );
    const app = operationsApp({
      notReady: () => collector.follower.synced ? undefined : "ZooKeeper not read yet",
      metrics,
      token: config.http.token,
    });
    app.route("/meshregistry", routes);
    const http = context.use(await serveHttp(app, httpAddress, "--http"));
    context.log.info({ http: http.url }, "listening");
    return { finished };
  });
}
