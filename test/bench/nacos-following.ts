import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { startNats } from "../servers/nats.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { Bench } from "./measurement.ts";
import type { BenchNacos } from "./nacos-server.ts";
import { usageOf } from "./process-usage.ts";
import { percentile, sharedClockMs } from "./stopwatch.ts";

/** How long nothing may come before it counts as quiet. */
const quietMs = 3_000;

/** After this long what a young connection showed is believed, and nothing is left to do. */
const settleMs = 35_000;

/** Between two changes, on average. */
const pauseMs = 200;

/** Each change is to another service, as long as there are enough. */
const step = 37;

/** Index numbers of the services that {@link measureFollowing} changes. */
export function changingServices(
  { services }: CatalogueSize,
  { quick }: Pick<Bench, "quick">,
): readonly number[] {
  return Array.from({ length: quick ? 10 : 200 }, (_, change) => (change * step) % services);
}

/** By push, from the server to a Delta client: collector, NATS JetStream and aggregator as processes of their own. */
export async function measureFollowing(server: BenchNacos, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${server.name}, by push: ${what}`, size: sizeText(size), figure, unit });
  bench.progress("following by push");
  const changing = changingServices(size, bench);
  await using nats = await startNats();
  await using published = await watchPublished(nats.url);
  const nacosSource = { enabled: true, address: [`http://${server.address}`], mode: "watching" };
  const config = { nats: { servers: [nats.url] }, nacosSource };
  await using aggregator = await startService("aggregator", config);
  await using clients = new Clients();
  await clients.connect(aggregator.xdsAddress, 1, undefined, "delta");
  const startedAtMs = sharedClockMs();
  await using collector = await startService("nacos-collector", config);
  const { lastAtMs } = await clients.resources(size.services);
  row("first full sync, with the collector's start", lastAtMs - startedAtMs, "ms");
  await delay(quietMs);
  row("collector, resident after the first sync", usageOfService(collector).rssMiB, "MiB");
  // At 30 s everything is compared again, once.
  if (!bench.quick) await delay(settleMs);
  row("collector, resident at rest", usageOfService(collector).rssMiB, "MiB");
  const rest = await restCpu({ collector, aggregator }, bench.quick ? 5_000 : 20_000);
  row("CPU at rest, collector", rest.collector, "CPU ms per s");
  row("CPU at rest, aggregator", rest.aggregator, "CPU ms per s");
  const times = { told: [] as number[], published: [] as number[], client: [] as number[] };
  const before = { collector: cpuOf(collector), aggregator: cpuOf(aggregator), atMs: performance.now() };
  for (const [change, index] of changing.entries()) {
    await delay(pauseMs * (0.5 + Math.random()));
    await clients.reset();
    published.times.length = 0;
    const { atMs, toldAtMs } = await server.change(index, `11.0.${change >> 8}.${change & 255}`);
    times.told.push(toldAtMs - atMs);
    times.client.push((await clients.responses(1)).lastAtMs - toldAtMs);
    const publishedAtMs = published.times.find((each) => each >= atMs);
    if (publishedAtMs !== undefined) times.published.push(publishedAtMs - toldAtMs);
  }
  for (const [share, text] of [[0.5, "p50"], [0.99, "p99"]] as const) {
    row(`change to the server's push, ${text}`, percentile(times.told, share), "ms");
    row(`push to published, ${text}`, percentile(times.published, share), "ms");
    row(`push to client, ${text}`, percentile(times.client, share), "ms");
  }
  const seconds = (performance.now() - before.atMs) / 1_000;
  for (const [name, service] of [["collector", collector], ["aggregator", aggregator]] as const) {
    const cpuMs = cpuOf(service) - before[name];
    row(`CPU per change, ${name}`, (cpuMs - rest[name] * seconds) / changing.length, "CPU ms");
    row(`CPU per change, ${name}, with what the pauses cost`, cpuMs / changing.length, "CPU ms");
  }
  row("collector, resident at the end", usageOfService(collector).rssMiB, "MiB");
  row("collector, most resident", usageOfService(collector).peakRssMiB, "MiB");
}

/** What two processes take each second while nothing changes: leases, health checks, timers. */
async function restCpu(
  { collector, aggregator }: { readonly collector: Service; readonly aggregator: Service },
  restMs: number,
): Promise<{ readonly collector: number; readonly aggregator: number }> {
  const before = { collector: cpuOf(collector), aggregator: cpuOf(aggregator), atMs: performance.now() };
  await delay(restMs);
  const seconds = (performance.now() - before.atMs) / 1_000;
  return {
    collector: (cpuOf(collector) - before.collector) / seconds,
    aggregator: (cpuOf(aggregator) - before.aggregator) / seconds,
  };
}

function usageOfService({ pid }: Service) {
  if (pid === undefined) throw new TypeError("the service has ended");
  return usageOf(pid);
}

function cpuOf(service: Service): number {
  return usageOfService(service).cpuMs;
}

/** Notes when entries are published, by the shared clock. */
async function watchPublished(url: string) {
  const connection = await connect({ servers: url });
  const times: number[] = [];
  connection.subscribe("mesh.entries.>", { callback: () => void times.push(sharedClockMs()) });
  return { times, [Symbol.asyncDispose]: () => connection.close() };
}
