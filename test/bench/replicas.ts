import { connect } from "@nats-io/transport-node";
import { setTimeout as delay } from "node:timers/promises";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import { termSubject } from "../../shared/model/subject.ts";
import { startService } from "../end-to-end/services.ts";
import type { Service } from "../end-to-end/services.ts";
import { TermWatch } from "../replicas/term-watch.ts";
import { startNats } from "../servers/nats.ts";
import { sizeText } from "./catalogue.ts";
import type { CatalogueSize } from "./catalogue.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { usageOf } from "./process-usage.ts";

/** How long a cost at rest is watched. */
const restMs = 10_000;

/** How long nothing may come before a burst counts as over. */
const quietMs = 1_500;

/** Replicas of ZooKeeper's collector that share one source: their throughput, their cost and a takeover. */
export const replicas: Measurement = {
  name: "replicas",
  about: "1, 2 and 3 replicas of a collector: first sync, changes a second, CPU, memory, takeover",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 300 : 10_000, instances: 10 };
    bench.note(
      "replicas: registry (simulated), NATS and all replicas share the machine's processors, unpinned",
    );
    for (const count of [1, 2, 3]) await measure(count, size, bench);
  },
};

function pathOf(service: number, address: string): string {
  const name = `com.acme.bench.Service${service}`;
  const url = `dubbo://${address}:20880/${name}?application=app${
    service % 200
  }&interface=${name}&methods=find,list`;
  return `/dubbo/${name}/providers/${encodeURIComponent(url)}`;
}

async function measure(count: number, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${count} of a collector: ${what}`, size: sizeText(size), figure, unit });
  bench.progress(`${count} replicas`);
  await using server = new SimulatedZooKeeper();
  for (let service = 0; service < size.services; service++) {
    for (let n = 0; n < size.instances; n++) {
      server.tree.ensure(pathOf(service, `10.${service >> 8}.${service & 255}.${n}`));
    }
  }
  const address = await server.listen("127.0.0.1:0");
  await using nats = await startNats();
  await using published = await countPublished(nats.url);
  const config = { nats: { servers: [nats.url] }, zookeeperSource: { enabled: true, address: [address] } };
  await using stack = new AsyncDisposableStack();
  const startedMs = performance.now();
  const services = await Promise.all(
    Array.from({ length: count }, () => startService("zk-collector", config)),
  );
  for (const service of services) stack.use(service);
  await published.quiet(size.services);
  row("first full sync, with the start", published.lastAtMs - startedMs, "ms");
  await using terms = await TermWatch.start(nats.url, termSubject("zookeeper", "default"));
  await terms.until(count);
  await published.quiet();

  const burst = Math.min(5_000, size.services);
  const before = services.map(cpuOf);
  published.reset();
  const burstMs = performance.now();
  for (let service = 0; service < burst; service++) {
    server.tree.ensure(pathOf(service, `10.250.${service >> 8}.${service & 255}`));
    // In turns, as a registry sends them.
    if (service % 50 === 0) await delay(0);
  }
  await published.quiet(burst);
  row("changes a second in a burst", burst / ((published.lastAtMs - burstMs) / 1000), "changes/s");
  row("messages per change", published.count / burst, "messages");
  for (const [index, service] of services.entries()) {
    row(
      `replica ${index + 1}, CPU per change of the source`,
      (cpuOf(service) - (before[index] ?? 0)) / burst,
      "CPU ms",
    );
    if (service.pid !== undefined) {
      row(`replica ${index + 1}, most resident`, usageOf(service.pid).peakRssMiB, "MiB");
    }
  }
  const atRest = services.map(cpuOf);
  await delay(restMs);
  const restCpuMs = services.map((service, index) => cpuOf(service) - (atRest[index] ?? 0));
  row(
    "each replica at rest",
    restCpuMs.reduce((sum, ms) => sum + ms, 0) / count / (restMs / 1000),
    "CPU ms/s",
  );
  const [first] = services;
  if (count === 1 || first === undefined) return;
  const state: { member: string } = JSON.parse(await first.get("/meshregistry/collectors/zookeeper"));
  await first.kill();
  row("killed to taken over", await terms.untilWithout(state.member), "ms");
}

function cpuOf({ pid }: Service): number {
  return pid === undefined ? Number.NaN : usageOf(pid).cpuMs;
}

/** Counts ServiceEntries as they are published. */
async function countPublished(url: string) {
  const connection = await connect({ servers: url });
  const counter = { count: 0, lastAtMs: 0 };
  connection.subscribe("mesh.entries.ServiceEntry.>", {
    callback: () => {
      counter.count++;
      counter.lastAtMs = performance.now();
    },
  });
  return {
    get count() {
      return counter.count;
    },
    get lastAtMs() {
      return counter.lastAtMs;
    },
    reset: () => {
      counter.count = 0;
    },
    /** Waits for that many, and until nothing comes any more. */
    quiet: async (atLeast = 0) => {
      const deadline = performance.now() + 120_000;
      while (counter.count < atLeast || performance.now() - counter.lastAtMs < quietMs) {
        if (performance.now() > deadline) {
          throw new Error(`only ${counter.count} of ${atLeast} were published`);
        }
        await delay(50);
      }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
