import { openSharedEntryLog } from "../../shared/entry-log/open-entry-log.ts";
import { MeshError } from "../../shared/runtime/errors.ts";
import { serveHttp } from "../../shared/runtime/http-server.ts";
import { operationsApp } from "../../shared/runtime/operations-app.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import { createMetrics, logWarnings, readServiceOptions } from "../../shared/runtime/service-options.ts";
import { startCollector } from "./start-collector.ts";

const purpose = "Reads Eureka and publishes its services as ServiceEntries to the entry log in NATS.";

/** Beside the aggregator's 8081, so that both run on one machine as they are. */
const defaultHttpAddress = "127.0.0.1:8082";

/** Runs the collector. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = await readServiceOptions("eureka-collector", purpose, args);
  if (typeof options === "number") return options;
  const { config, environment, httpAddress = defaultHttpAddress } = options;
  return await runService("eureka-collector", async (context) => {
    logWarnings(options, context.log);
    if (!config.eurekaSource.enabled) {
      throw new MeshError("configuration", "eurekaSource is not enabled: set eurekaSource.enabled to true");
    }
    const metrics = createMetrics();
    const entryLog = context.use(await openSharedEntryLog(config, "eureka-collector", context.log));
    const { routes, finished, collector } = startCollector(
      { config, environment, entryLog, metrics },
      context,
    );
    const app = operationsApp({
      notReady: () => {
        const waiting = collector.clusters.filter((cluster) => !cluster.synced).length;
        return waiting === 0
          ? undefined
          : `${waiting} of ${collector.clusters.length} Eureka clusters not read yet`;
      },
      metrics,
      token: config.http.token,
    });
    app.route("/meshregistry", routes);
    const http = context.use(await serveHttp(app, httpAddress, "--http"));
    context.log.info({ http: http.url }, "listening");
    return { finished };
  });
}
