import { setTimeout as delay } from "node:timers/promises";
import { nacos as kind } from "../../services/nacos-collector/registry.ts";
import { readOnce } from "../../shared/collector/read-once.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { anonymous } from "../../shared/nacos/auth/authenticator.ts";
import { GrpcConnection } from "../../shared/nacos/grpc/connection.ts";
import { usualHealthTimes } from "../../shared/nacos/grpc/health.ts";
import { openNacos } from "../../shared/nacos/open-nacos.ts";
import { parseServers } from "../../shared/nacos/server-address.ts";
import { findServer, getServersCommand } from "../servers/find.ts";
import type { ServerName } from "../servers/find.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { changingServices, measureFollowing } from "./nacos-following.ts";
import { BenchNacos } from "./nacos-server.ts";
import { timed } from "./stopwatch.ts";

type Mode = "watching" | "polling";

/** How long nothing may come before it counts as quiet. */
const quietMs = 3_000;

/** How long it is waited for that. */
const patienceMs = 60_000;

/** The default, in ours and in slime. */
const refreshPeriodMs = 30_000;

/** Subscriptions at a time, as our client has it. */
const atOnce = 32;

const group = "DEFAULT_GROUP";

/** From a simulated Nacos to a Delta client: collector, NATS JetStream and aggregator as processes of their own. */
export const nacos: Measurement = {
  name: "nacos",
  about: "Nacos to client: full sync by push and by polling, changes, requests at rest, CPU, memory",
  run: (bench) => measureSimulated(5_000, bench),
};

/** The same with more services. */
export const nacosLarge: Measurement = {
  name: "nacos-large",
  about: "The same with 20,000 services",
  run: (bench) => measureSimulated(20_000, bench),
};

/** The same from real servers, which gather changes for half a second before they tell of them. */
export const nacosReal: Measurement = {
  name: "nacos-real",
  about: "The same from a real Nacos 2 and 3",
  async run(bench) {
    for (const line of ["2", "3"] as const) {
      const name: ServerName = `nacos-${line}`;
      if (findServer(name) === undefined) {
        bench.note(`${name} isn't built here; run: ${getServersCommand}`);
        continue;
      }
      const size: CatalogueSize = { services: bench.quick ? 100 : 5_000, instances: 10 };
      bench.progress(`${name}, ${size.services} services`);
      await using server = await BenchNacos.real(line, size, changingServices(size, bench));
      await measure(server, size, bench);
    }
  },
};

async function measureSimulated(services: number, bench: Bench): Promise<void> {
  const size: CatalogueSize = { services: bench.quick ? 100 : services, instances: 10 };
  await using server = await BenchNacos.simulated(size);
  await measure(server, size, bench);
  await computeSlime(server, size, bench);
}

async function measure(server: BenchNacos, size: CatalogueSize, bench: Bench): Promise<void> {
  await measureReading(server, size, bench);
  await measureFollowing(server, size, bench);
  for (const mode of ["watching", "polling"] as const) await measureRest(server, size, mode, bench);
}

/** Reading and converting everything once, beside the bare calls that subscribe to the same services. */
async function measureReading(server: BenchNacos, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${server.name}: ${what}`, size: sizeText(size), figure, unit });
  const bare = await timed(() => subscribePlainly(server.address, size.services));
  row("bare subscribe calls over gRPC", bare.ms, "ms");
  for (const mode of ["watching", "polling"] as const) {
    const how = mode === "watching" ? "gRPC" : "HTTP";
    const nacosSource = { enabled: true, address: [`http://${server.address}`], mode };
    const { config, ...loaded } = loadConfig(JSON.stringify({ nacosSource }), {
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

/** What reading costs while nothing changes. */
async function measureRest(server: BenchNacos, size: CatalogueSize, mode: Mode, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${server.name}, ${mode}: ${what}`, size: sizeText(size), figure, unit });
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
  // The server pushes each service once after it was subscribed to. Nacos 2.3.2 repeats some of these pushes for long,
  // although each is acknowledged.
  const patienceEndsMs = performance.now() + patienceMs;
  for (let last = -1; last !== await server.countedBytes() && performance.now() < patienceEndsMs;) {
    last = await server.countedBytes();
    await delay(quietMs);
  }
  const requests = () => [...client.requests.values()].reduce((sum, count) => sum + count, 0);
  const before = { requests: requests(), bytes: await server.countedBytes() };
  await delay(seconds * 1_000);
  const minutes = seconds / 60;
  row("requests at rest", (requests() - before.requests) / minutes, "per minute");
  row("bytes at rest", (await server.countedBytes() - before.bytes) / minutes / 2 ** 10, "KiB per minute");
}

/** slime asks for every service once in a period, each in a request of its own. */
async function computeSlime(server: BenchNacos, size: CatalogueSize, bench: Bench): Promise<void> {
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
