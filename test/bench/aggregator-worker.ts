import { z } from "zod";
import { startAggregator } from "../../services/aggregator/aggregator.ts";
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

const StartInput = z.object({ services: z.number(), instances: z.number() });
const ChangeInput = z.object({ service: z.number(), address: z.string() });

const signal = new AbortController().signal;
const entryLog = new EmbeddedEntryLog();
const convert = converter();
let size: CatalogueSize = { services: 0, instances: 0 };

function withAddress(manifest: ServiceEntryManifest, address: string): ServiceEntryManifest {
  const [first, ...others] = manifest.spec.endpoints ?? [];
  return { ...manifest, spec: { ...manifest.spec, endpoints: [{ ...first, address }, ...others] } };
}

serveCommands({
  /** Answers where it serves xDS. */
  start: async (input) => {
    size = StartInput.parse(input);
    await entryLog.publish([...manifests(size).map(toRecord), markerRecord(size.services)], signal);
    const { config, environment } = benchConfig({
      mcp: { serverUrl: "xds://127.0.0.1:0" },
      http: { address: "127.0.0.1:0" },
    });
    const aggregator = await startAggregator(
      { config, environment, entryLog, metrics: createMetrics() },
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
  usage: () => ownUsage(),
});
