import { z } from "zod";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { shrinkPolicyOf } from "../../shared/collector/shrink-policy.ts";
import { StreamIngest } from "../../services/aggregator/ingest/ingest.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import { sourcesOf } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/service-options.ts";
import { benchConfig, manifests, markerRecord, toRecord } from "./catalogue.ts";
import { ownUsage } from "./process-usage.ts";
import { timed } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** A fresh aggregator without servers: reads the whole log into its cache once. */

const LoadInput = z.object({
  services: z.number(),
  instances: z.number(),
  /** Where the log is; absent: embedded, and filled here. */
  nats: z.string().optional(),
});

const { config } = benchConfig();
const log = createLogger("bench");
const { signal } = new AbortController();

async function openLog(input: z.infer<typeof LoadInput>): Promise<EntryLog> {
  if (input.nats !== undefined) {
    return await JetStreamEntryLog.connect({ servers: [input.nats], name: "bench", log, signal });
  }
  const embedded = new EmbeddedEntryLog();
  const records = manifests(input).map(toRecord);
  await embedded.publish([...records, markerRecord(records.length)], signal);
  return embedded;
}

serveCommands({
  /** Answers what it took from the first look at the log until the gate was open. */
  load: async (input) => {
    const entryLog = await openLog(LoadInput.parse(input));
    const cache = new ResourceCache();
    const gate = new SyncGate(sourcesOf(config));
    const metrics = new AggregatorMetrics(createMetrics());
    const ingest = new StreamIngest({
      cache,
      gate,
      profile: config.profile,
      guard: shrinkPolicyOf(config),
      log,
      metrics,
    });
    const taken = await timed(async () => {
      await Promise.race([gate.opened, ingest.run(entryLog, signal)]);
    });
    return { ...taken, resources: cache.count("ServiceEntry").resources, rssMiB: ownUsage().rssMiB };
  },
});
