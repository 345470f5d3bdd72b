import { setTimeout as delay } from "node:timers/promises";
import { startAllInOne } from "./all-in-one.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { Measurement } from "./measurement.ts";
import { SimulatedEureka } from "./simulated-eureka.ts";

/** `npm start` with a large registry in which nothing changes, and one client. */
export const idle: Measurement = {
  name: "idle",
  about: "all-in-one with nothing to do: first sync, memory, CPU",
  async run({ quick, report, progress }) {
    const size: CatalogueSize = { services: quick ? 500 : 10_000, instances: 10 };
    // Two complete reads (every 30 s) are part of being idle.
    const watchMs = quick ? 3_000 : 60_000;
    const settleMs = quick ? 1_000 : 5_000;
    const row = (what: string, figure: number, unit: string) =>
      report({ what: `all-in-one, idle: ${what}`, size: sizeText(size), figure, unit });
    progress("registering the catalogue");
    await using eureka = await SimulatedEureka.start(size);
    await using clients = new Clients();
    progress("first sync");
    await using service = await startAllInOne(eureka.url);
    await clients.connect(service.xdsAddress, 1);
    const { lastAtMs, resources } = await clients.responses(1);
    if (resources !== size.services) {
      throw new Error(`the client has ${resources} resources, not ${size.services}`);
    }
    row("first sync, from the start of the process", (lastAtMs - service.startedAtMs) / 1000, "s");
    await delay(settleMs);
    progress(`watching for ${watchMs / 1000} s`);
    await clients.reset();
    const before = service.usage();
    await delay(watchMs);
    const after = service.usage();
    if (before === undefined || after === undefined) throw new Error("all-in-one ended while it was watched");
    const { responses } = await clients.responses(0);
    row("RSS", after.rssMiB, "MiB");
    row("RSS, peak since the start", after.peakRssMiB, "MiB");
    row("CPU", (after.cpuMs - before.cpuMs) / watchMs, "s per s");
    row("responses although nothing changed", responses, "");
  },
};
