import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import {
  ServiceEntry_Location,
  ServiceEntry_Resolution,
  ServiceEntrySchema,
} from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { freePort } from "./free-port.ts";

/** A service that the stub announces, with an HTTP port 80. */
export interface StubService {
  readonly host: string;
  readonly addresses: readonly string[];
}

type Stream = ServerDuplexStream<Uint8Array, Uint8Array>;

/**
 * The least state-of-the-world MCP server that istiod accepts. It tests the test tools themselves, apart from our
 * aggregator: a failing end-to-end test must not leave open which of the two is wrong.
 */
export class McpStub implements AsyncDisposable {
  readonly address: string;
  readonly #server = new Server();
  readonly #streams = new Map<Stream, Set<string>>();
  #services: readonly StubService[];
  #round = 0;

  constructor(port: number, services: readonly StubService[]) {
    this.address = `127.0.0.1:${port}`;
    this.#services = services;
    const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes);
    const asBytes = (bytes: Buffer): Uint8Array => bytes;
    this.#server.addService({
      StreamAggregatedResources: {
        path: "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
        requestStream: true,
        responseStream: true,
        requestDeserialize: asBytes,
        requestSerialize: asBuffer,
        responseSerialize: asBuffer,
        responseDeserialize: asBytes,
      },
    }, { StreamAggregatedResources: (stream: Stream) => this.#onStream(stream) });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** Replaces all services and tells every client. */
  set(services: readonly StubService[]): void {
    this.#services = services;
    for (const [stream, types] of this.#streams) {
      for (const type of types) if (type.endsWith("/ServiceEntry")) this.#answer(stream, type);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await Promise.resolve();
  }

  #onStream(stream: Stream): void {
    const types = new Set<string>();
    this.#streams.set(stream, types);
    stream.on("data", (bytes: Uint8Array) => {
      const request = fromBinary(DiscoveryRequestSchema, bytes);
      // istiod puts a nonce of its own making into the first request of a type; every later one is an ACK.
      if (types.has(request.typeUrl)) return;
      types.add(request.typeUrl);
      this.#answer(stream, request.typeUrl);
    });
    stream.on("error", () => this.#streams.delete(stream));
    stream.on("end", () => {
      this.#streams.delete(stream);
      stream.end();
    });
  }

  #answer(stream: Stream, typeUrl: string): void {
    const services = typeUrl.endsWith("/ServiceEntry") ? this.#services : [];
    const nonce = String(++this.#round);
    const resources = services.map((service) => ({
      typeUrl: "type.googleapis.com/istio.mcp.v1alpha1.Resource",
      value: toBinary(ResourceSchema, resource(service)),
    }));
    const response = create(DiscoveryResponseSchema, { typeUrl, nonce, versionInfo: nonce, resources });
    stream.write(toBinary(DiscoveryResponseSchema, response));
  }
}

/** Starts a stub on a free port of loopback. */
export async function startMcpStub(services: readonly StubService[]): Promise<McpStub> {
  const stub = new McpStub(await freePort(), services);
  await stub.listen();
  return stub;
}

function resource({ host, addresses }: StubService) {
  const entry = create(ServiceEntrySchema, {
    hosts: [host],
    // With an address of its own an entry's endpoint changes are pushed alone, also by older istiods.
    addresses: ["240.240.0.1"],
    ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    location: ServiceEntry_Location.MESH_INTERNAL,
    resolution: ServiceEntry_Resolution.STATIC,
    endpoints: addresses.map((address) => ({ address, ports: { http: 8080 } })),
  });
  return create(ResourceSchema, {
    // A version that is the content: equal content must look equal to istiod.
    metadata: { name: `default/${host.replaceAll(".", "-")}`, version: addresses.join(" ") },
    body: {
      typeUrl: "type.googleapis.com/istio.networking.v1alpha3.ServiceEntry",
      value: toBinary(ServiceEntrySchema, entry),
    },
  });
}
