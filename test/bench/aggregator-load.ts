import { z } from "zod";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { findServer, getServersCommand } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { manifests, markerRecord, sizeText, toRecord } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { Worker } from "./worker.ts";

const Loaded = z.object({
  ms: z.number(),
  cpuMs: z.number(),
  resources: z.number(),
  rssMiB: z.number(),
});

/** A fresh aggregator, as after a restart: from the first look at the log until everything may be served. */
export const aggregatorLoad: Measurement = {
  name: "aggregator-load",
  about: "a fresh aggregator reads the whole entry log",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 500 : 10_000, instances: 10 };
    await load("embedded", size, undefined, bench);
    if (findServer("nats-server") === undefined) {
      bench.note(`loading from JetStream is left out: nats-server is not built here (${getServersCommand})`);
      return;
    }
    await using server = await startNats();
    await fill(server.url, size);
    await load("jetstream", size, server.url, bench);
  },
};

async function load(
  implementation: string,
  size: CatalogueSize,
  nats: string | undefined,
  bench: Bench,
): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({
      what: `aggregator load, ${implementation}: ${what}`,
      size: sizeText(size),
      figure,
      unit,
    });
  bench.progress(implementation);
  await using worker = new Worker("load-worker.ts");
  const { ms, cpuMs, resources } = await worker.ask(Loaded, "load", { ...size, nats });
  if (resources !== size.services) {
    throw new Error(`${resources} resources were loaded, not ${size.services}`);
  }
  row("to open gate, cold", ms, "ms");
  row("to open gate, cold", cpuMs, "CPU ms");
  row("to open gate, cold", resources / ms * 1000, "entries/s");
  // The same process again: what is compiled by now, as for a reset of the log.
  const again = await worker.ask(Loaded, "load", { ...size, nats });
  row("to open gate, warm", again.ms, "ms");
}

async function fill(server: string, size: CatalogueSize): Promise<void> {
  const log = createLogger("bench");
  log.level = "warn";
  const { signal } = new AbortController();
  await using entryLog = await JetStreamEntryLog.connect({ servers: [server], name: "bench", log, signal });
  const records = manifests(size).map(toRecord);
  await entryLog.publish([...records, markerRecord(records.length)], signal);
}
