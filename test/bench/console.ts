import type { Page } from "playwright-core";
import { z } from "zod";
import { findChromium, launchBrowser } from "../console/browser.ts";
import { addressOf, sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { median, percentile } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

/** How often the page is loaded, each time with an empty cache. */
const loads = 5;

const Paint = z.number();
const Frames = z.array(z.number()).min(1);
const Trace = z.object({ stages: z.array(z.unknown()).min(1) });

/** Scrolls the table by ten rows in each frame, down and up again, and answers how long each frame took. */
const scrollTable = `(async () => {
  const grid = document.querySelector('[role="grid"]');
  const row = grid.querySelectorAll('[role="row"]')[1];
  const step = 10 * row.getBoundingClientRect().height;
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  let last = await frame();
  for (let count = 0; count < 600; count++) {
    grid.scrollTop += count < 300 ? step : -step;
    const now = await frame();
    took.push(now - last);
    last = now;
  }
  return took;
})()`;

/** The console as its user waits for it, in a browser on this machine; nothing else should run there. */
export const consolePage: Measurement = {
  name: "console",
  about: "the console's first paint and rows, its frames while it scrolls, and answers to traces",
  async run(bench) {
    if (findChromium() === undefined) return bench.note("console: no Chromium, so nothing was measured");
    const size: CatalogueSize = { services: bench.quick ? 500 : 10_000, instances: 10 };
    bench.progress("loading");
    await using server = new Worker("aggregator-worker.ts");
    await server.ask(z.string(), "start", size);
    const url = await server.ask(z.string(), "http");
    const browser = await launchBrowser();
    await using stack = new AsyncDisposableStack();
    stack.defer(() => browser.close());
    const row = (what: string, figure: number, unit: string) =>
      bench.report({ what: `console: ${what}`, size: sizeText(size), figure, unit });

    const times: { readonly paint: number; readonly firstRow: number; readonly all: number }[] = [];
    let page: Page | undefined;
    for (let load = 1; load <= loads; load++) {
      bench.progress(`load ${load} of ${loads}`);
      await page?.context().close();
      page = await (await browser.newContext({ viewport: { width: 1366, height: 820 } })).newPage();
      times.push(await timesOf(page, url, size));
    }
    if (page === undefined) return;
    row("first contentful paint", median(times.map(({ paint }) => paint)), "ms");
    row("first row of the table", median(times.map(({ firstRow }) => firstRow)), "ms");
    row("all services read", median(times.map(({ all }) => all)), "ms");

    bench.progress("scrolling");
    const frames = Frames.parse(await page.evaluate(scrollTable));
    row("frame while it scrolls by 10 rows a frame, median", median(frames), "ms");
    row("the same, p95", percentile(frames, 0.95), "ms");
    row("the same, longest", Math.max(...frames), "ms");
    await traces(bench, url, row);
  },
};

/** Opens the table of services, and waits for its rows. Answers milliseconds from the beginning of the navigation. */
async function timesOf(page: Page, url: string, { services }: CatalogueSize) {
  const beganMs = performance.now();
  await page.goto(`${url}/#/services`);
  await page.getByRole("row").nth(1).waitFor();
  const firstRow = performance.now() - beganMs;
  await page.getByText(`${services} services`).waitFor();
  const all = performance.now() - beganMs;
  const paint = Paint.parse(
    await page.evaluate(`performance.getEntriesByName("first-contentful-paint")[0].startTime`),
  );
  return { paint, firstRow, all };
}

/** Traces of single instances, one after the other. */
async function traces(
  { progress }: Pick<Bench, "progress">,
  url: string,
  row: (what: string, figure: number, unit: string) => void,
): Promise<void> {
  progress("tracing");
  const took: number[] = [];
  for (let index = 0; index < 50; index++) {
    const beganMs = performance.now();
    const response = await fetch(`${url}/api/v1/trace?instance=${addressOf(index, 0)}`);
    Trace.parse(await response.json());
    took.push(performance.now() - beganMs);
  }
  row("/trace?instance=, median", median(took), "ms");
  row("the same, longest", Math.max(...took), "ms");
}
