import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { z } from "zod";
import { CatalogueView } from "../../services/aggregator/catalogue/catalogue-view.ts";
import { LongPollingServer } from "../../services/aggregator/long-polling/long-polling.ts";
import { Worker } from "../bench/worker.ts";
import { Replica } from "../conformance/replica.ts";
import { contentDigest } from "./soak-client.ts";

/** What to do, and for how long. */
export interface SoakPlan {
  readonly clients: number;
  readonly changesPerSecond: number;
  /** The same work before memory is looked at for the first time: caches fill, code is compiled. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly services: number;
  /** How long clients may take to be level with the cache when changes have ended. */
  readonly patienceMs: number;
  /** Told every few seconds how it goes. */
  readonly progress: (text: string) => void;
}

/** What came of it. Memory is what is left after a garbage collection, with no client connected. */
export interface SoakReport {
  readonly changes: number;
  /** Clients whose view differs from the cache in the end. */
  readonly different: readonly string[];
  /** Of all clients. */
  readonly responses: number;
  readonly refusals: number;
  readonly connections: number;
  readonly cpuMsPerChange: number;
  readonly before: MemoryLevel;
  readonly after: MemoryLevel;
}

/** Memory in MiB. */
export interface MemoryLevel {
  /** JavaScript's heap and the buffers outside of it. */
  readonly retainedMiB: number;
  readonly rssMiB: number;
}

const Views = z.array(
  z.object({
    about: z.string(),
    revision: z.string(),
    digest: z.string(),
    resources: z.number(),
    responses: z.number(),
    refusals: z.number(),
    connections: z.number(),
  }),
);

const tickMs = 10;
const progressMs = 5_000;
const pauseMs = 50;

/**
 * Serves clients of every dialect in another process while the catalogue changes. Some stall, beyond what the server
 * waits for an acknowledgement; some come again and again; some refuse. In the end all are calm and have to be level.
 */
export async function soak(plan: SoakPlan): Promise<SoakReport> {
  await using replica = await Replica.start("soak", {
    minPushIntervalMs: 100,
    protocol: { ackTimeout: 1_000, nackBackoff: 200, cleanZombieInterval: 1_000, maxMessageBytes: 64 * 1024 },
  });
  const { cache, gate, transport, log } = replica;
  await using polling = await LongPollingServer.listen(
    { address: "127.0.0.1:0", intervalMs: 1_000, typeUrls: [], revision: "", namespaces: [], registries: [] },
    { cache, gate, transport, controlPlane: "soak", log },
  );
  const round = new SoakRound(replica, polling.address, plan);
  round.fill();
  await round.run(plan.warmUpMs, "warming up");
  const before = await memoryLevel();
  const cpu = process.cpuUsage();
  const result = await round.run(plan.durationMs, "soaking");
  const { user, system } = process.cpuUsage(cpu);
  const after = await memoryLevel();
  return { ...result, cpuMsPerChange: (user + system) / 1000 / result.changes, before, after };
}

class SoakRound {
  readonly #replica: Replica;
  readonly #pollAddress: string;
  readonly #plan: SoakPlan;
  #made = 0;

  constructor(replica: Replica, pollAddress: string, plan: SoakPlan) {
    this.#replica = replica;
    this.#pollAddress = pollAddress;
    this.#plan = plan;
  }

  fill(): void {
    for (let index = 0; index < this.#plan.services; index++) this.#put(index);
  }

  /** Clients come, the catalogue changes, clients have to be level, clients leave. */
  async run(durationMs: number, about: string) {
    const { clients, progress, patienceMs } = this.#plan;
    const { server } = this.#replica;
    await using worker = new Worker("../soak/soak-worker.ts");
    const address = this.#replica.address();
    await worker.ask(z.null(), "connect", { address, pollAddress: this.#pollAddress, clients });
    const before = this.#made;
    await this.#changeFor(durationMs, about);
    await worker.ask(z.null(), "calm");
    // Whoever refused the last response is sent another one only if something changes.
    this.#put(0);
    const changes = this.#made - before;
    const deadline = performance.now() + patienceMs;
    let views = await worker.ask(Views, "views");
    let different = this.#different(views);
    while (different.length > 0 && performance.now() < deadline) {
      await delay(pauseMs);
      views = await worker.ask(Views, "views");
      different = this.#different(views);
    }
    progress(`${about}: ${changes} changes made, ${different.length} of ${clients} views differ`);
    await worker.ask(z.null(), "leave");
    while ([...server.clients].length > 0 && performance.now() < deadline) await delay(pauseMs);
    server.forgetAcknowledged();
    const sum = (of: "responses" | "refusals" | "connections") =>
      views.reduce((total, view) => total + view[of], 0);
    return {
      changes,
      different,
      responses: sum("responses"),
      refusals: sum("refusals"),
      connections: sum("connections"),
    };
  }

  async #changeFor(durationMs: number, about: string): Promise<void> {
    const { changesPerSecond, progress } = this.#plan;
    const startMs = performance.now();
    let made = 0;
    let toldMs = 0;
    for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - startMs) {
      for (const due = Math.floor(elapsedMs / 1000 * changesPerSecond); made < due; made++) this.#change();
      if (elapsedMs - toldMs >= progressMs) {
        toldMs = elapsedMs;
        const rss = Math.round(process.memoryUsage.rss() / 2 ** 20);
        const clients = [...this.#replica.server.clients].length;
        progress(
          `${about}: ${Math.round(elapsedMs / 1000)} s, ${made} changes, ${clients} streams, RSS ${rss} MiB`,
        );
      }
      await delay(tickMs);
    }
  }

  #change(): void {
    const index = Math.floor(Math.random() * this.#plan.services);
    const isThere = this.#replica.cache.get("ServiceEntry", nameOf(index)) !== undefined;
    if (isThere && Math.random() < 0.2) {
      this.#made++;
      this.#replica.delete(nameOf(index));
    } else this.#put(index);
  }

  #put(index: number): void {
    // Revisions come and go: one resource in ten has one at a time.
    const revision = this.#made % 10 > 0 ? undefined : this.#made % 20 > 0 ? "canary" : "stable";
    this.#replica.put(nameOf(index), `v${++this.#made}`, { revision, endpoints: 5 });
  }

  /** Who doesn't have what it should. */
  #different(views: z.infer<typeof Views>): string[] {
    const digests = new Map<string, string>();
    for (const revision of new Set(views.map((view) => view.revision))) {
      digests.set(revision, this.#expected(revision));
    }
    return views.filter(({ revision, digest }) => digests.get(revision) !== digest)
      .map(({ about, resources }) => `${about}, has ${resources}`);
  }

  /** The digest of what there is for a revision, looked up resource by resource: not by what serves the clients. */
  #expected(revision: string): string {
    const versions = new Map<string, string>();
    const { everything } = CatalogueView;
    for (const resource of this.#replica.cache.snapshot("ServiceEntry", everything).resources) {
      const isShown = revision === "" || resource.revision === undefined || resource.revision === revision;
      if (isShown) versions.set(resource.name, resource.version);
    }
    return contentDigest(versions);
  }
}

function nameOf(index: number): string {
  return `soak/service-${index}`;
}

/** What is left when all garbage is gone. */
async function memoryLevel(): Promise<MemoryLevel> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new TypeError("V8 has no gc()");
  // Buffers of closed sockets are released a turn of the event loop later, what they held in the next collection.
  for (let round = 0; round < 3; round++) {
    collect();
    await delay(pauseMs);
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { retainedMiB: (heapUsed + arrayBuffers) / 2 ** 20, rssMiB: rss / 2 ** 20 };
}
