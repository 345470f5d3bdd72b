import { expect, onTestFinished, vi } from "vitest";
import {
  addressesOf,
  entryOf,
  publishedAddresses,
  publishedEntries,
} from "../../shared/collector/published-rig.ts";
import type { SourceCollector } from "../../shared/collector/source-collector.ts";
import { RunningSource } from "../../shared/collector/source-rig.ts";
import type { SourceRigOptions } from "../../shared/collector/source-rig.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { allSubjects } from "../../shared/model/subject.ts";
import type { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import { nacosBelieving } from "./registry.ts";
import type { BeliefTimes } from "./view/belief.ts";

/** How a test's collector differs from the usual one. */
export interface CollectorRigOptions extends SourceRigOptions {
  /** Keys of `nacosSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  readonly times?: Partial<BeliefTimes>;
}

/** For waiting: a loaded machine takes its time. */
const patient = { timeout: 60_000, interval: 10 };

/** A collector that runs, on the real publisher, with periods short enough to wait for. */
export class CollectorRig {
  readonly entryLog: EntryLog;
  readonly collector: SourceCollector;
  readonly #running: RunningSource;
  #stopped: Promise<void> | undefined;

  private constructor(running: RunningSource) {
    this.#running = running;
    this.entryLog = running.entryLog;
    this.collector = running.collector;
  }

  /** Starts a collector of one cluster; it ends with the test. */
  static async start(
    servers: readonly (SimulatedNacos | string)[],
    options: CollectorRigOptions = {},
  ): Promise<CollectorRig> {
    const kind = nacosBelieving({ settleMs: 300, spreadMs: 100, ...options.times });
    const nacosSource = {
      enabled: true,
      address: servers.map((server) => `http://${typeof server === "string" ? server : server.address}`),
      mode: "watching",
      refreshPeriod: "50ms",
      nsHost: false,
      ...options.source,
    };
    const rig = new CollectorRig(await RunningSource.start(kind, { nacosSource }, options));
    onTestFinished(() => rig.stop());
    return rig;
  }

  /** Stops the collector, and waits until it has. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#running[Symbol.asyncDispose]();
    await this.#stopped;
  }

  /** What is published, by name. */
  async manifests(): Promise<Map<string, ServiceEntryManifest>> {
    return await publishedEntries(this.entryLog);
  }

  /** The last parts of the published addresses by service: `{orders: "1 2"}`. */
  async endpoints(): Promise<Record<string, string>> {
    return await publishedAddresses(this.entryLog);
  }

  /** Waits until this is published, and nothing else. */
  async publishes(endpoints: Readonly<Record<string, string>>): Promise<void> {
    await vi.waitFor(async () => expect(await this.endpoints()).toEqual(endpoints), patient);
  }

  /** Records every state of a service that is published from now on: the last parts of its addresses. */
  follow(name: string): readonly string[] {
    const seen: string[] = [];
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    void (async () => {
      for await (const event of this.entryLog.follow(allSubjects, stop.signal)) {
        if (event.type !== "put") continue;
        const entry = entryOf(event.data);
        if (entry?.metadata.name === name) seen.push(addressesOf(entry));
      }
    })();
    return seen;
  }

  /** Waits until all is read and published. */
  async settled(): Promise<void> {
    await vi.waitFor(() => expect(this.collector.isSettled).toBe(true), patient);
  }

  /** Waits until a condition holds. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    await vi.waitFor(async () => expect(await holds()).toBe(true), patient);
  }

  /** Instances that are kept against what Nacos says. */
  get doubts(): number {
    return this.collector.view.status().connections.reduce(
      (sum, one) => sum + ("doubtfulInstances" in one ? Number(one.doubtfulInstances) : 0),
      0,
    );
  }

  /** Why records can't be used, by place. */
  get problems(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.collector.records.shown);
  }
}
