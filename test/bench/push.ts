import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { ProcessUsage } from "./process-usage.ts";
import { median } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

/** Time for acknowledgements to arrive after a push, and for memory to be given back. */
const settleMs = 200;

/** One service changes, every client gets a complete response: the server alone in its process. */
export const push: Measurement = {
  name: "push",
  about: "one service changed, pushed to 1 and to 20 clients",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 500 : 10_000, instances: 10 };
    const changes = bench.quick ? 3 : 10;
    bench.progress("loading");
    await using server = new Worker("aggregator-worker.ts");
    await using clients = new Clients();
    const address = await server.ask(z.string(), "start", size);
    const before = await server.ask(ProcessUsage, "usage");
    const run: PushRun = { bench, server, clients, size };

    await clients.connect(address, 1);
    const { resources } = await clients.responses(1);
    if (resources !== size.services) {
      throw new Error(`a client has ${resources} resources, not ${size.services}`);
    }
    const one = await pushes(run, 1, changes);
    // The first client makes the message itself, which all of them share.
    const withOne = await server.ask(ProcessUsage, "usage");
    await clients.connect(address, 19);
    await clients.responses(1);
    const twenty = await pushes(run, 20, changes);

    const row = (what: string, figure: number, unit: string) =>
      bench.report({ what: `push: ${what}`, size: sizeText(size), figure, unit });
    row("each further client", (twenty.cpuMs - one.cpuMs) / 19, "CPU ms per change");
    const after = await server.ask(ProcessUsage, "usage");
    row("server's RSS before any client", before.rssMiB, "MiB");
    row("RSS growth with the first client, after its pushes", withOne.rssMiB - before.rssMiB, "MiB");
    row("RSS growth with 19 further clients, after all pushes", after.rssMiB - withOne.rssMiB, "MiB");
    row("RSS growth with 19 further clients, peak", after.peakRssMiB - withOne.peakRssMiB, "MiB");
  },
};

interface PushRun {
  readonly bench: Bench;
  readonly server: Worker;
  readonly clients: Clients;
  readonly size: CatalogueSize;
}

/** Changes one service after the other, each time until all clients have it. */
async function pushes(run: PushRun, count: number, changes: number): Promise<{ readonly cpuMs: number }> {
  const { bench, server, clients, size } = run;
  const who = `${count} ${count === 1 ? "client" : "clients"}`;
  bench.progress(who);
  let next = 0;
  const change = async (): Promise<number> => {
    const service = (next * 7919) % size.services;
    next++;
    const atMs = await server.ask(z.number(), "change", { service, address: `10.254.${count}.${next}` });
    return atMs;
  };
  // The first push widens the connections' windows; it isn't counted.
  await clients.reset();
  await change();
  await clients.responses(1);
  await delay(settleMs);
  await clients.reset();
  const before = await server.ask(ProcessUsage, "usage");
  const wallMs: number[] = [];
  for (let pushed = 1; pushed <= changes; pushed++) {
    const atMs = await change();
    const { lastAtMs } = await clients.responses(pushed);
    wallMs.push(lastAtMs - atMs);
    await delay(settleMs);
  }
  const { bytes, responses } = await clients.responses(changes);
  const cpuMs = ((await server.ask(ProcessUsage, "usage")).cpuMs - before.cpuMs) / changes;
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `push to ${who}: ${what}`, size: sizeText(size), figure, unit });
  row("until the last has it, median", median(wallMs), "ms");
  row("until the last has it, longest", Math.max(...wallMs), "ms");
  row("sent", bytes / changes / 2 ** 20, "MiB per change");
  row("responses", responses / changes, "per change");
  row("server", cpuMs, "CPU ms per change");
  return { cpuMs };
}
