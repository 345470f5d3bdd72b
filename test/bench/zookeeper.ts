import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { startNats } from "../servers/nats.ts";
import { startZooKeeper } from "../servers/zookeeper.ts";
import type { ZooKeeperServer } from "../servers/zookeeper.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { ClientDialect } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { usageOf } from "./process-usage.ts";
import { percentile, sharedClockMs } from "./stopwatch.ts";
import { ZooKeeperLoad } from "./zookeeper-load.ts";

const consumersEach = 3;

/** How long nothing may come before it counts as quiet. */
const quietMs = 2_000;

/** Between two changes, on average: without it each would wait for the least time between two responses. */
const pauseMs = 500;

interface Run {
  readonly mode: "watching" | "polling";
  readonly dialect: ClientDialect;
  readonly changes: number;
}

const Status = z.object({ connections: z.array(z.object({ requests: z.record(z.string(), z.number()) })) });

/** From a real ZooKeeper to a client: collector, NATS JetStream and aggregator as processes of their own. */
export const zookeeper: Measurement = {
  name: "zookeeper",
  about: "real ZooKeeper to client: first sync, changes, watches, requests, CPU, memory",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 200 : 10_000, instances: 10 };
    await using server = await startZooKeeper();
    await using load = new ZooKeeperLoad(server.address, size);
    bench.progress("registering");
    await load.fill(consumersEach);
    const runs: readonly Run[] = [
      { mode: "watching", dialect: "stateOfTheWorld", changes: bench.quick ? 10 : 200 },
      { mode: "watching", dialect: "delta", changes: bench.quick ? 10 : 200 },
      { mode: "polling", dialect: "stateOfTheWorld", changes: bench.quick ? 2 : 20 },
    ];
    for (const run of runs) await measure(run, size, server, load, bench);
  },
};

async function measure(
  { mode, dialect, changes }: Run,
  size: CatalogueSize,
  server: ZooKeeperServer,
  load: ZooKeeperLoad,
  bench: Bench,
): Promise<void> {
  const name = `zookeeper, ${mode}, ${dialect}`;
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${name}: ${what}`, size: `${sizeText(size)} x ${consumersEach}`, figure, unit });
  bench.progress(`${mode}, ${dialect}`);
  await using nats = await startNats();
  await using published = await watchPublished(nats.url);
  const config = {
    nats: { servers: [nats.url] },
    mcp: { enableIncPush: dialect === "incremental" },
    zookeeperSource: { enabled: true, address: [server.address], mode },
  };
  await using aggregator = await startService("aggregator", config);
  await using clients = new Clients();
  await clients.connect(aggregator.xdsAddress, 1, undefined, dialect);
  const startedAtMs = sharedClockMs();
  await using collector = await startService("zk-collector", config);
  const { lastAtMs } = await clients.resources(size.services);
  row("first full sync, with the collector's start", lastAtMs - startedAtMs, "ms");
  await delay(quietMs);
  if (mode === "watching") row("watches on the server (wchs)", await server.watchCount(), "watches");

  const before = { cpuMs: cpuOf(collector) + cpuOf(aggregator), requests: await requestsOf(collector) };
  /** ZooKeeper commits the deletion before it tells anybody. */
  const toAnswer: number[] = [];
  const toPublished: number[] = [];
  const toClient: number[] = [];
  for (let change = 0; change < changes; change++) {
    const index = (change * 37) % size.services;
    await delay(pauseMs * (0.5 + Math.random()));
    await clients.reset();
    const vanishedAtMs = sharedClockMs();
    await load.vanish(index, 3);
    toAnswer.push(sharedClockMs() - vanishedAtMs);
    const seen = await clients.responses(1);
    toClient.push(seen.lastAtMs - vanishedAtMs);
    const publishedAtMs = published.times.find((atMs) => atMs >= vanishedAtMs);
    if (publishedAtMs !== undefined) toPublished.push(publishedAtMs - vanishedAtMs);
    published.times.length = 0;
  }
  const after = { cpuMs: cpuOf(collector) + cpuOf(aggregator), requests: await requestsOf(collector) };
  for (const [share, text] of [[0.5, "p50"], [0.99, "p99"]] as const) {
    row(`deletion to ZooKeeper's answer, ${text}`, percentile(toAnswer, share), "ms");
    row(`provider gone to published, ${text}`, percentile(toPublished, share), "ms");
    row(`provider gone to client, ${text}`, percentile(toClient, share), "ms");
  }
  row("CPU per change, collector and aggregator", (after.cpuMs - before.cpuMs) / changes, "CPU ms");
  row("requests to ZooKeeper per change", (after.requests - before.requests) / changes, "requests");
  for (const [service, text] of [[collector, "collector"], [aggregator, "aggregator"]] as const) {
    if (service.pid !== undefined) row(`${text}, most resident`, usageOf(service.pid).peakRssMiB, "MiB");
  }
  for (let change = 0; change < changes; change++) await load.comeBack((change * 37) % size.services, 3);
}

function cpuOf({ pid }: Service): number {
  return pid === undefined ? Number.NaN : usageOf(pid).cpuMs;
}

/** Requests that the collector sent so far, without pings. */
async function requestsOf(collector: Service): Promise<number> {
  const status = Status.parse(JSON.parse(await collector.get("/meshregistry/collectors/zookeeper")));
  return status.connections.flatMap(({ requests }) => Object.entries(requests))
    .filter(([operation]) => operation !== "ping").reduce((sum, [, count]) => sum + count, 0);
}

/** Notes when entries are published, by the shared clock. */
async function watchPublished(url: string) {
  const connection = await connect({ servers: url });
  const times: number[] = [];
  connection.subscribe("mesh.entries.>", { callback: () => void times.push(sharedClockMs()) });
  return { times, [Symbol.asyncDispose]: () => connection.close() };
}
