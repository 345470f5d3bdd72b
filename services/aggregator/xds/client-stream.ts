import type { DiscoveryRequest } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type { Logger } from "../../../shared/runtime/log.ts";
import type { MessagePieces } from "../grpc/grpc-call.ts";
import type { AggregatorMetrics } from "../metrics.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import type { SotwRequest, SotwResponse, SotwView, TypeState } from "./sotw-stream.ts";
import { SotwStream } from "./sotw-stream.ts";

/** What a stream needs from the server around it. */
export interface ClientStreamContext {
  readonly responses: ResponseBuilder;
  /** False while nothing may be answered for our own kinds. */
  readonly isOpen: () => boolean;
  /** Hands an encoded response to the transport. */
  readonly send: (message: MessagePieces) => void;
  readonly log: Logger;
  readonly metrics: AggregatorMetrics;
  readonly minPushIntervalMs: number;
}

/**
 * One connected xDS client: feeds requests and changes to the protocol state machine, and its responses to the
 * transport. Never knows gRPC.
 */
export class ClientStream {
  /** Unique in this process; two streams of one node are two clients. */
  readonly id: number;
  readonly address: string;
  readonly connectedAt = new Date();
  readonly #context: ClientStreamContext;
  readonly #protocol: SotwStream;
  #nodeId = "";
  #revision: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: number, address: string, context: ClientStreamContext) {
    this.id = id;
    this.address = address;
    this.#context = context;
    this.#protocol = new SotwStream(context.minPushIntervalMs);
  }

  /** The node id of the client, empty before its first request. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** The client's Istio revision (`ISTIO_REVISION` of its node metadata). */
  get revision(): string | undefined {
    return this.#revision;
  }

  /** The protocol state per requested type URL. */
  get types(): ReadonlyMap<string, Readonly<TypeState>> {
    return this.#protocol.types;
  }

  /** Takes in a request of the client. */
  onRequest(request: DiscoveryRequest): void {
    if (request.node !== undefined) {
      this.#nodeId = request.node.id;
      const revision = request.node.metadata?.["ISTIO_REVISION"];
      this.#revision = typeof revision === "string" && revision !== "" ? revision : undefined;
    }
    const error = request.errorDetail?.message;
    const typed: SotwRequest = {
      typeUrl: request.typeUrl,
      responseNonce: request.responseNonce,
      resourceNames: request.resourceNames,
      error,
    };
    if (error !== undefined) this.#reportNack(request.typeUrl, request.responseNonce, error);
    this.#sendAll(this.#protocol.onRequest(typed, this.#view()));
  }

  /** Sends what has changed, if the protocol allows it now. */
  onChange(): void {
    this.#sendAll(this.#protocol.onChange(this.#view()));
  }

  /** Ends the stream's own work. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #view(): SotwView {
    const { responses, isOpen } = this.#context;
    return {
      version: (kind) => isOpen() ? responses.version(kind, this.#revision) : undefined,
      nonce: (kind) => responses.nonce(kind, this.#revision),
      nowMs: performance.now(),
    };
  }

  #sendAll(toSend: readonly SotwResponse[]): void {
    for (const response of toSend) {
      const { message, resources } = this.#context.responses.build(response, this.#revision);
      this.#context.send(message);
      this.#context.metrics.pushed(response.kind, message.reduce((sum, piece) => sum + piece.length, 0));
      this.#context.log.debug(
        { client: this.#nodeId, typeUrl: response.typeUrl, version: response.version, resources },
        "sent",
      );
    }
    const waitMs = this.#protocol.waitMs(this.#view());
    clearTimeout(this.#timer);
    if (waitMs !== undefined) this.#timer = setTimeout(() => this.onChange(), waitMs);
  }

  #reportNack(typeUrl: string, nonce: string, error: string): void {
    this.#context.metrics.nacks.inc({ type_url: typeUrl });
    this.#context.log.warn(
      { client: this.#nodeId, address: this.address, typeUrl, nonce, error },
      "client refused a response, it keeps what it had",
    );
  }
}
