import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import type {
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";

/** What an observer holds of one host: sorted `address:port` of its endpoints. */
export type View = ReadonlyMap<string, readonly string[]>;

const method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const typeUrl = "networking.istio.io/v1/ServiceEntry";

/**
 * A state-of-the-world client that behaves as istiod does: each answer replaces everything, the last one is kept while
 * the stream is lost. It remembers what it ever lost, since a host that is missing for a moment is an outage.
 */
export class XdsObserver implements AsyncDisposable {
  readonly #client: grpc.Client;
  /** Hosts that were there and then weren't, with the answer in which they were missing. */
  readonly lostHosts = new Map<string, number>();
  /** Hosts that had endpoints and then had none. */
  readonly emptiedHosts = new Set<string>();
  #view: View = new Map();
  #answers = 0;
  #streams = 0;
  #closed = false;
  #call: grpc.ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(address: string) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 500,
    });
    this.#connect();
  }

  /** What it holds now. */
  get view(): View {
    return this.#view;
  }

  /** How many answers it got. */
  get answers(): number {
    return this.#answers;
  }

  /** How many streams it opened. */
  get streams(): number {
    return this.#streams;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#call?.cancel();
    this.#client.close();
    return Promise.resolve();
  }

  #connect(): void {
    this.#streams++;
    const call = this.#client.makeBidiStreamRequest(
      method,
      (request: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, request)),
      (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    );
    this.#call = call;
    const again = () => {
      if (this.#closed || this.#call !== call) return;
      this.#call = undefined;
      this.#retry = setTimeout(() => this.#connect(), 100);
    };
    call.on("data", (response: DiscoveryResponse) => {
      this.#take(response);
      call.write(this.#request(response.versionInfo, response.nonce));
    });
    call.on("error", again);
    call.on("end", again);
    call.write(this.#request("", new Date().toISOString()));
  }

  #request(versionInfo: string, responseNonce: string): DiscoveryRequest {
    const node = {
      id: "sidecar~127.0.0.1~observer.test~test.svc.cluster.local",
      metadata: { GENERATOR: "api" },
    };
    return create(DiscoveryRequestSchema, { typeUrl, versionInfo, responseNonce, node });
  }

  #take(response: DiscoveryResponse): void {
    this.#answers++;
    const view = new Map<string, readonly string[]>();
    for (const { value } of response.resources) {
      const body = fromBinary(ResourceSchema, value).body?.value ?? new Uint8Array();
      const { hosts, endpoints } = fromBinary(ServiceEntrySchema, body);
      const addresses = endpoints.map(({ address, ports }) => `${address}:${Object.values(ports)[0]}`).sort();
      for (const host of hosts) view.set(host, addresses);
    }
    for (const [host, before] of this.#view) {
      const now = view.get(host);
      if (now === undefined) this.lostHosts.set(host, this.#answers);
      else if (before.length > 0 && now.length === 0) this.emptiedHosts.add(host);
    }
    this.#view = view;
  }
}
