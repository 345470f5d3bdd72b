import { connect } from "@nats-io/transport-node";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { kubernetes as kind } from "../../services/k8s-collector/registry.ts";
import { readOnce } from "../../shared/collector/read-once.ts";
import { loadConfig } from "../../shared/config/mod.ts";
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

const Started = z.object({ url: z.string(), kubeconfig: z.string() });

/** What the cluster's process is asked to do. */
type Order =
  | { readonly command: "change"; readonly index: number }
  | { readonly command: "relabel"; readonly index: number; readonly version: string }
  | { readonly command: "beat"; readonly perSecond: number; readonly seconds: number };

/** How long nothing may come before it counts as quiet. */
const quietMs = 2_000;

/** Between two changes, on average. */
const pauseMs = 200;

/** From a simulated API server to a Delta client: collector, NATS JetStream and aggregator as processes of their own. */
export const kubernetes: Measurement = {
  name: "kubernetes",
  about: "Kubernetes to client: first sync, slices, pods, status changes, CPU, memory",
  async run(bench) {
    const size: CatalogueSize = { services: bench.quick ? 100 : 5_000, instances: 10 };
    await using cluster = await Cluster.start(size, bench);
    await measureReading(cluster, size, bench);
    for (const readPods of [false, true]) await measureFollowing(cluster, size, readPods, bench);
  },
};

/** The simulated cluster, in a process of its own. */
class Cluster implements AsyncDisposable {
  readonly kubeConfig: string;
  readonly url: string;
  readonly #worker: Worker;
  readonly #folder = mkdtempSync(join(tmpdir(), "meshregistry-bench-"));

  private constructor(worker: Worker, { kubeconfig, url }: z.infer<typeof Started>) {
    this.#worker = worker;
    this.url = url;
    this.kubeConfig = join(this.#folder, "kubeconfig");
    writeFileSync(this.kubeConfig, kubeconfig);
  }

  static async start(size: CatalogueSize, bench: Bench): Promise<Cluster> {
    bench.progress(`a cluster with ${size.services} Services and ${size.services * size.instances * 2} pods`);
    const worker = new Worker("kubernetes-worker.ts");
    return new Cluster(worker, await worker.ask(Started, "start", size));
  }

  /** Settles when it was done, with the time of the shared clock at which it was begun. */
  async do({ command, ...input }: Order): Promise<number> {
    return await this.#worker.ask(z.number(), command, input);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#folder, { recursive: true });
    await this.#worker[Symbol.asyncDispose]();
  }
}

const sourceOf = ({ kubeConfig }: Cluster, readPods: boolean) => (
  { k8sSource: { clusters: [{ id: "east", kubeConfig }], readPods } }
);

/** Reading and converting everything once, beside what listing the same objects takes at least. */
async function measureReading(cluster: Cluster, size: CatalogueSize, bench: Bench): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `kubernetes: ${what}`, size: sizeText(size), figure, unit });
  bench.progress("reading everything once");
  for (const readPods of [false, true]) {
    const what = readPods ? "with pods and nodes" : "Services and slices";
    const plain = await timed(() => listPlainly(cluster.url, readPods));
    const { config, ...loaded } = loadConfig(JSON.stringify(sourceOf(cluster, readPods)), {
      env: {},
      fileName: "bench",
    });
    const [source] = kind.sourcesOf(config);
    if (source === undefined) throw new TypeError("no source");
    const read = await timed(async () => {
      const { manifests } = await readOnce(
        (context) => kind.open(source.options, context),
        { config, ...loaded },
        "Kubernetes",
        AbortSignal.timeout(300_000),
      );
      if (manifests.length !== size.services) throw new TypeError(`${manifests.length} entries`);
    });
    row(`${what}, listed with fetch and JSON.parse`, plain.ms, "ms");
    row(`${what}, read and converted by us`, read.ms, "ms");
    row(`${what}, ours in multiples of that`, read.ms / plain.ms, "x");
  }
}

const Page = z.object({
  metadata: z.object({ continue: z.string().optional() }),
  items: z.array(z.unknown()),
});

async function listPlainly(url: string, withPods: boolean): Promise<number> {
  const core = withPods ? ["/api/v1/services", "/api/v1/pods", "/api/v1/nodes"] : ["/api/v1/services"];
  const counts = await Promise.all([...core, "/apis/discovery.k8s.io/v1/endpointslices"].map(async (path) => {
    let count = 0;
    let token: string | undefined;
    do {
      const query = token === undefined ? "" : `&continue=${encodeURIComponent(token)}`;
      const response = await fetch(`${url}${path}?limit=500${query}`);
      const page = Page.parse(JSON.parse(await response.text()));
      count += page.items.length;
      token = page.metadata.continue === "" ? undefined : page.metadata.continue;
    } while (token !== undefined);
    return count;
  }));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function measureFollowing(
  cluster: Cluster,
  size: CatalogueSize,
  readPods: boolean,
  bench: Bench,
): Promise<void> {
  const name = readPods ? "kubernetes, with pods" : "kubernetes, without pods";
  const row = (what: string, figure: number, unit: string) =>
    bench.report({ what: `${name}: ${what}`, size: sizeText(size), figure, unit });
  bench.progress(readPods ? "following with pods" : "following without pods");
  const changes = bench.quick ? 10 : 200;
  await using nats = await startNats();
  await using published = await watchPublished(nats.url);
  const config = { nats: { servers: [nats.url] }, ...sourceOf(cluster, readPods) };
  await using aggregator = await startService("aggregator", config);
  await using clients = new Clients();
  await clients.connect(aggregator.xdsAddress, 1, undefined, "delta");
  const startedAtMs = sharedClockMs();
  await using collector = await startService("k8s-collector", config);
  const { lastAtMs } = await clients.resources(size.services);
  row("first full sync, with the collector's start", lastAtMs - startedAtMs, "ms");
  await delay(quietMs);
  row("collector, resident after the first sync", rssOf(collector), "MiB");

  const follow = async (what: string, order: (change: number) => Order) => {
    const toPublished: number[] = [];
    const toClient: number[] = [];
    const before = cpuOf(collector) + cpuOf(aggregator);
    for (let change = 0; change < changes; change++) {
      await delay(pauseMs * (0.5 + Math.random()));
      await clients.reset();
      published.times.length = 0;
      const atMs = await cluster.do(order(change));
      toClient.push((await clients.responses(1)).lastAtMs - atMs);
      const publishedAtMs = published.times.find((each) => each >= atMs);
      if (publishedAtMs !== undefined) toPublished.push(publishedAtMs - atMs);
    }
    const cpuMs = cpuOf(collector) + cpuOf(aggregator) - before;
    for (const [share, text] of [[0.5, "p50"], [0.99, "p99"]] as const) {
      row(`${what} to published, ${text}`, percentile(toPublished, share), "ms");
      row(`${what} to client, ${text}`, percentile(toClient, share), "ms");
    }
    row(`CPU per ${what}, collector and aggregator`, cpuMs / changes, "CPU ms");
  };
  await follow(
    "change of a slice",
    (change) => ({ command: "change", index: (change * 37) % size.services }),
  );
  if (readPods) {
    await follow("new label of a pod", (change) => (
      { command: "relabel", index: (change * 41) % size.services, version: "v2" }
    ));
    await delay(quietMs);
    const seconds = bench.quick ? 2 : 20;
    const perSecond = 100;
    const before = cpuOf(collector);
    published.times.length = 0;
    await cluster.do({ command: "beat", perSecond, seconds });
    row(
      "CPU per status change of a pod, collector",
      (cpuOf(collector) - before) / (perSecond * seconds),
      "CPU ms",
    );
    for (let change = 0; change < changes; change++) {
      await cluster.do({ command: "relabel", index: (change * 41) % size.services, version: "v1" });
    }
  }
  if (collector.pid !== undefined) row("collector, most resident", usageOf(collector.pid).peakRssMiB, "MiB");
}

function cpuOf({ pid }: Service): number {
  return pid === undefined ? Number.NaN : usageOf(pid).cpuMs;
}

function rssOf({ pid }: Service): number {
  return pid === undefined ? Number.NaN : usageOf(pid).rssMiB;
}

/** Notes when entries are published, by the shared clock. */
async function watchPublished(url: string) {
  const connection = await connect({ servers: url });
  const times: number[] = [];
  connection.subscribe("mesh.entries.>", { callback: () => void times.push(sharedClockMs()) });
  return { times, [Symbol.asyncDispose]: () => connection.close() };
}
