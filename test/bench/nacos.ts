import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { nacos as kind } from "../../services/nacos-collector/registry.ts";
import { readOnce } from "../../shared/collector/read-once.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { anonymous } from "../../shared/nacos/auth/authenticator.ts";
import { GrpcConnection } from "../../shared/nacos/grpc/connection.ts";
import { usualHealthTimes } from "../../shared/nacos/grpc/health.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { parseServers } from "../../shared/nacos/server-address.ts";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { startNats } from "../servers/nats.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import { Clients } from "./clients.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { usageOf } from "./process-usage.ts";
import { percentile, sharedClockMs, timed } from "./stopwatch.ts";
import { Worker } from "./worker.ts";

type Mode = "watching" | "polling";

/** How long nothing may come before it counts as quiet. */
const quietMs = 3_000;

/** Between two changes, on average. */
const pauseMs = 200;

/** The default, in ours and in slime. */
const refreshPeriodMs = 30_000;

/** Subscriptions at a time, as our client has it. */
const atOnce = 32;

const group = "DEFAULT_GROUP";

/** From a simulated Nacos to a Delta client: collector, NATS JetStream and aggregator as processes of their own. */
export const nacos: Measurement = {
  name: "nacos",
  about: "Nacos to client: full sync by push and by polling, changes, requests at rest, CPU, memory",
  async run(bench) {
    for (const services of bench.quick ? [100] : [5_000, 20_000]) {
      const size: CatalogueSize = { services, instances: 10 };
      bench.progress(`${services} services`);
      await using server = await Server.start(size);
      await measureReading(server, size, bench);
      await measureFollowing(server, size, bench);
      for (const mode of ["watching", "polling"] as const) await measureRest(server, size, mode, bench);
      await computeSlime(server, size, bench);
    }
  },
};

/** The simulated server, in a process of its own. */
class Server implements AsyncDisposable {
  readonly address: string;
  readonly #worker: Worker;

  private constructor(worker: Worker, address: string) {
    this.#worker = worker;
    this.address = address;
  }

  static async start(size: CatalogueSize): Promise<Server> {
    const worker = new Worker("nacos-worker.ts");
    return new Server(worker, await worker.ask(z.string(), "start", { version: "2.3.2", ...size }));
  }

  get port(): number {
    return Number(this.address.split(":")[1]);
  }

  /** Answers when it happened, by the shared clock. */
  async change(index: number, address: string): Promise<number> {
    return await this.#worker.ask(z.number(), "change", { index, address });
  }

  /** A port that leads to another one of the server, with what goes through counted. */
  async countedPort(port: number): Promise<number> {
    return await this.#worker.ask(z.number(), "count", { port });
  }

  async countedBytes(): Promise<number> {
    return await this.#worker.ask(z.number(), "bytes");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}

const sourceOf = ({ address }: Server, mode: Mode) => ({
  nacosSource: { enabled: true, address: [`http://${address}`], mode },
});

/** Reading and converting everything once, beside the bare calls that subscribe to the same services. */
async function measureReading(server: Server, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `nacos: ${what}`, size: sizeText(size), figure, unit });
  const bare = await timed(() => subscribePlainly(server.address, size.services));
  row("bare subscribe calls over gRPC", bare.ms, "ms");
  for (const mode of ["watching", "polling"] as const) {
    const how = mode === "watching" ? "gRPC" : "HTTP";
    const { config, ...loaded } = loadConfig(JSON.stringify(sourceOf(server, mode)), {
      env: {},
      fileName: "bench",
    });
    const [source] = kind.sourcesOf(config);
    if (source === undefined) throw new TypeError("no source");
    const read = await timed(async () => {
      const { manifests } = await readOnce(
        (context) => kind.open(source.options, context),
        { config, ...loaded },
        "Nacos",
        AbortSignal.timeout(600_000),
      );
      if (manifests.length !== size.services) throw new TypeError(`${manifests.length} entries`);
    });
    row(`read and converted over ${how}`, read.ms, "ms");
    if (mode === "watching") row("that in multiples of the bare calls", read.ms / bare.ms, "x");
  }
}

async function subscribePlainly(address: string, services: number): Promise<void> {
  const [server] = parseServers([address], { tls: false });
  if (server === undefined) throw new TypeError("no server");
  const nothing = () => undefined;
  const connection = await GrpcConnection.open({
    server,
    tls: undefined,
    application: "bench",
    clientIp: "127.0.0.1",
    maxMessageBytes: 10 * 1024 * 1024,
    requestTimeoutMs: 60_000,
    health: usualHealthTimes,
    authenticator: anonymous,
    count: nothing,
    onPush: nothing,
    onReset: nothing,
    onEnd: nothing,
  }, AbortSignal.timeout(60_000));
  const queue = Array.from({ length: services }, (_, index) => `service-${index}`).values();
  const work = async () => {
    for (const serviceName of queue) {
      const body = { namespace: "public", serviceName, groupName: group, subscribe: true, clusters: "" };
      await connection.request({ operation: "subscribe", type: "SubscribeService", body });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  connection.close();
}

async function measureFollowing(server: Server, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `nacos, by push: ${what}`, size: sizeText(size), figure, unit });
  bench.progress("following by push");
  const changes = bench.quick ? 10 : 200;
  await using nats = await startNats();
  await using published = await watchPublished(nats.url);
  const config = { nats: { servers: [nats.url] }, ...sourceOf(server, "watching") };
  await using aggregator = await startService("aggregator", config);
  await using clients = new Clients();
  await clients.connect(aggregator.xdsAddress, 1, undefined, "delta");
  const startedAtMs = sharedClockMs();
  await using collector = await startService("nacos-collector", config);
  const { lastAtMs } = await clients.resources(size.services);
  row("first full sync, with the collector's start", lastAtMs - startedAtMs, "ms");
  await delay(quietMs);
  row("collector, resident after the first sync", usageOfService(collector).rssMiB, "MiB");
  const rest = await restCpu({ collector, aggregator }, bench.quick ? 5_000 : 30_000);
  row("CPU at rest, collector", rest.collector, "CPU ms per s");
  row("CPU at rest, aggregator", rest.aggregator, "CPU ms per s");
  const toPublished: number[] = [];
  const toClient: number[] = [];
  const before = { collector: cpuOf(collector), aggregator: cpuOf(aggregator), atMs: performance.now() };
  for (let change = 0; change < changes; change++) {
    await delay(pauseMs * (0.5 + Math.random()));
    await clients.reset();
    published.times.length = 0;
    const atMs = await server.change((change * 37) % size.services, `11.0.${change >> 8}.${change & 255}`);
    toClient.push((await clients.responses(1)).lastAtMs - atMs);
    const publishedAtMs = published.times.find((each) => each >= atMs);
    if (publishedAtMs !== undefined) toPublished.push(publishedAtMs - atMs);
  }
  for (const [share, text] of [[0.5, "p50"], [0.99, "p99"]] as const) {
    row(`change to published, ${text}`, percentile(toPublished, share), "ms");
    row(`change to client, ${text}`, percentile(toClient, share), "ms");
  }
  const seconds = (performance.now() - before.atMs) / 1_000;
  for (const [name, service] of [["collector", collector], ["aggregator", aggregator]] as const) {
    const cpuMs = cpuOf(service) - before[name];
    row(`CPU per change, ${name}`, (cpuMs - rest[name] * seconds) / changes, "CPU ms");
    row(`CPU per change, ${name}, with what the pauses cost`, cpuMs / changes, "CPU ms");
  }
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

/** What reading costs while nothing changes. */
async function measureRest(server: Server, size: CatalogueSize, mode: Mode, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `nacos, ${mode}: ${what}`, size: sizeText(size), figure, unit });
  bench.progress(`${mode}, at rest`);
  const seconds = bench.quick ? 5 : 60;
  const httpPort = await server.countedPort(server.port);
  const grpcPort = await server.countedPort(server.port + 1_000);
  await using client = openNacos({
    servers: [`127.0.0.1:${httpPort}`],
    grpcPort,
    mode,
    refreshPeriodMs,
  });
  await using naming = client.openNaming("public", { groups: [group] });
  const known = new Set<string>();
  naming.onEvent((event) => {
    if (event.type === "services") { for (const service of event.services) naming.subscribe(service); }
    if (event.type === "snapshot") known.add(event.snapshot.service.name);
  });
  naming.watchServices();
  while (known.size < size.services) await delay(100);
  // The server pushes each service once after it was subscribed to.
  for (let last = -1; last !== await server.countedBytes(); await delay(quietMs)) {
    last = await server.countedBytes();
  }
  const requests = () => [...client.requests.values()].reduce((sum, count) => sum + count, 0);
  const before = { requests: requests(), bytes: await server.countedBytes() };
  await delay(seconds * 1_000);
  const minutes = seconds / 60;
  row("requests at rest", (requests() - before.requests) / minutes, "per minute");
  row("bytes at rest", (await server.countedBytes() - before.bytes) / minutes / 2 ** 10, "KiB per minute");
}

/** slime asks for every service once in a period, each in a request of its own. */
async function computeSlime(server: Server, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `nacos, slime, computed: ${what}`, size: sizeText(size), figure, unit });
  const base = `http://${server.address}/nacos/v1/ns`;
  const startedMs = performance.now();
  const sample = 100;
  let bytes = 0;
  for (let index = 0; index < sample; index++) {
    const response = await fetch(
      `${base}/instance/list?serviceName=${group}%40%40service-${index}&groupName=${group}`,
    );
    bytes += (await response.arrayBuffer()).byteLength;
  }
  const perRequestMs = (performance.now() - startedMs) / sample;
  const rounds = 60_000 / refreshPeriodMs;
  row("requests at rest", rounds * size.services, "per minute");
  row("bodies at rest", rounds * size.services * bytes / sample / 2 ** 10, "KiB per minute");
  row("a round, one request after the other", perRequestMs * size.services, "ms");
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
