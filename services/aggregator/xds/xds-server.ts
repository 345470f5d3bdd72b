import type { Logger } from "../../../shared/runtime/log.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import type { ResourceCache } from "../cache.ts";
import { Catalogue } from "../catalogue.ts";
import { ResponseFrames } from "../encode/response-frames.ts";
import { GrpcStatus } from "../grpc/grpc-call.ts";
import type { CallHandler, GrpcCall } from "../grpc/grpc-call.ts";
import { GrpcServer } from "../grpc/grpc-server.ts";
import type { Transport } from "../grpc/transport.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { SyncGate } from "../sync-gate.ts";
import { ClientStream } from "./client-stream.ts";
import type { DialectContext } from "./dialects.ts";
import type { ListenerProfile } from "./listener.ts";
import { ResponseBuilder } from "./response-builder.ts";

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
  /** Where to listen, for example `0.0.0.0:16010`; port 0 takes a free one. */
  readonly address: string;
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
  /** What this listener shows and speaks; absent: everything, and what each client wants. */
  readonly listener?: Partial<ListenerProfile>;
}

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

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
  readonly #listener: ListenerProfile;
  readonly #responses: ResponseBuilder;
  readonly #dialects: DialectContext;
  readonly #clients = new Set<ClientStream>();
  readonly #stopListening: () => void;
  readonly #zombieTimer: NodeJS.Timeout | undefined;
  #grpc: GrpcServer | undefined;
  #lastId = 0;
  #pushScheduled = false;

  private constructor(options: XdsServerOptions) {
    const { cache, gate, controlPlane, minPushIntervalMs } = options;
    this.#options = options;
    this.#protocol = { ...defaultProtocolSettings, ...options.protocol };
    this.#listener = {
      name: options.address,
      dialect: "auto",
      incPush: this.#protocol.enableIncPush,
      revision: "",
      namespaces: [],
      registries: [],
      shard: undefined,
      ...options.listener,
    };
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
      this.#schedulePush();
    });
    if (cleanZombieInterval > 0) {
      this.#zombieTimer = setInterval(() => this.forgetAcknowledged(), cleanZombieInterval).unref();
    }
    void gate.opened.then(() => this.#schedulePush());
  }

  /**
   * Starts to listen.
   * @throws MeshError `address-in-use` if the port is taken.
   */
  static async listen(options: XdsServerOptions): Promise<XdsServer> {
    const { address, transport } = options;
    const server = new XdsServer(options);
    const methods = new Map([
      [`${service}/StreamAggregatedResources`, (call: GrpcCall) => server.#accept(call, "stream")],
      [`${service}/DeltaAggregatedResources`, (call: GrpcCall) => server.#accept(call, "delta")],
    ]);
    try {
      server.#grpc = await GrpcServer.listen({ address, methods, transport });
    } catch (error) {
      server.#stop();
      throw error;
    }
    return server;
  }

  /** Where it listens, with the real port. */
  get address(): string {
    return this.#grpc?.address ?? this.#options.address;
  }

  /** The clients that are connected now. */
  get clients(): Iterable<ClientStream> {
    return this.#clients;
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

  #accept(call: GrpcCall, method: "stream" | "delta"): CallHandler {
    const { log, metrics, cache } = this.#options;
    const client = new ClientStream(++this.#lastId, call.peer, method, {
      dialects: this.#dialects,
      listener: this.#listener,
      send: (message) => call.send(message),
      drop: (reason) => call.drop(GrpcStatus.unavailable, reason),
      log,
      metrics,
      ackTimeoutMs: this.#protocol.ackTimeout,
    });
    this.#clients.add(client);
    this.#countClients();
    log.info({ address: client.address }, "xDS client connected");
    return {
      onMessage: (bytes) => {
        const isFirst = client.dialect === undefined;
        client.onMessage(bytes);
        if (isFirst) this.#countClients();
      },
      onClose: (reason) => {
        this.#clients.delete(client);
        client.close();
        cache.keepViews(Array.from(this.#clients, ({ view }) => view));
        this.#countClients();
        log.info({ client: client.nodeId, address: client.address, reason }, "xDS client left");
      },
    };
  }

  #countClients(): void {
    this.#options.metrics.countClients(Array.from(this.#clients, ({ dialect }) => dialect));
  }

  /** Many changes of one turn of the event loop make one push. */
  #schedulePush(): void {
    if (this.#pushScheduled) return;
    this.#pushScheduled = true;
    setImmediate(() => {
      this.#pushScheduled = false;
      if (!this.#options.gate.open) return;
      for (const client of this.#clients) client.onChange();
    });
  }

  #stop(): void {
    this.#stopListening();
    clearInterval(this.#zombieTimer);
  }

  /** Ends all streams with a status; clients reconnect elsewhere or later and keep what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#grpc?.[Symbol.asyncDispose]();
  }
}
