import { lastSequence, RunningSource } from "../../shared/collector/source-rig.ts";
import type { SourceRigOptions } from "../../shared/collector/source-rig.ts";
import type { SourceCollector } from "../../shared/collector/source-collector.ts";
import type { SourcePublisher } from "../../shared/collector/source-publisher.ts";
import type { EntryLog } from "../../shared/entry-log/entry-log.ts";
import { TcpProxy } from "../../shared/entry-log/jetstream/tcp-proxy-rig.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import { allSubjects, decodeSubject, isBookkeepingKind } from "../../shared/model/subject.ts";
import { SimulatedZooKeeper } from "../../shared/simulators/zookeeper/server.ts";
import type { ZooKeeperTree } from "../../shared/simulators/zookeeper/tree.ts";
import { zookeeper } from "./registry.ts";
import { ZooKeeperView } from "./view/zookeeper-view.ts";

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
export interface CollectorRigOptions extends SourceRigOptions {
  /** Keys of `zookeeperSource`. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** What is there before the collector starts. */
  readonly fill?: (registry: DubboTree, server: SimulatedZooKeeper) => void;
}

/** A collector that runs, on the real publisher, with a simulated ZooKeeper. */
export class CollectorRig implements AsyncDisposable {
  readonly server: SimulatedZooKeeper;
  readonly registry: DubboTree;
  readonly collector: SourceCollector;
  readonly publisher: SourcePublisher;
  readonly entryLog: EntryLog;
  readonly view: ZooKeeperView;
  /** `host:port` of the server. */
  readonly address: string;
  readonly #running: RunningSource;
  readonly #proxy: TcpProxy | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(
    server: SimulatedZooKeeper,
    address: string,
    running: RunningSource,
    view: ZooKeeperView,
    proxy?: TcpProxy,
  ) {
    this.server = server;
    this.address = address;
    this.#proxy = proxy;
    this.registry = new DubboTree(server.tree);
    this.collector = running.collector;
    this.publisher = running.collector.publisher;
    this.entryLog = running.entryLog;
    this.view = view;
    this.#running = running;
  }

  /** Starts a server, fills it, and starts a collector of it. */
  static async start(options: CollectorRigOptions = {}): Promise<CollectorRig> {
    const server = new SimulatedZooKeeper();
    options.fill?.(new DubboTree(server.tree), server);
    const address = await server.listen("127.0.0.1:0");
    return await CollectorRig.#startAt(server, address, address, options);
  }

  /** Starts another replica on this one's server and log, with a connection of its own that {@link cutOff} cuts. */
  async startReplica(options: CollectorRigOptions = {}): Promise<CollectorRig> {
    const proxy = await TcpProxy.start(Number(this.address.split(":")[1]));
    return await CollectorRig.#startAt(
      this.server,
      this.address,
      proxy.url.replace("nats://", ""),
      options,
      proxy,
    );
  }

  static async #startAt(
    server: SimulatedZooKeeper,
    address: string,
    dialled: string,
    options: CollectorRigOptions,
    proxy?: TcpProxy,
  ): Promise<CollectorRig> {
    const source = { enabled: true, address: [dialled], ...options.source };
    const running = await RunningSource.start(zookeeper, { zookeeperSource: source }, options);
    const { view } = running.collector;
    if (!(view instanceof ZooKeeperView)) throw new TypeError("not ZooKeeper's view");
    return new CollectorRig(server, address, running, view, proxy);
  }

  /** Cuts a replica off from its registry, or ends that. */
  cutOff(cut: boolean): void {
    if (this.#proxy === undefined) throw new TypeError("not started by startReplica()");
    this.#proxy.closed = cut;
    if (cut) this.#proxy.cut();
  }

  /** Lets held losses go, as `POST /held/release` does. */
  async release(): Promise<void> {
    await this.collector.share.requestRelease("the test", new AbortController().signal);
  }

  /** Stops the collector, and waits until it has. Its server goes on. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#running[Symbol.asyncDispose]();
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#proxy === undefined) await this.server[Symbol.asyncDispose]();
    else await this.#proxy[Symbol.asyncDispose]();
  }

  /** What is published, by name of the resource, in the order of publishing. */
  async manifests(): Promise<Map<string, Manifest>> {
    const found = new Map<string, Manifest>();
    for await (const { subject, data } of this.entryLog.readBack(allSubjects, new AbortController().signal)) {
      if (isBookkeepingKind(decodeSubject(subject)?.kind)) continue;
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
    return await lastSequence(this.entryLog);
  }

  /** True once the first complete read is published. */
  get ready(): boolean {
    return this.collector.isSettled;
  }

  /** Requests that the server had so far, without pings. */
  get requests(): number {
    let sum = 0;
    for (const [op, count] of this.server.requests) if (op !== "ping") sum += count;
    return sum;
  }
}
