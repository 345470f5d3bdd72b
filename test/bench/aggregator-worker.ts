import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { z } from "zod";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { startAggregator } from "../../services/aggregator/aggregator.ts";
import type { Aggregator } from "../../services/aggregator/aggregator.ts";
import type { ClientStream } from "../../services/aggregator/xds/client-stream.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/service-options.ts";
import { benchConfig, converter, manifests, markerRecord, toRecord } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { ownUsage } from "./process-usage.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** An aggregator with an embedded entry log that the parent fills and changes. Only its own work counts as its CPU. */

const StartInput = z.object({
  services: z.number(),
  instances: z.number(),
  /** Over how many listeners the catalogue is spread. */
  shards: z.number().default(1),
});
const AcknowledgedInput = z.object({ pushes: z.number(), everyMs: z.number() });
const ChangeInput = z.object({ service: z.number(), address: z.string() });

const signal = new AbortController().signal;
const entryLog = new EmbeddedEntryLog();
const convert = converter();
let size: CatalogueSize = { services: 0, instances: 0 };
let aggregator: Aggregator | undefined;

function pushesOf(clients: readonly ClientStream[]): number {
  let pushes = 0;
  for (const client of clients) {
    for (const { typeUrl, kind } of client.types.values()) {
      if (kind !== undefined) pushes += client.traffic(typeUrl).pushes;
    }
  }
  return pushes;
}

function withAddress(manifest: ServiceEntryManifest, address: string): ServiceEntryManifest {
  const [first, ...others] = manifest.spec.endpoints ?? [];
  return { ...manifest, spec: { ...manifest.spec, endpoints: [{ ...first, address }, ...others] } };
}

/** Node's `gc`, which a flag makes known at any time. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
}

serveCommands({
  /** Answers where it serves xDS. */
  start: async (input) => {
    const { shards, ...catalogue } = StartInput.parse(input);
    size = catalogue;
    await entryLog.publish([...manifests(size).map(toRecord), markerRecord(size.services)], signal);
    const { config, environment } = benchConfig({
      mcp: { serverUrl: "xds://127.0.0.1:0" },
      http: { address: "127.0.0.1:0" },
      xds: { shards },
    });
    aggregator = await startAggregator(
      { config, environment, entryLog, collectors: embeddedBucket("collectors"), metrics: createMetrics() },
      // It ends with the process, and closes nothing.
      { log: createLogger("bench"), signal, use: (resource) => resource },
    );
    await aggregator.gate.opened;
    return aggregator.xdsAddress;
  },
  /** Gives a service's first endpoint another address. Answers when, by the shared clock. */
  change: async (input) => {
    const { service, address } = ChangeInput.parse(input);
    // The manifests are not kept: an aggregator has none, and the garbage collector would walk through them.
    const records = convert(service, size.instances).map((manifest) =>
      toRecord(withAddress(manifest, address))
    );
    const atMs = sharedClockMs();
    await entryLog.publish(records, signal);
    return atMs;
  },
  /** Where it serves xDS, one address for each shard. */
  addresses: () => aggregator?.xdsAddresses ?? [],
  /**
   * Answers when, by the shared clock, all clients had acknowledged what they were sent, and that was `pushes` responses
   * of our kinds at least. Looks every `everyMs`, which costs some CPU.
   */
  acknowledged: async (input) => {
    const { pushes, everyMs } = AcknowledgedInput.parse(input);
    for (;;) {
      const clients = [...aggregator?.clients() ?? []];
      if (pushesOf(clients) >= pushes && clients.every((client) => client.isUpToDate)) {
        return sharedClockMs();
      }
      await delay(everyMs);
    }
  },
  /** How many responses of our kinds the clients were sent. */
  pushes: () => pushesOf([...aggregator?.clients() ?? []]),
  usage: () => ownUsage(),
  /** Where its debug API and the console are. */
  http: () => aggregator?.http.url ?? "",
  /** What it holds once the garbage is collected, in MiB. */
  heap: () => {
    collectGarbage();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    return { heapMiB: (heapUsed + arrayBuffers) / 2 ** 20, rssMiB: rss / 2 ** 20 };
  },
});
