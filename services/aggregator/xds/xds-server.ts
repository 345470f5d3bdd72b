import { fromBinary } from "@bufbuild/protobuf";
import { DiscoveryRequestSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ResourceCache } from "../cache.ts";
import type { CallHandler, GrpcCall } from "../grpc/grpc-call.ts";
import { GrpcServer } from "../grpc/grpc-server.ts";
import type { Transport } from "../grpc/transport.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { SyncGate } from "../sync-gate.ts";
import { ClientStream } from "./client-stream.ts";
import { ResponseBuilder } from "./response-builder.ts";

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
}

const streamMethod = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/**
 * The xDS server: state of the world over `StreamAggregatedResources`. It listens from the start, so that istiod can
 * connect, and answers for our own kinds once the gate is open.
 */
export class XdsServer implements AsyncDisposable {
  readonly #options: XdsServerOptions;
  readonly #responses: ResponseBuilder;
  readonly #clients = new Set<ClientStream>();
  readonly #stopListening: () => void;
  #grpc: GrpcServer | undefined;
  #lastId = 0;
  #pushScheduled = false;

  private constructor(options: XdsServerOptions) {
    this.#options = options;
    this.#responses = new ResponseBuilder(options.cache, options.controlPlane);
    this.#stopListening = options.cache.onChange((kind) => {
      this.#responses.invalidate(kind);
      this.#schedulePush();
    });
    void options.gate.opened.then(() => this.#schedulePush());
  }

  /**
   * Starts to listen.
   * @throws MeshError `address-in-use` if the port is taken.
   */
  static async listen(options: XdsServerOptions): Promise<XdsServer> {
    const server = new XdsServer(options);
    const methods = new Map([[streamMethod, (call: GrpcCall) => server.#accept(call)]]);
    try {
      server.#grpc = await GrpcServer.listen({ address: options.address, methods, transport: options.transport });
    } catch (error) {
      server.#stopListening();
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

  #accept(call: GrpcCall): CallHandler {
    const { gate, log, metrics, minPushIntervalMs } = this.#options;
    const client = new ClientStream(++this.#lastId, call.peer, {
      responses: this.#responses,
      isOpen: () => gate.open,
      send: (message) => call.send(message),
      log,
      metrics,
      minPushIntervalMs,
    });
    this.#clients.add(client);
    metrics.clients.set(this.#clients.size);
    log.info({ address: client.address }, "xDS client connected");
    return {
      onMessage: (bytes) => client.onRequest(fromBinary(DiscoveryRequestSchema, bytes)),
      onClose: (reason) => {
        this.#clients.delete(client);
        client.close();
        metrics.clients.set(this.#clients.size);
        log.info({ client: client.nodeId, address: client.address, reason }, "xDS client left");
      },
    };
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

  /** Ends all streams with a status; clients reconnect elsewhere or later and keep what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    await this.#grpc?.[Symbol.asyncDispose]();
  }
}
