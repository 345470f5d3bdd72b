import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { z } from "zod";
import { ClusterFacts } from "../../services/k8s-collector/facts/cluster-facts.ts";
import { eureka } from "../../services/eureka-collector/registry.ts";
import { RunningSource } from "../../shared/collector/source-rig.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../../shared/entry-log/entry-log.ts";
import { embeddedFactsLog } from "../../shared/entry-log/open-entry-log.ts";
import { FactsFollower } from "../../shared/facts/facts-follower.ts";
import { openCluster } from "../../shared/kubernetes/open-cluster.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { ownUsage } from "./process-usage.ts";
import { percentile } from "./stopwatch.ts";

const log = createLogger("bench");
log.level = "silent";

/** Facts of pods: what they cost to keep and to follow, and how long a changed label takes to the entries that hold it. */
export const facts: Measurement = {
  name: "facts",
  about: "facts of pods: memory, CPU of a changed status, a changed label to its entries",
  async run(bench) {
    // As start.mjs has it for collectors.
    setFlagsFromString("--semi-space-growth-factor=1");
    const pods = bench.quick ? 5_000 : 100_000;
    const services = bench.quick ? 200 : 2_000;
    await using api = await startApi(pods);
    await publisher(bench, api, pods);
    await changes(bench, api, pods, services);
  },
};

interface Api extends AsyncDisposable {
  readonly url: string;
  send(order: object): void;
}

async function startApi(pods: number): Promise<Api> {
  const child = fork(join(import.meta.dirname, "facts-worker.ts"), [String(pods)]);
  const [message] = await once(child, "message");
  const { port } = z.object({ port: z.number() }).parse(message);
  return {
    url: `http://127.0.0.1:${port}`,
    send: (order) => void child.send(order),
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

async function open({ url }: Api) {
  const text = JSON.stringify({
    "current-context": "c",
    clusters: [{ name: "c", cluster: { server: url } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  });
  return await openCluster({ kind: "text", text }, { name: "home", environment: {} });
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const gc: unknown = runInNewContext("gc");
  if (typeof gc === "function") { for (let round = 0; round < 3; round++) gc(); }
}

async function settledRss(): Promise<number> {
  collectGarbage();
  await delay(1000);
  collectGarbage();
  return ownUsage().rssMiB;
}

async function until(condition: () => boolean, pauseMs = 5): Promise<void> {
  while (!condition()) await delay(pauseMs);
}

/** A log elsewhere: it stores, and gives back nothing. */
function remoteLog(): EntryLog {
  let sequence = 0;
  return {
    publish: (records: readonly LogRecord[]) =>
      Promise.resolve(records.map(() => ({ status: "stored" as const, sequence: ++sequence }))),
    async *readBack() {},
    async *follow(_filter, signal) {
      yield { type: "reset", reason: "first read", streamId: "1" };
      yield { type: "caught-up", sequence: 0 };
      if (!signal.aborted) await once(signal, "abort");
    },
    onReset: () => () => {},
    status: () => ({ connected: true, detail: "" }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function publish(cluster: Awaited<ReturnType<typeof open>>, factsLog: EntryLog) {
  const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 0 };
  const facts = new ClusterFacts({ id: "home", cluster, factsLog, member: "bench", guard, log });
  const stop = new AbortController();
  const running = facts.run(stop.signal);
  return {
    facts,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function publisher({ report, progress, quick }: Bench, api: Api, pods: number): Promise<void> {
  const row = (what: string, figure: number, unit: string) =>
    report({ what: `facts: ${what}`, size: `${pods.toLocaleString("en")} pods`, figure, unit });
  progress("reads pods");
  const before = await settledRss();
  const started = { ms: performance.now(), ...ownUsage() };
  await using publishing = publish(await open(api), remoteLog());
  await until(() => publishing.facts.status().published >= pods);
  row("first sync and publication", (performance.now() - started.ms) / 1000, "s");
  row("the same", (ownUsage().cpuMs - started.cpuMs) / 1000, "CPU s");
  row("publisher, above an idle process", await settledRss() - before, "MiB");
  for (const perSecond of [100, 2000]) {
    progress(`${perSecond} changes of the status a second`);
    const changes = perSecond * (quick ? 2 : 10);
    const { cpuMs } = ownUsage();
    const { events } = publishing.facts.status();
    const startMs = performance.now();
    api.send({ type: "status", changes, perSecond });
    // Seldom: looking would cost as much as the changes.
    await until(() => publishing.facts.status().events >= events + changes, 200);
    const used = ownUsage().cpuMs - cpuMs;
    row(`a changed status, at ${perSecond}/s`, used / changes, "CPU ms");
    row(`CPU at ${perSecond} of them a second`, used / (performance.now() - startMs) * 1000, "CPU ms/s");
  }
}

async function changes({ report, progress, quick }: Bench, api: Api, pods: number, services: number) {
  const size = `${pods.toLocaleString("en")} pods, ${services.toLocaleString("en")} x 10`;
  const row = (what: string, figure: number, unit: string) =>
    report({ what: `facts: ${what}`, size, figure, unit });
  await using registry = new EurekaServer();
  for (let index = 0; index < services * 10; index++) {
    const ipAddr = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    registry.registry.register(`APP-${Math.floor(index / 10)}`, {
      instanceId: String(index),
      status: "UP",
      ipAddr,
      port: { "$": 8080 },
      metadata: {},
    });
  }
  const address = await registry.listen("127.0.0.1:0");
  const factsLog = embeddedFactsLog();
  await using publishing = publish(await open(api), factsLog);
  await until(() => publishing.facts.status().published >= pods);
  progress("follows facts");
  const before = await settledRss();
  const follower = new FactsFollower({ factsLog, home: "home", waitMs: 120_000, log });
  const stop = new AbortController();
  const following = follower.run(stop.signal);
  await until(() => follower.isReady);
  row("follower, above the process without", await settledRss() - before, "MiB");
  const entryLog = new EmbeddedEntryLog();
  let published = 0;
  const counting: EntryLog = Object.assign(entryLog, {
    publish: async (...[records, signal]: Parameters<EntryLog["publish"]>) => {
      published += records.length;
      return await EmbeddedEntryLog.prototype.publish.call(entryLog, records, signal);
    },
  });
  const eurekaSource = { enabled: true, address: [address], refreshPeriod: "1h", deltaPeriod: "1h" };
  await using source = await RunningSource.start(eureka, { eurekaSource }, {
    entryLog: counting,
    facts: follower,
  });
  await until(() => source.collector.isSettled);
  progress("changes labels");
  const rounds = quick ? 20 : 300;
  const latencies: number[] = [];
  const { cpuMs } = ownUsage();
  const first = published;
  for (let round = 0; round < rounds; round++) {
    const before = published;
    const startMs = performance.now();
    api.send({ type: "label", pod: (round * 37) % (services * 10), value: `r${round}` });
    await until(() => published > before, 0);
    latencies.push(performance.now() - startMs);
    await delay(10);
  }
  row("a changed label to its entry, p50", percentile(latencies, 0.5), "ms");
  row("a changed label to its entry, p99", percentile(latencies, 0.99), "ms");
  row("the same", (ownUsage().cpuMs - cpuMs) / rounds, "CPU ms");
  row("entries published for each", (published - first) / rounds, "entries");
  stop.abort();
  await following;
}
