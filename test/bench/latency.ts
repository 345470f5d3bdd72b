import { setTimeout as delay } from "node:timers/promises";
import { startAllInOne } from "./all-in-one.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { SimulatedEureka } from "./simulated-eureka.ts";
import { percentile } from "./stopwatch.ts";

const markPrefix = "10.254.";

/** After the last change, what is still missing counts as lost. */
const graceMs = 10_000;

/** A delta period, and how many changes a second are made while it is measured. */
interface Run {
  readonly deltaPeriod: string | undefined;
  readonly changesPerSecond: number;
  readonly changes: number;
}

/** From a change in Eureka to a client: everything in one process (`npm start`), the registry and the client outside. */
export const latency: Measurement = {
  name: "latency",
  about: "change to client through all-in-one, p50 and p99",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 100 : 1_000, instances: 10 };
    bench.progress("registering the catalogue");
    await using eureka = await SimulatedEureka.start(size);
    const runs: readonly Run[] = [
      { deltaPeriod: undefined, changesPerSecond: 2, changes: bench.quick ? 6 : 120 },
      { deltaPeriod: "100ms", changesPerSecond: 4, changes: bench.quick ? 6 : 120 },
    ];
    for (const [index, run] of runs.entries()) await measure(index, run, size, eureka, bench);
  },
};

async function measure(
  index: number,
  { deltaPeriod, changesPerSecond, changes }: Run,
  size: CatalogueSize,
  eureka: SimulatedEureka,
  bench: Bench,
): Promise<void> {
  const name = deltaPeriod ?? "1 s, the default";
  bench.progress(`delta period ${name}`);
  await using service = await startAllInOne(eureka.url, deltaPeriod === undefined ? {} : { deltaPeriod });
  await using clients = new Clients();
  await clients.connect(service.xdsAddress, 1, markPrefix);
  await clients.responses(1);
  const addresses = Array.from({ length: changes }, (_, change) => `${markPrefix}${index + 1}.${change + 1}`);
  for (const [change, address] of addresses.entries()) {
    // At a random moment of its slot: an exact rhythm would lock step with the poller.
    const slotMs = 1000 / changesPerSecond;
    const before = Math.random() * slotMs;
    await delay(before);
    eureka.change((change * 37) % size.services, address);
    await delay(slotMs - before);
  }
  const marks = await seenMarks(clients, addresses);
  const whole: number[] = [];
  const ours: number[] = [];
  for (const address of addresses) {
    const seenAtMs = marks.get(address);
    const change = eureka.changes.get(address);
    if (seenAtMs === undefined || change === undefined) continue;
    whole.push(seenAtMs - change.atMs);
    if (change.answeredAtMs !== undefined) ours.push(seenAtMs - change.answeredAtMs);
  }
  if (whole.length < changes) {
    bench.note(`latency, delta period ${name}: ${changes - whole.length} changes lost`);
  }
  const row = (what: string, figure: number) =>
    bench.report({
      what: `latency, delta period ${name}: ${what}`,
      size: sizeText(size),
      figure,
      unit: "ms",
    });
  row("change to client, p50", percentile(whole, 0.5));
  row("change to client, p99", percentile(whole, 0.99));
  row("of that ours (from Eureka's answer), p50", percentile(ours, 0.5));
  row("of that ours (from Eureka's answer), p99", percentile(ours, 0.99));
}

async function seenMarks(
  clients: Clients,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const deadlineMs = performance.now() + graceMs;
  for (;;) {
    const marks = await clients.marks();
    const complete = addresses.every((address) => marks.has(address));
    if (complete || performance.now() > deadlineMs) return marks;
    await delay(200);
  }
}
