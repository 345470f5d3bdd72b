import { z } from "zod";
import { Changer } from "./changer.ts";
import type { Measurement } from "./measurement.ts";
import { percentile } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

const Started = z.object({
  address: z.string(),
  ms: z.number(),
  makingMs: z.number(),
  cpuMs: z.number(),
  resources: z.number(),
  endpoints: z.number(),
});

const Memory = z.object({ rssMiB: z.number(), heapMiB: z.number(), buffersMiB: z.number() });

/** A catalogue as large as the largest meshes have it, held by one aggregator and served in Delta. */
export const scale: Measurement = {
  name: "scale",
  about: "130,000 services with 8,000,000 endpoints, held and served in Delta",
  async run(bench) {
    // 61 or 62 instances: 7 of 13 services have one more, which makes 8,000,000.
    const size = { services: bench.quick ? 1_300 : 130_000, instances: 61 };
    await using server = new Worker("scale-worker.ts");
    bench.progress(`loading ${size.services} services`);
    const started = await server.ask(Started, "start", { ...size, larger: 7 });
    const { resources, endpoints } = started;
    if (resources !== size.services) throw new Error(`it serves ${resources} of ${size.services} services`);
    const sizes = `${resources.toLocaleString("en")} with ${endpoints.toLocaleString("en")}`;
    const row = (what: string, figure: number, unit: string) =>
      bench.report({ what: `scale: ${what}`, size: sizes, figure, unit });
    const memory = async (when: string) => {
      const { rssMiB, heapMiB, buffersMiB } = await server.ask(Memory, "memory");
      row(`RSS ${when}`, rssMiB, "MiB");
      row(`of that JavaScript's heap ${when}`, heapMiB, "MiB");
      row(`of that encoded resources and messages ${when}`, buffersMiB, "MiB");
    };
    row("load, to the open gate", started.ms / 1000, "s");
    row("of that making the entries, which a log would send", started.makingMs / 1000, "s");
    row("load, to the open gate", started.cpuMs / 1000, "CPU s");
    await memory("when loaded");

    const changer = new Changer(server, size);
    const alone = bench.quick ? 5 : 200;
    await changer.make(alone);
    const aloneMs = (await changer.cost(() => changer.make(alone))) / alone;
    // The entry is made by the server's process, too.
    row("one change without a client, its making included", aloneMs, "CPU ms per change");
    for (const clients of bench.quick ? [1, 3] : [1, 20]) {
      const who = clients === 1 ? "1 client" : `${clients} clients`;
      bench.progress(who);
      const changes = bench.quick ? 5 : 200;
      const before = await changer.usage();
      const plan = { dialect: "delta", clients, warmUp: changes, rounds: changes } as const;
      const cost = await changer.costWithClients(started.address, plan);
      row(`Delta, ${who}: first sync, from the connection's begin`, cost.firstSyncMs / 1000, "s");
      row(`Delta, ${who}: first sync, sent`, cost.firstSyncBytes / 2 ** 20, "MiB");
      row(`Delta, ${who}: one change, server`, cost.cpuMs, "CPU ms per change");
      row(`Delta, ${who}: until the last has it, p50`, percentile(cost.wallMs, 0.5), "ms");
      row(`Delta, ${who}: until the last has it, p99`, percentile(cost.wallMs, 0.99), "ms");
      row(`Delta, ${who}: sent`, cost.bytes / clients, "bytes per change and client");
      row(`Delta, ${who}: CPU of all that`, ((await changer.usage()).cpuMs - before.cpuMs) / 1000, "CPU s");
      await memory(`after ${who}`);
    }
    row("RSS, peak", (await changer.usage()).peakRssMiB, "MiB");
  },
};
