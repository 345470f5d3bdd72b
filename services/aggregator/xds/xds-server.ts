import { fromBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { DiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { DiscoveryRequestSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { errorText, MeshError } from "../../../shared/runtime/errors.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { ResourceCache } from "../cache.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { SyncGate } from "../sync-gate.ts";
import { ClientStream } from "./client-stream.ts";
import { ResponseBuilder } from "./response-builder.ts";

/** What the server serves, and how. */
export interface XdsServerOptions {
  /** Where to listen, for example `0.0.0.0:16010`; port 0 takes a free one. */
  readonly address: string;
  readonly cache: ResourceCache;
  readonly gate: SyncGate;
  /** Identifies this replica in every response. */
  readonly controlPlane: string;
  readonly minPushIntervalMs: number;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
}

/** envoy.service.discovery.v3.AggregatedDiscoveryService; responses come encoded, so serializing is the identity. */
const service = {
  StreamAggregatedResources: {
    path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    requestStream: true,
    responseStream: true,
    requestSerialize: (): Buffer => {
      throw new TypeError("A server sends no requests");
    },
    requestDeserialize: (bytes: Buffer): DiscoveryRequest => fromBinary(DiscoveryRequestSchema, bytes),
    responseSerialize: (message: Uint8Array): Buffer =>
      Buffer.from(message.buffer, message.byteOffset, message.byteLength),
    responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
  },
} as const;

/**
 * The gRPC skin of the xDS server: state of the world over `StreamAggregatedResources`. It listens from the start, so
 * that istiod can connect, and answers for our own kinds once the gate is open.
 */
export class XdsServer implements AsyncDisposable {
  readonly #options: XdsServerOptions;
  readonly #responses: ResponseBuilder;
  readonly #clients = new Set<ClientStream>();
  readonly #server = new grpc.Server({
    // istiod pings an open stream every 30 s; a peer that is gone without a word is noticed by our own pings.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.max_send_message_length": -1,
  });
  readonly #stopListening: () => void;
  #lastId = 0;
  #pushScheduled = false;
  #address = "";

  private constructor(options: XdsServerOptions) {
    this.#options = options;
    this.#responses = new ResponseBuilder(options.cache, options.controlPlane);
    this.#server.addService(service, {
      StreamAggregatedResources: (call: grpc.ServerDuplexStream<DiscoveryRequest, Uint8Array>) =>
        this.#accept(call),
    });
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
    await server.#bind();
    return server;
  }

  /** Where it listens, with the real port. */
  get address(): string {
    return this.#address;
  }

  /** The clients that are connected now. */
  get clients(): Iterable<ClientStream> {
    return this.#clients;
  }

  #bind(): Promise<void> {
    const { address } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) {
          this.#address = address.replace(/:\d+$/, `:${port}`);
          resolve();
          return;
        }
        reject(
          new MeshError(
            "address-in-use",
            `Cannot listen for xDS on ${address}: ${
              errorText(error)
            }; stop what listens there, or set --xds or mcp.serverUrl`,
          ),
        );
      });
    });
  }

  #accept(call: grpc.ServerDuplexStream<DiscoveryRequest, Uint8Array>): void {
    const { gate, log, metrics, minPushIntervalMs } = this.#options;
    const client = new ClientStream(++this.#lastId, call.getPeer(), {
      responses: this.#responses,
      isOpen: () => gate.open,
      send: (message) => call.write(message),
      log,
      metrics,
      minPushIntervalMs,
    });
    this.#clients.add(client);
    metrics.clients.set(this.#clients.size);
    const leave = (reason: string) => {
      if (!this.#clients.delete(client)) return;
      client.close();
      metrics.clients.set(this.#clients.size);
      log.info({ client: client.nodeId, address: client.address, reason }, "xDS client left");
    };
    call.on("data", (request: DiscoveryRequest) => client.onRequest(request));
    call.on("end", () => {
      leave("stream ended");
      call.end();
    });
    call.on("cancelled", () => leave("cancelled"));
    call.on("error", (error) => leave(errorText(error)));
    log.info({ address: client.address }, "xDS client connected");
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
    for (const client of this.#clients) client.close();
    this.#clients.clear();
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const force = setTimeout(() => this.#server.forceShutdown(), 500);
    await closed;
    clearTimeout(force);
  }
}
