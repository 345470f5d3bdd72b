import { z } from "zod";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { startAggregator } from "../../services/aggregator/aggregator.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/service-options.ts";
import { benchConfig, converter, markerRecord, serviceName, toRecord } from "./catalogue.ts";
import { GeneratedEntryLog } from "./generated-log.ts";
import { ownUsage } from "./process-usage.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** A whole aggregator that reads a catalogue which nobody holds: each entry is made when it is read. */

const StartInput = z.object({
  services: z.number(),
  /** The least instances of a service; every service has that many or one more. */
  instances: z.number(),
  /** Of 13 services, so many have one more. */
  larger: z.number(),
});
const ChangeInput = z.object({ service: z.number(), address: z.string() });

const signal = new AbortController().signal;
let input: z.infer<typeof StartInput> = { services: 0, instances: 0, larger: 0 };
let template: ServiceEntryManifest | undefined;

/** The entry of a service; all are copies of one that the Eureka collector made, with other names and addresses. */
function record(service: number, firstAddress?: string): LogRecord {
  if (template === undefined) throw new TypeError("start comes first");
  const { metadata, spec } = template;
  const rename = (text: string) => text.replaceAll(serviceName(0), serviceName(service));
  const instances = input.instances + (service % 13 < input.larger ? 1 : 0);
  const endpoints = (spec.endpoints ?? []).slice(0, instances).map((endpoint, index) => {
    // Of 128 addresses each service uses the first: no two share one.
    const number = service * 128 + index;
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    return { ...endpoint, address: index === 0 ? firstAddress ?? address : address };
  });
  return toRecord({
    ...template,
    metadata: { ...metadata, name: rename(metadata.name) },
    spec: { ...spec, hosts: spec.hosts.map(rename), endpoints },
  });
}

const entryLog = new GeneratedEntryLog(function* () {
  for (let service = 0; service < input.services; service++) yield record(service);
  yield markerRecord(input.services);
});

serveCommands({
  /** Loads the catalogue. Answers where it is served, and what that took. */
  start: async (given) => {
    input = StartInput.parse(given);
    [template] = converter()(0, input.instances + 1);
    const { config, environment } = benchConfig({
      mcp: { serverUrl: "xds://127.0.0.1:0" },
      http: { address: "127.0.0.1:0" },
    });
    const before = ownUsage();
    const startMs = performance.now();
    const aggregator = await startAggregator(
      { config, environment, entryLog, collectors: embeddedBucket("collectors"), metrics: createMetrics() },
      { log: createLogger("bench"), signal, use: (resource) => resource },
    );
    await aggregator.gate.opened;
    return {
      address: aggregator.xdsAddress,
      ms: performance.now() - startMs,
      makingMs: entryLog.makingMs,
      cpuMs: ownUsage().cpuMs - before.cpuMs,
      ...aggregator.cache.count("ServiceEntry"),
    };
  },
  /** Gives a service's first endpoint another address. Answers when, by the shared clock. */
  change: (given) => {
    const { service, address } = ChangeInput.parse(given);
    const changed = record(service, address);
    const atMs = sharedClockMs();
    entryLog.change(changed);
    return atMs;
  },
  usage: () => ownUsage(),
  /** Where the memory is, in MiB. */
  memory: () => {
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    return { rssMiB: rss / 2 ** 20, heapMiB: heapUsed / 2 ** 20, buffersMiB: arrayBuffers / 2 ** 20 };
  },
});
