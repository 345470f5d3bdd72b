import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { SidecarSchema } from "../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import type { Dialect } from "../../services/aggregator/xds/protocol.ts";

/** One request, in the words of all dialects: what a dialect doesn't have is left out. */
export interface PeerRequest {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** State of the world and incremental: the whole list; empty: all. */
  readonly names: readonly string[];
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: Readonly<Record<string, string>>;
  /** Undefined: no refusal. */
  readonly error: string | undefined;
}

/** One response. */
export interface PeerResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** By name. */
  readonly resources: ReadonlyMap<string, { readonly version: string; readonly content: string }>;
  readonly removed: readonly string[];
}

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";

/** One stream of a client of the public gRPC library, on a connection of its own; it answers nothing by itself. */
export class Peer implements Disposable {
  readonly dialect: Dialect;
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<Uint8Array, Buffer>;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #received: PeerResponse[] = [];
  #ended: string | undefined;
  #wake = () => {};

  /** `metadata` is added to the node's. */
  constructor(
    dialect: Dialect,
    address: string,
    credentials: grpc.ChannelCredentials,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.dialect = dialect;
    this.#metadata = metadata;
    this.#client = new grpc.Client(address, credentials, {
      "grpc.use_local_subchannel_pool": 1,
      // Certificates are for a name, too; addresses as server names are deprecated.
      "grpc.ssl_target_name_override": "localhost",
    });
    const method = dialect === "delta" ? "DeltaAggregatedResources" : "StreamAggregatedResources";
    this.#call = this.#client.makeBidiStreamRequest(
      `${service}/${method}`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
    );
    this.#call.on("error", () => {});
    this.#call.on("status", ({ code, details }: grpc.StatusObject) => {
      this.#ended = `the stream ended with ${code} ${details}`;
      this.#wake();
    });
    this.#call.on("data", (bytes: Buffer) => {
      this.#received.push(dialect === "delta" ? decodeDelta(bytes) : decode(bytes));
      this.#wake();
    });
  }

  send(request: PeerRequest): void {
    const { typeUrl, nonce, version, names, subscribe, unsubscribe, initialVersions, error } = request;
    const metadata = { GENERATOR: "api", MESHREGISTRY_DIALECT: this.dialect, ...this.#metadata };
    const common = {
      typeUrl,
      responseNonce: nonce,
      node: { id: "sidecar~127.0.0.1~test.test~test.svc.cluster.local", metadata },
      ...(error !== undefined && { errorDetail: { message: error } }),
    };
    if (this.dialect === "delta") {
      const delta = {
        resourceNamesSubscribe: [...subscribe],
        resourceNamesUnsubscribe: [...unsubscribe],
        initialResourceVersions: { ...initialVersions },
      };
      const message = create(DeltaDiscoveryRequestSchema, { ...common, ...delta });
      this.#call.write(toBinary(DeltaDiscoveryRequestSchema, message));
    } else {
      const whole = { ...common, versionInfo: version, resourceNames: [...names] };
      this.#call.write(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, whole)));
    }
  }

  /** The next response, waited for. @throws Error if the stream has ended. */
  async next(): Promise<PeerResponse> {
    for (;;) {
      const response = this.#received.shift();
      if (response !== undefined) return response;
      if (this.#ended !== undefined) throw new Error(this.#ended);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#client.close();
  }
}

function decodeDelta(bytes: Uint8Array): PeerResponse {
  const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  const { typeUrl, nonce, systemVersionInfo: version, removedResources: removed } = response;
  const resources = new Map(
    response.resources.map(({ name, version: own, resource }) => {
      const { metadata, body } = fromBinary(ResourceSchema, resource?.value ?? new Uint8Array());
      if (metadata?.name !== name || metadata.version !== own) {
        throw new Error(`${name} ${own} carries ${metadata?.name} ${metadata?.version}`);
      }
      return [name, { version: own, content: contentOf(body) }];
    }),
  );
  return { typeUrl, nonce, version, resources, removed };
}

function decode(bytes: Uint8Array): PeerResponse {
  const response = fromBinary(DiscoveryResponseSchema, bytes);
  const resources = new Map<string, { version: string; content: string }>();
  const removed: string[] = [];
  for (const { value } of response.resources) {
    const { metadata, body } = fromBinary(ResourceSchema, value);
    const { name = "", version = "" } = metadata ?? {};
    if (body === undefined) removed.push(name);
    else resources.set(name, { version, content: contentOf(body) });
  }
  return {
    typeUrl: response.typeUrl,
    nonce: response.nonce,
    version: response.versionInfo,
    resources,
    removed,
  };
}

/** What `Replica.put()` was given. */
function contentOf(body: { readonly typeUrl: string; readonly value: Uint8Array } | undefined): string {
  if (body === undefined) throw new Error("a resource has no body");
  const host = body.typeUrl.endsWith("ServiceEntry")
    ? fromBinary(ServiceEntrySchema, body.value).hosts[0]
    : fromBinary(SidecarSchema, body.value).egress[0]?.hosts[0];
  return /([^/]*)\.example$/.exec(host ?? "")?.[1] ?? "";
}
