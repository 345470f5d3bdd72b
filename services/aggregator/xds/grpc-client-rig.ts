import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type {
  DeltaDiscoveryResponse,
  DiscoveryResponse,
} from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import type { Resource } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

/** A node as istiod's, with further metadata. */
export function nodeOf(metadata: Record<string, string> = {}) {
  return {
    id: "sidecar~127.0.0.1~istiod-0.istio-system~istio-system.svc.cluster.local",
    metadata: { GENERATOR: "api", ...metadata },
  };
}

/** One stream of a foreign gRPC client: what it received waits until a test takes it. */
class ClientCall<Request, Response> {
  readonly #call: grpc.ClientDuplexStream<Request, Response>;
  readonly #received: Response[] = [];
  /** How the stream ended. */
  readonly status: Promise<grpc.StatusObject>;

  constructor(
    address: string,
    method: string,
    encode: (request: Request) => Uint8Array,
    decode: (bytes: Uint8Array) => Response,
  ) {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
    });
    this.#call = client.makeBidiStreamRequest(
      `${service}/${method}`,
      (request: Request) => Buffer.from(encode(request)),
      (bytes: Buffer) => decode(bytes),
    );
    this.status = new Promise((resolve) => this.#call.on("status", resolve));
    this.#call.on("error", () => {});
    this.#call.on("data", (response: Response) => this.#received.push(response));
    onTestFinished(() => {
      this.#call.cancel();
      client.close();
    });
  }

  send(request: Request): void {
    this.#call.write(request);
  }

  /** The next response, waited for. */
  async next(): Promise<Response> {
    const response = this.#received.shift();
    if (response !== undefined) return response;
    await new Promise((resolve) => this.#call.once("data", resolve));
    return await this.next();
  }
}

/** `StreamAggregatedResources`. */
export function openStream(address: string) {
  return new ClientCall<MessageInitShape<typeof DiscoveryRequestSchema>, DiscoveryResponse>(
    address,
    "StreamAggregatedResources",
    (request) => toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request)),
    (bytes) => fromBinary(DiscoveryResponseSchema, bytes),
  );
}

/** `DeltaAggregatedResources`. */
export function openDelta(address: string) {
  return new ClientCall<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, DeltaDiscoveryResponse>(
    address,
    "DeltaAggregatedResources",
    (request) => toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request)),
    (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
  );
}

/** What is wrapped into the resources of a response. */
export function unwrapped(anys: readonly ({ readonly value: Uint8Array } | undefined)[]): Resource[] {
  return anys.map((any) => fromBinary(ResourceSchema, any?.value ?? new Uint8Array()));
}
