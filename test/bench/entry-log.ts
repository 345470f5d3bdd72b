import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../../shared/entry-log/entry-log.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream/jetstream.ts";
import { allSubjects, encodeSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { findServer, getServersCommand } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import type { Bench, Measurement } from "./measurement.ts";
import { percentile, timed } from "./stopwatch.ts";

/** What the entry log does with a catalogue; JetStream with a real nats-server, if that is built. */
export const entryLog: Measurement = {
  name: "entry-log",
  about: "publish, snapshot and change latency, embedded and JetStream",
  async run(bench) {
    const entries = bench.quick ? 500 : 10_000;
    const { signal } = new AbortController();
    {
      await using log = new EmbeddedEntryLog();
      await measure("embedded", log, log, entries, bench, signal);
    }
    if (findServer("nats-server") === undefined) {
      bench.note(`JetStream's entry log is left out: nats-server is not built here (${getServersCommand})`);
      return;
    }
    await using server = await startNats();
    const logger = createLogger("bench");
    logger.level = "warn";
    const options = { servers: [server.url], name: "bench", log: logger, signal };
    await using publisher = await JetStreamEntryLog.connect(options);
    await using reader = await JetStreamEntryLog.connect(options);
    await measure("jetstream", publisher, reader, entries, bench, signal);
  },
};

async function measure(
  implementation: string,
  publisher: EntryLog,
  readerLog: EntryLog,
  entries: number,
  { report, progress }: Bench,
  signal: AbortSignal,
): Promise<void> {
  const records = catalogue(entries, 1);
  const entryKb = ((records[0]?.data?.length ?? 0) / 1000).toFixed(1);
  const size = `${entries.toLocaleString("en")} of ${entryKb} KB`;
  const row = (what: string, figure: number, unit: string) =>
    report({ what: `entry log, ${implementation}: ${what}`, size, figure, unit });
  const rate = ({ ms }: { readonly ms: number }) => entries / ms * 1000;

  progress(`${implementation}: publishing`);
  row(
    "publish, first",
    rate(await timed(() => publisher.publish(catalogue(entries, 0), signal))),
    "entries/s",
  );
  for (let round = 0; round < 2; round++) await publisher.publish(records, signal);
  const warm = await timed(() => publisher.publish(records, signal));
  row("publish, warm", rate(warm), "entries/s");
  row("publish, warm", warm.cpuMs, "CPU ms of ours");

  progress(`${implementation}: reading`);
  const snapshot = await timed(() => untilCaughtUp(readerLog, signal));
  row("snapshot to caught-up", rate(snapshot), "entries/s");
  row("snapshot to caught-up", snapshot.ms, "ms");
  const readBack = await timed(async () => {
    let count = 0;
    for await (const _entry of readerLog.readBack(allSubjects, signal)) count++;
    return count;
  });
  row("read back", rate(readBack), "entries/s");

  progress(`${implementation}: following changes`);
  const changes = await measureChanges(publisher, readerLog, records.slice(0, 500), signal);
  row("change to reader, p50", percentile(changes, 0.5), "ms");
  row("change to reader, p99", percentile(changes, 0.99), "ms");
}

/** About 1.3 KB each, as a service with ten endpoints has. */
function catalogue(entries: number, version: number): LogRecord[] {
  const encoder = new TextEncoder();
  return Array.from({ length: entries }, (_, index) => ({
    subject: encodeSubject({
      kind: "ServiceEntry",
      registry: "eureka",
      source: "bench",
      namespace: "default",
      name: `service-${index}`,
    }),
    data: encoder.encode(JSON.stringify({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: `service-${index}`, namespace: "default", annotations: { version: String(version) } },
      spec: {
        hosts: [`service-${index}.example`],
        ports: [{ name: "http", number: 80, protocol: "HTTP" }],
        endpoints: Array.from({ length: 10 }, (_, endpoint) => ({
          address: `10.${(index >> 8) & 255}.${index & 255}.${endpoint}`,
          ports: { http: 8080 + ((index * 7 + endpoint) % 900) },
          labels: { zone: `zone-${endpoint % 3}`, version: `v${version}`, cluster: "blue" },
        })),
      },
    })),
  }));
}

async function untilCaughtUp(log: EntryLog, signal: AbortSignal): Promise<void> {
  for await (const event of log.follow(allSubjects, signal)) {
    if (event.type === "caught-up") return;
  }
}

/** One change after the other: how long each takes to a reader that has caught up. */
async function measureChanges(
  publisher: EntryLog,
  readerLog: EntryLog,
  records: readonly LogRecord[],
  signal: AbortSignal,
): Promise<number[]> {
  const latencies: number[] = [];
  let next = 0;
  let publishedMs = 0;
  let publishing: Promise<unknown> = Promise.resolve();
  const publishNext = () => {
    const record = records[next++];
    publishedMs = performance.now();
    if (record !== undefined) publishing = publisher.publish([record], signal);
  };
  let live = false;
  for await (const event of readerLog.follow(allSubjects, signal)) {
    if (live) latencies.push(performance.now() - publishedMs);
    if (event.type === "caught-up") live = true;
    if (latencies.length === records.length) break;
    if (live) {
      await publishing;
      publishNext();
    }
  }
  await publishing;
  return latencies;
}
