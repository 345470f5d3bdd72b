import { z } from "zod";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Changer } from "./changer.ts";
import type { ChangesPlan } from "./changer.ts";
import type { ClientDialect } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { percentile } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

const dialects: readonly (readonly [ClientDialect, string])[] = [
  ["delta", "Delta"],
  ["incremental", "incremental"],
  ["stateOfTheWorld", "state of the world"],
];

/** More complete responses than this at once are more than the clients' process can hold. */
const mostResourcesAtOnce = 2_000_000;

/** What one changed endpoint costs the aggregator in each dialect, and how that grows with services and clients. */
export const dialectCosts: Measurement = {
  name: "dialects",
  about: "one change in each dialect, by number of services and clients",
  async run(bench) {
    const sizes = bench.quick ? [200, 500] : [1_000, 10_000, 50_000];
    const single = new Map<ClientDialect, number[]>();
    for (const services of sizes) await measure({ services, instances: 10 }, bench, single);
    const size = `${sizes.at(0)?.toLocaleString("en")} to ${sizes.at(-1)?.toLocaleString("en")} x 10`;
    for (const [dialect, name] of dialects) {
      const costs = single.get(dialect) ?? [];
      const figure = (costs.at(-1) ?? Number.NaN) / (costs.at(0) ?? Number.NaN);
      bench.report({
        what: `dialects: ${name}, 1 client: growth of the CPU time`,
        size,
        figure,
        unit: "times",
      });
    }
  },
};

async function measure(
  size: CatalogueSize,
  bench: Bench,
  single: Map<ClientDialect, number[]>,
): Promise<void> {
  bench.progress(`loading ${sizeText(size)}`);
  await using server = new Worker("aggregator-worker.ts");
  const address = await server.ask(z.string(), "start", size);
  const changer = new Changer(server, size);
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `dialects: ${what}`, size: sizeText(size), figure, unit });

  const alone = bench.quick ? 20 : 300;
  await changer.make(alone);
  row("without a client", (await changer.cost(() => changer.make(alone))) / alone, "CPU ms per change");
  for (const [dialect, name] of dialects) {
    const cpuMs = new Map<number, number>();
    for (const clients of bench.quick ? [1, 5] : [1, 20, 200]) {
      const who = `${name}, ${clients} ${clients === 1 ? "client" : "clients"}`;
      if (dialect === "stateOfTheWorld" && clients * size.services > mostResourcesAtOnce) {
        bench.note(`dialects: ${who} of ${sizeText(size)} would be too much for one process of clients`);
        continue;
      }
      bench.progress(`${sizeText(size)}: ${who}`);
      const cost = await changer.costWithClients(address, planOf(dialect, clients, size, bench.quick));
      cpuMs.set(clients, cost.cpuMs);
      row(`${who}: server`, cost.cpuMs, "CPU ms per change");
      row(`${who}: until the last has it, p50`, percentile(cost.wallMs, 0.5), "ms");
      row(`${who}: until the last has it, p99`, percentile(cost.wallMs, 0.99), "ms");
      if (clients > 1) continue;
      row(`${who}: sent`, cost.bytes, "bytes per change");
      row(`${who}: first sync, from the connection's begin`, cost.firstSyncMs, "ms");
      single.set(dialect, [...single.get(dialect) ?? [], cost.cpuMs]);
    }
    const [[fewest = 0, least = 0] = [], ...others] = cpuMs;
    const [most = 0, greatest = 0] = others.at(-1) ?? [];
    row(`${name}: each further client`, (greatest - least) / (most - fewest), "CPU ms per change");
  }
}

/** Complete responses cost more than all that warming up could change. */
function planOf(
  dialect: ClientDialect,
  clients: number,
  { services }: CatalogueSize,
  quick: boolean,
): ChangesPlan {
  if (quick) return { dialect, clients, warmUp: 3, rounds: 5 };
  if (dialect !== "stateOfTheWorld") {
    return {
      dialect,
      clients,
      ...(clients > 20 ? { warmUp: 50, rounds: 100 } : { warmUp: 300, rounds: 300 }),
    };
  }
  return {
    dialect,
    clients,
    warmUp: 3,
    rounds: Math.max(5, Math.min(100, 1_000_000 / (services * clients))),
  };
}
