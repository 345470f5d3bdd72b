import { wantsPodFacts } from "../../shared/config/mod.ts";
import {
  openCollectorsBucket,
  openFactsLog,
  openSharedEntryLog,
} from "../../shared/entry-log/open-entry-log.ts";
import { memberName } from "../../shared/collector/member-name.ts";
import { openTracing } from "../../shared/telemetry/tracing.ts";
import { programVersion } from "../../shared/runtime/version.ts";
import { runService } from "../../shared/runtime/run-service.ts";
import { createMetrics, logWarnings, readServiceOptions } from "../../shared/runtime/service-options.ts";
import { startAggregator } from "./aggregator.ts";

const purpose = "Follows the entry log in NATS and serves it to istiod over MCP-over-xDS, with a debug API.";

/** Runs the aggregator. Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = await readServiceOptions("aggregator", purpose, args);
  if (typeof options === "number") return options;
  const { environment, httpAddress } = options;
  const config = httpAddress === undefined
    ? options.config
    : { ...options.config, http: { ...options.config.http, address: httpAddress } };
  return await runService("aggregator", async (context) => {
    logWarnings(options, context.log);
    const entryLog = context.use(await openSharedEntryLog(config, "aggregator", context.log));
    const collectors = await openCollectorsBucket(config, "aggregator", context.log);
    context.use(collectors.bucket);
    const factsLog = wantsPodFacts(config)
      ? context.use(await openFactsLog(config, "aggregator", context.log))
      : undefined;
    const tracing = await openTracing(config, {
      service: "aggregator",
      version: programVersion(),
      instance: memberName(environment.podName),
      log: context.log,
    });
    if (tracing !== undefined) context.use(tracing);
    const aggregator = await startAggregator(
      { config, environment, entryLog, factsLog, collectors, tracing, metrics: createMetrics() },
      context,
    );
    context.log.info({ xds: aggregator.xdsAddress, http: aggregator.http.url }, "listening");
    return { finished: aggregator.finished };
  });
}
