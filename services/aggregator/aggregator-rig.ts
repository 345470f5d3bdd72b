import { pino } from "pino";
import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { LogRecord } from "../../shared/entry-log/entry-log.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { leaseSubject } from "../../shared/model/collector-lease.ts";
import type { CollectorLease } from "../../shared/model/collector-lease.ts";
import { startAggregator } from "./aggregator.ts";
import type { AggregatorOptions } from "./aggregator.ts";

/**
 * An aggregator in this process with an Eureka source, until the test ends; `file` and `options` replace what else it
 * has. Logs that the options bring stay open.
 */
export async function start(
  file: Readonly<Record<string, unknown>> = {},
  options: Partial<AggregatorOptions> = {},
) {
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  const end = async () => {
    stop.abort();
    await stack.disposeAsync();
  };
  onTestFinished(end);
  const given = {
    eurekaSource: { enabled: true, address: ["http://127.0.0.1:1/eureka"], waitTime: "1h" },
    mcp: { serverUrl: "xds://127.0.0.1:0" },
    http: { address: "127.0.0.1:0" },
    virtualAddresses: { mode: "never" },
    ...file,
  };
  const { config, environment } = loadConfig(JSON.stringify(given), { env: {}, fileName: "test.yaml" });
  const messages: string[] = [];
  const log = pino({ level: "info" }, { write: (line) => void messages.push(line) });
  const { entryLog = stack.use(new EmbeddedEntryLog()), collectors = embeddedBucket("collectors") } = options;
  if (options.collectors === undefined) stack.use(collectors.bucket);
  const aggregator = await startAggregator(
    { config, environment, metrics: new Registry(), ...options, entryLog, collectors },
    {
      log,
      signal: stop.signal,
      use: <T extends AsyncDisposable | Disposable>(resource: T) => stack.use(resource),
    },
  );
  stack.defer(() => aggregator.finished);
  const { url } = aggregator.http;
  return {
    aggregator,
    entryLog,
    collectors,
    /** Stops it before the end of the test. */
    stop: end,
    /** Lines of the log that have the text. */
    logged: (text: string) => messages.filter((line) => line.includes(text)),
    get: async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return { status: response.status, text: await response.text() };
    },
    post: async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${url}${path}`, { method: "POST", headers });
      const body: unknown = await response.json();
      return { status: response.status, body };
    },
    publish: async (...records: readonly LogRecord[]) => {
      await entryLog.publish(records, new AbortController().signal);
    },
    /** A collector gives a sign of life. */
    renew: async (lease: CollectorLease) => {
      const { bucket, root } = collectors;
      const subject = leaseSubject(root, lease.registry, lease.source, lease.member);
      const record = { subject, data: Buffer.from(JSON.stringify(lease)) };
      await bucket.publish([record], new AbortController().signal);
    },
  };
}
