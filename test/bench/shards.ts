import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { findServer } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Changer } from "./changer.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { usageOf } from "./process-usage.ts";
import { percentile, sharedClockMs } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

/** istiod goes on working after its ACK (100 ms of debouncing, then its own push): a change is over after that. */
function settleMs(count: number): number {
  return count === 1 ? 600 : 250;
}

/**
 * Go collects garbage every two minutes if nothing else made it do so, which costs istiod as much as dozens of changes
 * of a small shard: what it uses without a change is measured for longer than that.
 */
const idleMs = 130_000;

/** What `xds.shards` does for a stock istiod: one configuration source for each shard, no sidecars. */
export const shards: Measurement = {
  name: "shards",
  about: "one change for a real istiod, by number of shards",
  async run(bench) {
    if (findServer("istiod-latest") === undefined) {
      bench.note("shards: left out, istiod-latest is not built here (npm run servers)");
      return;
    }
    const size: CatalogueSize = { services: bench.quick ? 200 : 10_000, instances: 10 };
    const cpuMs: number[] = [];
    for (const count of bench.quick ? [1, 4] : [1, 16, 64]) cpuMs.push(await measure(count, size, bench));
    bench.report({
      what: "shards: istiod's CPU per change, unsharded against the most shards",
      size: sizeText(size),
      figure: (cpuMs.at(0) ?? Number.NaN) / (cpuMs.at(-1) ?? Number.NaN),
      unit: "times",
    });
  },
};

/** Answers istiod's CPU time per change in milliseconds. */
async function measure(count: number, size: CatalogueSize, bench: Bench): Promise<number> {
  const rounds = bench.quick ? 3 : count === 1 ? 20 : 300;
  bench.progress(`${count} of ${sizeText(size)}: istiod starts`);
  await using server = new Worker("aggregator-worker.ts");
  await server.ask(z.string(), "start", { ...size, shards: count });
  const addresses = await server.ask(z.array(z.string()), "addresses");
  await using istiod = await startIstiod({ version: "latest", mcpAddresses: addresses });
  const { pid } = istiod;
  if (pid === undefined) throw new Error("istiod is gone");
  const stored = (await istiod.configz("ServiceEntry")).length;
  if (stored !== size.services) throw new Error(`istiod has ${stored} entries, not ${size.services}`);
  const changer = new Changer(server, size);

  /** One change after the other, each when istiod is done with the last; answers the times until the ACKs. */
  const changes = async (times: number, everyMs: number): Promise<number[]> => {
    const ackMs: number[] = [];
    for (let made = 0; made < times; made++) {
      const pushes = await server.ask(z.number(), "pushes") + 1;
      const atMs = await changer.one();
      ackMs.push(await server.ask(z.number(), "acknowledged", { pushes, everyMs }) - atMs);
      await delay(settleMs(count));
    }
    return ackMs;
  };
  bench.progress(`${count}: time until acknowledged`);
  await changes(bench.quick ? 1 : 10, 1);
  const ackMs = await changes(Math.min(rounds, 50), 1);

  bench.progress(`${count}: CPU`);
  /** What istiod and we use in `work`, in milliseconds of CPU per millisecond of it. */
  const rates = async (work: () => Promise<unknown>) => {
    const [beginMs, istiodBefore] = [sharedClockMs(), usageOf(pid).cpuMs];
    const ours = await changer.cost(async () => void await work());
    const ms = sharedClockMs() - beginMs;
    return { ms, istiod: (usageOf(pid).cpuMs - istiodBefore) / ms, ours: ours / ms };
  };
  // Looks for the ACK seldom, so that looking is none of our CPU.
  const busy = await rates(() => changes(rounds, 50));
  const idle = await rates(() => delay(bench.quick ? 1000 : idleMs));
  const istiodCpuMs = (busy.istiod - idle.istiod) * busy.ms / rounds;

  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `shards, ${count}: ${what}`, size: sizeText(size), figure, unit });
  row("istiod", istiodCpuMs, "CPU ms per change");
  row("change to its ACK, p50", percentile(ackMs, 0.5), "ms");
  row("change to its ACK, p90", percentile(ackMs, 0.9), "ms");
  row("aggregator", (busy.ours - idle.ours) * busy.ms / rounds, "CPU ms per change");
  row("istiod without a change", idle.istiod * 1000, "CPU ms per s");
  row("istiod's RSS", usageOf(pid).rssMiB, "MiB");
  return istiodCpuMs;
}
