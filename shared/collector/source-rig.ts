import { Registry } from "prom-client";
import { loadConfig } from "../config/mod.ts";
import { EmbeddedEntryLog } from "../entry-log/embedded.ts";
import type { EntryLog } from "../entry-log/entry-log.ts";
import type { FactsFollower } from "../facts/facts-follower.ts";
import type { Bucket } from "../entry-log/open-entry-log.ts";
import { allSubjects } from "../model/subject.ts";
import { createLogger } from "../runtime/log.ts";
import type { Logger } from "../runtime/log.ts";
import type { RegistryKind } from "./registry.ts";
import { SourceCollector } from "./source-collector.ts";
import { memberName } from "./member-name.ts";

/** How a test's collector differs from the usual one. */
export interface SourceRigOptions {
  /** Where it publishes; a new log by default. */
  readonly entryLog?: EntryLog;
  /** Where its replicas meet; a new bucket by default. */
  readonly bucket?: Bucket;
  /** Keys of the configuration beside the source's. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly log?: Logger;
  /** What is known of pods; nothing by default. */
  readonly facts?: FactsFollower;
}

const silentLog = createLogger("test");
silentLog.level = "silent";

/** A new bucket of this process. */
export function newBucket(): Bucket {
  return { bucket: new EmbeddedEntryLog(new Date(), "$KV.test"), root: "$KV.test" };
}

/** A source's collector that runs in the test's process: the frame with all its parts, on a log in memory. */
export class RunningSource implements AsyncDisposable {
  readonly collector: SourceCollector;
  readonly entryLog: EntryLog;
  readonly metrics: Registry;
  readonly #stop: AbortController;
  readonly #stack: AsyncDisposableStack;
  readonly #finished: Promise<void>;

  private constructor(
    collector: SourceCollector,
    entryLog: EntryLog,
    metrics: Registry,
    stop: AbortController,
    stack: AsyncDisposableStack,
  ) {
    this.collector = collector;
    this.entryLog = entryLog;
    this.metrics = metrics;
    this.#stop = stop;
    this.#stack = stack;
    this.#finished = collector.run(stop.signal);
  }

  /** Starts the only source of `sources` (in our own form of the configuration). */
  static async start(
    kind: RegistryKind,
    sources: Readonly<Record<string, unknown>>,
    options: SourceRigOptions = {},
  ): Promise<RunningSource> {
    const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTime: "60s" };
    const text = JSON.stringify({ guard, retention: { emptyServices: "0" }, ...sources, ...options.config });
    const { config, environment } = loadConfig(text, { env: {}, fileName: "of the test" });
    const { entryLog = new EmbeddedEntryLog(), bucket = newBucket(), log = silentLog } = options;
    const metrics = new Registry();
    const stop = new AbortController();
    const stack = new AsyncDisposableStack();
    const [source] = kind.sourcesOf(config);
    if (source === undefined) throw new TypeError("the configuration has no such source");
    const environmentOf = {
      config,
      environment,
      entryLog,
      bucket,
      metrics,
      member: memberName("test"),
      httpUrl: () => undefined,
      version: "0",
      facts: options.facts,
    };
    const collector = await SourceCollector.open(kind, source, environmentOf, {
      log,
      signal: stop.signal,
      use: (resource) => stack.use(resource),
    });
    return new RunningSource(collector, entryLog, metrics, stop, stack);
  }

  /** Stops the collector, and waits until it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#finished;
    await this.#stack.disposeAsync();
  }
}

/** The last sequence of a log: it grows with everything that is published. */
export async function lastSequence(entryLog: EntryLog): Promise<number> {
  let last = 0;
  for await (const { sequence } of entryLog.readBack(allSubjects, new AbortController().signal)) {
    last = Math.max(last, sequence);
  }
  return last;
}
