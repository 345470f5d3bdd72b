import { setTimeout as delay } from "node:timers/promises";
import type { CDPSession } from "playwright-core";
import { z } from "zod";
import { findChromium, launchBrowser } from "../console/browser.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Changer } from "./changer.ts";
import { Clients } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { Worker } from "./worker.ts";

const changesPerSecond = 50;

/** Bytes that are in use once the garbage is collected. */
const Heap = z.object({ heapMiB: z.number(), rssMiB: z.number() });

/** What both sides hold at one moment. */
interface Held {
  readonly heapMiB: number;
  readonly rssMiB: number;
  /** Of the page; undefined without a browser. */
  readonly pageMiB: number | undefined;
}

/** How long, in minutes: `BENCH_MINUTES`, or ten. */
function minutes({ quick }: Bench): number {
  const given = Number(process.env["BENCH_MINUTES"] ?? 10);
  if (!(given > 0)) throw new Error(`BENCH_MINUTES: expected a number above 0`);
  return quick ? 0.1 : given;
}

/** Changes without an end: what an aggregator with a client and an open console holds after a long time of them. */
export const steady: Measurement = {
  name: "steady",
  about: "memory after ten minutes (BENCH_MINUTES) of 50 changes a second, with a console open",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 500 : 10_000, instances: 10 };
    bench.progress("loading");
    await using server = new Worker("aggregator-worker.ts");
    await using clients = new Clients();
    const address = await server.ask(z.string(), "start", size);
    await clients.connect(address, 1, undefined, "delta");
    await clients.resources(size.services);
    await using stack = new AsyncDisposableStack();
    const page = findChromium() === undefined ? undefined : await openConsole(server, stack);
    if (page === undefined) bench.note("steady: no Chromium, so no console was open");
    const held = async (): Promise<Held> => ({
      ...await server.ask(Heap, "heap"),
      pageMiB: page && await pageHeap(page),
    });
    const changer = new Changer(server, size);
    const row = (what: string, figure: number, unit: string) =>
      bench.report({ what: `50 changes a second: ${what}`, size: sizeText(size), figure, unit });
    const total = minutes(bench);
    // Each service changes once at least before anything is compared: from there on nothing new has to be held.
    const settling = Math.min(total / 2, size.services / changesPerSecond / 60);
    bench.progress(`settling for ${settling.toFixed(1)} minutes`);
    await change(changer, settling);
    const before = await held();
    const usage = await changer.usage();
    bench.progress(`watching for ${(total - settling).toFixed(1)} minutes`);
    const beganMs = performance.now();
    // What still grows in the second half would go on to grow.
    const firstHalf = await change(changer, (total - settling) / 2);
    const between = await held();
    const made = firstHalf + await change(changer, (total - settling) / 2);
    const ms = performance.now() - beganMs;
    const after = await held();
    const { cpuMs, peakRssMiB } = await changer.usage();
    row("watched for", ms / 60_000, "min");
    row("changes made", made / ms * 1000, "per s");
    row("server's CPU", (cpuMs - usage.cpuMs) / ms, "s per s");
    for (const [when, { heapMiB, rssMiB, pageMiB }] of Object.entries({ before, between, after })) {
      const moment = when === "between" ? "halfway" : when;
      row(`server's heap and buffers, ${moment}`, heapMiB, "MiB");
      row(`server's RSS, ${moment}`, rssMiB, "MiB");
      if (pageMiB !== undefined) row(`console's heap, ${moment}`, pageMiB, "MiB");
    }
    row("server's RSS, peak", peakRssMiB, "MiB");
  },
};

/** Changes services at the rate, as far as the machine keeps up. Answers how many. */
async function change(changer: Changer, minutes: number): Promise<number> {
  const beganMs = performance.now();
  const endMs = beganMs + minutes * 60_000;
  let made = 0;
  while (performance.now() < endMs) {
    await changer.one();
    made++;
    await delay(Math.max(0, beganMs + made * 1000 / changesPerSecond - performance.now()));
  }
  return made;
}

/** The console's table of services in a browser. */
async function openConsole(server: Worker, stack: AsyncDisposableStack): Promise<CDPSession> {
  const url = await server.ask(z.string(), "http");
  const browser = await launchBrowser();
  stack.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1366, height: 820 } });
  await page.goto(`${url}/#/services`);
  await page.getByText("live", { exact: true }).waitFor();
  return await page.context().newCDPSession(page);
}

async function pageHeap(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  return usedSize / 2 ** 20;
}
