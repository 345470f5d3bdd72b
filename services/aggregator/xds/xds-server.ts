import { errorText } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import { oncePerTurn } from "../../../shared/runtime/once-per-turn.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import { Catalogue } from "../catalogue/catalogue.ts";
import type { CatalogueView } from "../catalogue/catalogue-view.ts";
import { isRetired } from "../catalogue/shards.ts";
import { ResponseFrames } from "../output-stage/encode/response-frames.ts";
import { GrpcStatus } from "../grpc/grpc-call.ts";
import type { CallHandler, GrpcCall } from "../grpc/grpc-call.ts";
import { GrpcServer } from "../grpc/grpc-server.ts";
import type { GrpcMethods } from "../grpc/grpc-server.ts";
import type { Transport } from "../grpc/transport.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { SyncGate } from "../ingest/sync-gate.ts";
import { ClientStream } from "./client-stream.ts";
import type { DialectContext } from "./dialects.ts";
import type { ListenerOptions, ListenerProfile } from "./listener.ts";
import type { PushTraces } from "./push-traces.ts";
import { ResponseBuilder } from "./response-builder.ts";
import { ShardGroups } from "./shard-groups.ts";

/** How the protocols behave; the defaults are those of the configuration (`xds`, `mcp`). Times in milliseconds. */
export interface ProtocolSettings {
  /** Largest Delta or incremental message; a single larger resource is sent alone. */
  readonly maxMessageBytes: number;
  /** A client that leaves a response unacknowledged for longer is dropped; 0: never. */
  readonly ackTimeout: number;
  /** How long a refused resource isn't sent again to the client that refused it. */
  readonly nackBackoff: number;
  /** Period in which deletions are forgotten that every client has acknowledged; 0: never. */
  readonly cleanZombieInterval: number;
  /** Whether clients that don't say otherwise are served the incremental dialect of istio-mcp. */
  readonly enableIncPush: boolean;
}

export const defaultProtocolSettings: ProtocolSettings = {
  maxMessageBytes: 4 * 1024 * 1024,
  ackTimeout: 5 * 60_000,
  nackBackoff: 10_000,
  cleanZombieInterval: 0,
  enableIncPush: false,
};

/** What the server serves, and how. */
export interface XdsServerOptions {
  /** Where to listen, and what to show there. */
  readonly listeners: readonly ListenerOptions[];
  /** Limits and certificates, shared by all listeners. */
  readonly transport: Transport;
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  /** Identifies this replica in every response. */
  readonly controlPlane: string;
  readonly minPushIntervalMs: number;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
  /** What differs from {@link defaultProtocolSettings}. */
  readonly protocol?: Partial<ProtocolSettings>;
  /** Absent: changes aren't traced. */
  readonly traces?: PushTraces | undefined;
  /** Further methods on every listener: health, reflection. */
  readonly moreMethods?: GrpcMethods;
}

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

/**
 * So many different views may be in use: for the filters that clients bring, and for each listener (of a shard: what it
 * shows to istiods that have come to different others).
 */
const spareViews = 64;
const viewsPerListener = 16;

/** Room for a message's head and tail beside its resources. */
const frameBytes = 1024;

/**
 * The xDS server: state of the world and the incremental dialect over `StreamAggregatedResources`, the Delta protocol
 * over `DeltaAggregatedResources`. It listens from the start, so that istiod can connect, and answers for our own kinds
 * once the gate is open.
 */
export class XdsServer implements AsyncDisposable {
  readonly #options: XdsServerOptions;
  readonly #protocol: ProtocolSettings;
  readonly #responses: ResponseBuilder;
  readonly #dialects: DialectContext;
  readonly #clients = new Set<ClientStream>();
  readonly #shards: ShardGroups;
  readonly #stopListening: () => void;
  readonly #zombieTimer: NodeJS.Timeout | undefined;
  #servers: GrpcServer[] = [];
  #lastId = 0;
  /** By kind: when it changed for the first time since the last push, by `performance.now()`. */
  #changedAt = new Map<ResourceKind, number>();
  /** Many changes of one turn of the event loop make one push. */
  readonly #schedulePush = oncePerTurn(() => {
    const changed = this.#changedAt;
    this.#changedAt = new Map();
    if (!this.#options.gate.open) return;
    for (const client of this.#clients) client.onChange(changed);
  });

  /** Gives up what was prepared for views without clients. */
  readonly #forgetViews = oncePerTurn(() => {
    const views = Array.from(this.#clients, ({ view }) => view);
    this.#options.cache.keepViews(views);
    this.#responses.keepViews(views);
  });

  private constructor(options: XdsServerOptions) {
    const { cache, gate, controlPlane, minPushIntervalMs } = options;
    this.#options = options;
    this.#protocol = { ...defaultProtocolSettings, ...options.protocol };
    const shards = options.listeners.map(({ shard }) => shard).filter((shard) => shard !== undefined);
    const retired = shards.filter(isRetired).length;
    this.#shards = new ShardGroups(shards.length - retired, retired, options.log);
    this.#responses = new ResponseBuilder(cache, controlPlane);
    const { maxMessageBytes, nackBackoff, cleanZombieInterval } = this.#protocol;
    const maxPartBytes = Math.max(maxMessageBytes - frameBytes, 1);
    const isOpen = () => gate.open;
    this.#dialects = {
      responses: this.#responses,
      frames: new ResponseFrames(controlPlane),
      catalogue: new Catalogue(cache, isOpen, maxPartBytes),
      isOpen,
      limits: { maxMessageBytes: maxPartBytes, nackBackoffMs: nackBackoff },
      minPushIntervalMs,
    };
    this.#stopListening = cache.onChange((kind) => {
      this.#responses.invalidate(kind);
      if (!this.#changedAt.has(kind)) this.#changedAt.set(kind, performance.now());
      this.#schedulePush();
    });
    if (cleanZombieInterval > 0) {
      this.#zombieTimer = setInterval(() => this.forgetAcknowledged(), cleanZombieInterval).unref();
    }
    void gate.opened.then(() => this.#schedulePush());
  }

  /**
   * Starts to listen, except on optional listeners ({@link openOptional}).
   * @throws MeshError `address-in-use` if a port is taken.
   */
  static async listen(options: XdsServerOptions): Promise<XdsServer> {
    const server = new XdsServer(options);
    const required = options.listeners.filter(({ isOptional }) => isOptional !== true);
    const started = await Promise.allSettled(required.map((listener) => server.#listen(listener)));
    server.#servers = started.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
    const failed = started.find((each) => each.status === "rejected");
    if (failed === undefined) return server;
    await server[Symbol.asyncDispose]();
    throw failed.reason;
  }

  /**
   * Starts to listen on the optional listeners, when everything else that this process listens on has its port. One
   * whose port is taken is left out with a warning.
   */
  async openOptional(): Promise<void> {
    const { listeners, log } = this.#options;
    for (const listener of listeners) {
      if (listener.isOptional !== true) continue;
      try {
        this.#servers.push(await this.#listen(listener));
      } catch (error) {
        log.warn(
          { listener: listener.address, reason: errorText(error) },
          "the port of a former shard can't be kept; an istiod with a source there shows deleted services",
        );
      }
    }
  }

  async #listen(options: ListenerOptions): Promise<GrpcServer> {
    const { transport, moreMethods = new Map() } = this.#options;
    const profile: ListenerProfile = {
      name: options.address,
      dialect: "auto",
      incPush: this.#protocol.enableIncPush,
      revision: "",
      namespaces: [],
      registries: [],
      shard: undefined,
      trustsShards: false,
      ...options,
    };
    const methods: GrpcMethods = new Map([
      ...moreMethods,
      [`${service}/StreamAggregatedResources`, (call: GrpcCall) => this.#accept(call, "stream", profile)],
      [`${service}/DeltaAggregatedResources`, (call: GrpcCall) => this.#accept(call, "delta", profile)],
    ]);
    return await GrpcServer.listen({ address: options.address, methods, transport });
  }

  /** Where the listeners are, with their real ports. */
  get addresses(): readonly string[] {
    return this.#servers.map(({ address }) => address);
  }

  /** The clients that are connected now. */
  get clients(): Iterable<ClientStream> {
    return this.#clients;
  }

  /** By node id: how many streams an istiod has to ports of shards that are gone (`xds.formerShards`). */
  get surplusSources(): ReadonlyMap<string, number> {
    return this.#shards.surplus;
  }

  /**
   * Forgets the changes, deletions among them, that every client has acknowledged; without a client, all of them. One
   * that has acknowledged nothing yet keeps them all.
   */
  forgetAcknowledged(): void {
    const { cache } = this.#options;
    for (const kind of resourceKinds) {
      let number = cache.head(kind);
      for (const client of this.#clients) number = Math.min(number, client.confirmedChange(kind) ?? number);
      cache.forgetChanges(kind, number);
    }
  }

  #accept(call: GrpcCall, method: "stream" | "delta", listener: ListenerProfile): CallHandler {
    const { cache, log, metrics, traces } = this.#options;
    const client = new ClientStream(++this.#lastId, call.peer, method, {
      dialects: this.#dialects,
      listener,
      send: (message) => call.send(message),
      drop: (reason) => call.drop(GrpcStatus.unavailable, reason),
      log,
      metrics,
      traces: traces?.client(),
      ackTimeoutMs: this.#protocol.ackTimeout,
      head: (kind) => cache.head(kind),
      onShardClient: (shardClient, index) => this.#shards.join(shardClient, index),
      hasRoomFor: (view) => this.#hasRoomFor(view, call.peer),
      onViewChange: this.#forgetViews,
    });
    this.#clients.add(client);
    this.#countClients();
    log.info({ address: client.address }, "xDS client connected");
    return {
      onMessage: (bytes) => {
        const isFirst = client.dialect === undefined;
        client.onMessage(bytes);
        if (isFirst) this.#countClients();
        if (listener.shard !== undefined) this.#shards.acknowledge(client);
      },
      onClose: (reason) => {
        this.#clients.delete(client);
        client.close();
        this.#shards.leave(client);
        this.#forgetViews();
        this.#countClients();
        log.info({ client: client.nodeId, address: client.address, reason }, "xDS client left");
      },
    };
  }

  /** Views cost memory: an index of what they show, and of parts a copy of the bytes. */
  #hasRoomFor(view: CatalogueView, peer: string): boolean {
    const { listeners, transport } = this.#options;
    const used = new Set(Array.from(this.#clients, (client) => client.view.key));
    if (used.has(view.key) || used.size < spareViews + viewsPerListener * listeners.length) return true;
    transport.refusals.add(
      "too-many-views",
      peer,
      `${used.size} different views of the catalogue are in use: a client with a further one isn't served it`,
    );
    return false;
  }

  #countClients(): void {
    const { metrics } = this.#options;
    metrics.countClients(Array.from(this.#clients, ({ dialect }) => dialect));
    metrics.surplusSources.set(this.surplusSources.values().reduce((sum, count) => sum + count, 0));
  }

  #stop(): void {
    this.#stopListening();
    clearInterval(this.#zombieTimer);
    this.#shards[Symbol.dispose]();
  }

  /** Ends all streams with a status; clients reconnect elsewhere or later and keep what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
