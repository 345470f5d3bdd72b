import { performance } from "node:perf_hooks";
import { nkeys } from "@nats-io/transport-node";
import { accountsConf } from "../../shared/entry-log/jetstream/accounts-conf.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { encodeSubject, termSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { findServer, getServersCommand } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { NatsServer } from "../servers/nats.ts";
import type { Bench, Measurement } from "./measurement.ts";

const data = new Uint8Array(1300).fill(97);
/** Records of one call: acknowledgements are looked at in groups of this size. */
const groupSize = 100;
const { signal } = new AbortController();
const users = ["aggregator", "tap", "eureka"] as const;

/** One run. */
interface Run {
  readonly perSecond: number;
  /** The longest time in which no group of records was acknowledged. */
  readonly pauseMs: number;
}

/**
 * Publishing from an account of its own, as `meshctl nats-accounts` makes it, and in one account for all. Many short runs,
 * because what is looked for is a stall that some of them have.
 */
export const accounts: Measurement = {
  name: "accounts",
  about: "publishing through the import of an account, in 30 runs, and in one account",
  async run(bench) {
    if (findServer("nats-server") === undefined) {
      bench.note(`accounts are left out: nats-server is not built here (${getServersCommand})`);
      return;
    }
    const pairs = new Map(users.map((user) => [user, nkeys.createUser()]));
    const keys = new Map([...pairs].map(([user, pair]) => [user, pair.getPublicKey()]));
    const config = accountsConf(["eureka"], keys);
    const seedOf = (user: (typeof users)[number]) =>
      new TextDecoder().decode(pairs.get(user)?.getSeed() ?? new Uint8Array());
    const logins = {
      aggregator: { nkeySeed: seedOf("aggregator") },
      collector: { nkeySeed: seedOf("eureka") },
    };
    const none = { aggregator: {}, collector: {} };
    for (const isFenced of [false, true]) {
      const kind = isFenced ? "with a fence" : "without a fence";
      await report(bench, `account of its own, ${kind}`, isFenced, { config }, logins);
      await report(bench, `one account, ${kind}`, isFenced, {}, none);
    }
  },
};

interface Logins {
  readonly aggregator: { readonly nkeySeed?: string };
  readonly collector: { readonly nkeySeed?: string };
}

async function report(
  bench: Bench,
  what: string,
  isFenced: boolean,
  options: { readonly config?: string },
  logins: Logins,
): Promise<void> {
  const count = bench.quick ? 500 : 8000;
  const runs: Run[] = [];
  for (let run = 0; run < (bench.quick ? 2 : 30); run++) {
    bench.progress(`${what}, run ${run + 1}`);
    // A server of its own each time: what is looked for may depend on how connections and imports came about.
    await using server = await startNats(options);
    runs.push(await publish(server, logins, count, isFenced));
  }
  const sorted = runs.map(({ perSecond }) => perSecond).sort((a, b) => a - b);
  const size = `${runs.length} x ${count.toLocaleString("en")}`;
  const row = (name: string, figure: number, unit: string) =>
    bench.report({ what: `publish, ${what}: ${name}`, size, figure, unit });
  row("slowest run", sorted[0] ?? 0, "entries/s");
  row("median run", sorted[sorted.length >> 1] ?? 0, "entries/s");
  row("longest pause between acknowledgements", Math.max(...runs.map(({ pauseMs }) => pauseMs)), "ms");
}

async function publish(server: NatsServer, logins: Logins, count: number, isFenced: boolean): Promise<Run> {
  const log = createLogger("bench");
  log.level = "warn";
  const common = { servers: [server.url], log, signal };
  await using aggregator = await JetStreamEntryLog.connect({
    ...common,
    name: "aggregator",
    ...logins.aggregator,
  });
  if (!aggregator.status().connected) throw new Error("the aggregator isn't connected");
  await using collector = await JetStreamEntryLog.connect({ ...common, name: "eureka", ...logins.collector });
  const term = { subject: termSubject("eureka", "bench"), data: new TextEncoder().encode("{}") };
  const [stored] = await collector.publish([term], signal);
  if (stored?.status !== "stored") throw new Error(`the term wasn't stored: ${stored?.status}`);
  const fence = { subject: term.subject, sequence: stored.sequence };
  const startMs = performance.now();
  let lastMs = startMs;
  let pauseMs = 0;
  const records = Array.from({ length: count }, (_, index) => {
    const name = `service-${index}`;
    const id = { kind: "ServiceEntry", registry: "eureka", source: "bench", namespace: "default", name };
    return { subject: encodeSubject(id), data, ...(isFenced && { fence }) };
  });
  const groups = Array.from(
    { length: count / groupSize },
    (_, group) => records.slice(group * groupSize, (group + 1) * groupSize),
  );
  await Promise.all(groups.map(async (group) => {
    const results = await collector.publish(group, signal);
    const failed = results.find(({ status }) => status !== "stored");
    if (failed !== undefined) throw new Error(`a record wasn't stored: ${failed.status}`);
    const nowMs = performance.now();
    pauseMs = Math.max(pauseMs, nowMs - lastMs);
    lastMs = nowMs;
  }));
  return { perSecond: count / (performance.now() - startMs) * 1000, pauseMs };
}
