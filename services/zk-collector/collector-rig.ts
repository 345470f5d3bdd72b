import { Registry } from "prom-client";
import { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { SourcePublisherOptions } from "../../shared/collector/source-publisher.ts";
import { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import { allSubjects, decodeSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { ZooKeeperClient } from "../../shared/zookeeper/client.ts";
import { SimulatedZooKeeper } from "../all-in-one/demo/zookeeper-server.ts";
import type { ZooKeeperTree } from "../all-in-one/demo/zookeeper-tree.ts";
import { ZooKeeperCollector } from "./collector.ts";

/** For polling: soon, unless the machine is busy. */
export const soon = { timeout: 15_000, interval: 2 };

/** A provider's or consumer's URL, as Dubbo registers it, encoded as the node's name. */
export function urlNode(
  scheme: string,
  address: string,
  interfaceName: string,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const query = Object.entries({ interface: interfaceName, ...parameters }).map(([key, value]) =>
    `${key}=${value}`
  );
  return encodeURIComponent(`${scheme}://${address}/${interfaceName}?${query.join("&")}`);
}

/** Changes a registry as Dubbo applications do. */
export class DubboTree {
  readonly tree: ZooKeeperTree;

  constructor(tree: ZooKeeperTree) {
    this.tree = tree;
  }

  /** Path of a provider's node; `instance` 1 has the address 10.0.0.1. */
  pathOf(interfaceName: string, instance: number, parameters: Readonly<Record<string, string>> = {}): string {
    const address = `10.0.${instance >> 8}.${instance & 255}:20880`;
    const url = urlNode("dubbo", address, interfaceName, { application: "shop", ...parameters });
    return `/dubbo/${interfaceName}/providers/${url}`;
  }

  /** Registers an instance. */
  provide(interfaceName: string, instance: number, parameters: Readonly<Record<string, string>> = {}): void {
    this.tree.ensure(this.pathOf(interfaceName, instance, parameters));
  }

  /** Takes it away. */
  withdraw(interfaceName: string, instance: number, parameters: Readonly<Record<string, string>> = {}): void {
    this.tree.delete(this.pathOf(interfaceName, instance, parameters));
  }

  /** An application says that it consumes an interface. */
  consume(interfaceName: string, application: string): void {
    const url = urlNode("consumer", "10.9.9.9", interfaceName, { application });
    this.tree.ensure(`/dubbo/${interfaceName}/consumers/${url}`);
  }
}

/** How a test's collector differs from the usual one. */
export interface CollectorRigOptions {
  /** Keys of `zookeeperSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** Where it publishes; a new log by default. */
  readonly entryLog?: EntryLog;
  readonly publisher?: Partial<SourcePublisherOptions>;
  /** What is there before the collector starts. */
  readonly fill?: (registry: DubboTree, server: SimulatedZooKeeper) => void;
}

const silentLog = createLogger("test");
silentLog.level = "silent";

/** A collector that runs, on the real publisher, with a simulated ZooKeeper. */
export class CollectorRig implements AsyncDisposable {
  readonly server: SimulatedZooKeeper;
  readonly registry: DubboTree;
  readonly entryLog: EntryLog;
  readonly publisher: SourcePublisher;
  readonly collector: ZooKeeperCollector;
  readonly metrics = new Registry();
  readonly #zooKeeper: ZooKeeperClient;
  readonly #stop = new AbortController();
  readonly #finished: Promise<void>;

  private constructor(server: SimulatedZooKeeper, address: string, options: CollectorRigOptions) {
    this.server = server;
    this.registry = new DubboTree(server.tree);
    const zookeeperSource = { enabled: true, address: [address], ...options.source };
    const { config, environment } = loadConfig(JSON.stringify({ zookeeperSource }), {
      env: {},
      fileName: "of the test",
    });
    this.entryLog = options.entryLog ?? new EmbeddedEntryLog();
    const guard = { maxShrinkPercent: 30, minEndpoints: 10, holdTimeMs: 60_000 };
    this.publisher = new SourcePublisher({
      entryLog: this.entryLog,
      registry: "zookeeper",
      source: "default",
      guard,
      keepEmptyMs: 0,
      keepsMissing: () => config.zookeeperSource.enableEmptyProtection || this.collector.isUnsure,
      log: silentLog,
      ...options.publisher,
    });
    this.#zooKeeper = new ZooKeeperClient({
      servers: [address],
      sessionTimeoutMs: config.zookeeperSource.connectionTimeout,
      maxFrameBytes: config.zookeeperSource.maxFrameBytes,
    });
    this.collector = new ZooKeeperCollector({
      source: config.zookeeperSource,
      profile: config.profile,
      environment,
      guard: options.publisher?.guard ?? guard,
      zooKeeper: this.#zooKeeper,
      publisher: this.publisher,
      metrics: new CollectorMetrics(this.metrics, "zookeeper"),
      log: silentLog,
      signal: this.#stop.signal,
    });
    this.#finished = this.collector.run(this.#stop.signal);
  }

  /** Starts a server, fills it, and starts a collector of it. */
  static async start(options: CollectorRigOptions = {}): Promise<CollectorRig> {
    const server = new SimulatedZooKeeper();
    options.fill?.(new DubboTree(server.tree), server);
    return new CollectorRig(server, await server.listen("127.0.0.1:0"), options);
  }

  /** Stops the collector, and waits until it has. Its server goes on. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#finished;
    await this.#zooKeeper[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.publisher[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }

  /** What is published, by name of the resource, in the order of publishing. */
  async manifests(): Promise<Map<string, Manifest>> {
    const found = new Map<string, Manifest>();
    for await (const { subject, data } of this.entryLog.readBack(allSubjects, new AbortController().signal)) {
      if (decodeSubject(subject)?.kind === "SyncMarker") continue;
      const manifest = Manifest.parse(JSON.parse(Buffer.from(data).toString("utf8")));
      found.set(manifest.metadata.name, manifest);
    }
    return found;
  }

  /** The last parts of the published addresses by host: `{"com.acme.order-service": "1 2"}`. */
  async endpoints(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const manifest of (await this.manifests()).values()) {
      if (manifest.kind !== "ServiceEntry") continue;
      const numbers = (manifest.spec.endpoints ?? []).map(({ address = "" }) =>
        Number(address.split(".").at(-1))
      );
      found[manifest.spec.hosts[0] ?? ""] = numbers.sort((a, b) => a - b).join(" ");
    }
    return found;
  }

  /** The last sequence of the log: it grows with everything that is published. */
  async lastSequence(): Promise<number> {
    let last = 0;
    for await (const { sequence } of this.entryLog.readBack(allSubjects, new AbortController().signal)) {
      last = Math.max(last, sequence);
    }
    return last;
  }

  /** True once the first complete read is published. */
  get ready(): boolean {
    return !this.publisher.needsCompleteRead;
  }

  /** Requests that the server had so far, without pings. */
  get requests(): number {
    let sum = 0;
    for (const [op, count] of this.server.requests) if (op !== "ping") sum += count;
    return sum;
  }
}
