import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog, LogRecord } from "../../shared/entry-log/entry-log.ts";
import { JetStreamEntryLog } from "../../shared/entry-log/jetstream.ts";
import { allSubjects, encodeSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { startNats } from "../servers/nats.ts";

/** What one implementation does with a catalogue. */
export interface EntryLogFigures {
  readonly implementation: "embedded" | "jetstream";
  readonly entries: number;
  /** Bytes of one entry. */
  readonly entryBytes: number;
  /** The first publish of a fresh process, entries per second. */
  readonly publishColdPerSecond: number;
  /** Publishing everything again, entries per second. */
  readonly publishPerSecond: number;
  /** The publisher's CPU time for that, milliseconds. */
  readonly publishCpuMs: number;
  /** A new reader from its start to `caught-up`, milliseconds. */
  readonly snapshotMs: number;
  readonly readBackMs: number;
  /** From the call of `publish` to the reader's event, one change at a time, milliseconds. */
  readonly changeP50Ms: number;
  readonly changeP99Ms: number;
}

/** Measures both implementations; JetStream with a real nats-server, so that must be built. */
export async function benchEntryLog(entries = 10_000): Promise<EntryLogFigures[]> {
  const stop = new AbortController();
  const figures: EntryLogFigures[] = [];
  {
    await using log = new EmbeddedEntryLog();
    figures.push(await measure("embedded", log, log, entries, stop.signal));
  }
  await using server = await startNats();
  const logger = createLogger("bench");
  logger.level = "warn";
  const options = { servers: [server.url], name: "bench", log: logger, signal: stop.signal };
  await using publisher = await JetStreamEntryLog.connect(options);
  await using reader = await JetStreamEntryLog.connect(options);
  figures.push(await measure("jetstream", publisher, reader, entries, stop.signal));
  return figures;
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

async function measure(
  implementation: EntryLogFigures["implementation"],
  publisher: EntryLog,
  readerLog: EntryLog,
  entries: number,
  signal: AbortSignal,
): Promise<EntryLogFigures> {
  const first = catalogue(entries, 0);
  const cold = await timed(() => publisher.publish(first, signal));
  const records = catalogue(entries, 1);
  for (let round = 0; round < 2; round++) await publisher.publish(records, signal);
  const warm = await timed(() => publisher.publish(records, signal));
  const snapshot = await timed(() => untilCaughtUp(readerLog, signal));
  const readBack = await timed(async () => {
    let count = 0;
    for await (const _entry of readerLog.readBack(allSubjects, signal)) count++;
    return count;
  });
  const changes = (await measureChanges(publisher, readerLog, records.slice(0, 500), signal)).sort((a, b) =>
    a - b
  );
  return {
    implementation,
    entries,
    entryBytes: records[0]?.data?.length ?? 0,
    publishColdPerSecond: entries / (cold.ms / 1000),
    publishPerSecond: entries / (warm.ms / 1000),
    publishCpuMs: warm.cpuMs,
    snapshotMs: snapshot.ms,
    readBackMs: readBack.ms,
    changeP50Ms: changes[Math.floor(changes.length / 2)] ?? Number.NaN,
    changeP99Ms: changes[Math.floor(changes.length * 0.99)] ?? Number.NaN,
  };
}

async function timed(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
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
