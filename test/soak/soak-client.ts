import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";

export const dialects = ["delta", "incremental", "stateOfTheWorld", "longPolling"] as const;
/** What a client speaks. */
export type SoakDialect = typeof dialects[number];

export const tempers = ["steady", "steady", "stalls", "reconnects", "refuses"] as const;
/** How a client behaves: `stalls` reads nothing for a while, `refuses` answers some responses with a NACK. */
export type Temper = typeof tempers[number];

/** Where and as whom a client connects. */
export interface SoakClientOptions {
  readonly dialect: SoakDialect;
  readonly temper: Temper;
  /** Its Istio revision; empty: none. */
  readonly revision: string;
  readonly address: string;
  /** Of the listener for long polling. */
  readonly pollAddress: string;
}

const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const typeUrl = "networking.istio.io/v1/ServiceEntry";

/** Shares of responses, and the longest pause, in milliseconds. */
const stallShare = 0.02;
const reconnectShare = 0.02;
const refuseShare = 0.1;
const longestStallMs = 1_500;
const pollPauseMs = 100;
const retryMs = 50;

/** One client of one dialect, by a foreign gRPC library, with the set of resources that its like would hold. */
export class SoakClient {
  readonly #options: SoakClientOptions;
  /** Versions by name. */
  readonly #held = new Map<string, string>();
  readonly #grpc: grpc.Client;
  readonly #stop = new AbortController();
  /** For long polling: what it has. */
  #version = "";
  /** A calm client has no temper. */
  isCalm = false;
  responses = 0;
  refusals = 0;
  connections = 0;

  constructor(options: SoakClientOptions) {
    this.#options = options;
    this.#grpc = new grpc.Client(options.address, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 100,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** Works until {@link stop}: connects, and connects again when it lost the stream. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.connections++;
      if (this.#options.dialect === "longPolling") await this.#poll();
      else await this.#stream(this.#options.dialect);
      if (!signal.aborted) await delay(retryMs);
    }
    this.#grpc.close();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** What it has, as one hash. */
  get digest(): string {
    return contentDigest(this.#held);
  }

  get size(): number {
    return this.#held.size;
  }

  async #poll(): Promise<void> {
    const query = new URLSearchParams({ typeUrl, version: this.#version });
    const patience = this.#is("reconnects")
      ? [AbortSignal.timeout(Math.ceil(longestStallMs * Math.random()))]
      : [];
    try {
      const response = await fetch(`http://${this.#options.pollAddress}/configs?${query.toString()}`, {
        signal: AbortSignal.any([this.#stop.signal, ...patience]),
      });
      const body = new Uint8Array(await response.arrayBuffer());
      if (body.length > 0) {
        this.#replace(fromBinary(DiscoveryResponseSchema, body).resources);
        this.#version = response.headers.get("version") ?? "";
        this.responses++;
      }
      await delay(this.#is("stalls") ? longestStallMs * Math.random() : pollPauseMs);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // Given up, by it or by the server: it asks again with what it has.
    }
  }

  async #stream(dialect: "delta" | "incremental" | "stateOfTheWorld"): Promise<void> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const method = dialect === "delta" ? "DeltaAggregatedResources" : "StreamAggregatedResources";
    const call = this.#grpc.makeBidiStreamRequest(
      `${service}/${method}`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
    );
    const cancel = () => call.cancel();
    this.#stop.signal.addEventListener("abort", cancel, { once: true });
    call.on("error", () => {});
    call.on("status", () => end());
    let isFirst = true;
    call.on("data", (bytes: Buffer) => {
      if (this.#stop.signal.aborted) return;
      this.responses++;
      if (this.#is("reconnects") && Math.random() < reconnectShare) return call.cancel();
      const isRefused = dialect !== "incremental" && this.#is("refuses") && Math.random() < refuseShare;
      const nonce = this.#take(dialect, bytes, isFirst, isRefused);
      isFirst = false;
      if (isRefused) this.refusals++;
      const error = isRefused ? "the soak test doesn't like it" : undefined;
      if (!this.#is("stalls") || Math.random() >= stallShare) {
        call.write(this.#request(dialect, nonce, error));
        return;
      }
      call.pause();
      setTimeout(() => {
        call.write(this.#request(dialect, nonce, error));
        call.resume();
      }, longestStallMs * Math.random());
    });
    call.write(this.#request(dialect, "", undefined));
    await ended;
    this.#stop.signal.removeEventListener("abort", cancel);
  }

  #is(temper: Temper): boolean {
    return !this.isCalm && this.#options.temper === temper;
  }

  /** A request: the first one of a stream has no nonce, and says in Delta what the client has. */
  #request(dialect: SoakDialect, responseNonce: string, error: string | undefined): Uint8Array {
    const { revision } = this.#options;
    const isFirst = responseNonce === "";
    const node = {
      id: "sidecar~127.0.0.1~soak.soak~soak.svc.cluster.local",
      metadata: {
        GENERATOR: "api",
        MESHREGISTRY_DIALECT: dialect,
        ...(revision !== "" && { ISTIO_REVISION: revision }),
      },
    };
    const common = {
      typeUrl,
      node,
      responseNonce,
      ...(error !== undefined && { errorDetail: { message: error } }),
    };
    if (dialect !== "delta") return toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, common));
    const initialResourceVersions = isFirst ? Object.fromEntries(this.#held) : {};
    return toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { ...common, initialResourceVersions }),
    );
  }

  /** Takes a response in, unless it is refused. Answers its nonce. */
  #take(dialect: SoakDialect, bytes: Buffer, isFirst: boolean, isRefused: boolean): string {
    if (dialect === "delta") {
      const { resources, removedResources, nonce } = fromBinary(DeltaDiscoveryResponseSchema, bytes);
      if (isRefused) return nonce;
      for (const { name, version } of resources) this.#held.set(name, version);
      for (const name of removedResources) this.#held.delete(name);
      return nonce;
    }
    const { resources, nonce } = fromBinary(DiscoveryResponseSchema, bytes);
    if (isRefused) return nonce;
    if (dialect === "stateOfTheWorld" || isFirst) this.#held.clear();
    this.#add(resources);
    return nonce;
  }

  #replace(resources: readonly { readonly value: Uint8Array }[]): void {
    this.#held.clear();
    this.#add(resources);
  }

  /** A resource without body is a deletion. */
  #add(resources: readonly { readonly value: Uint8Array }[]): void {
    for (const { value } of resources) {
      const { metadata, body } = fromBinary(ResourceSchema, value);
      if (metadata === undefined) throw new TypeError("a resource has no metadata");
      if (body === undefined) this.#held.delete(metadata.name);
      else this.#held.set(metadata.name, metadata.version);
    }
  }
}

/** Names and versions as one hash, whatever their order. */
export function contentDigest(versions: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const name of [...versions.keys()].sort()) hash.update(`${name}\0${versions.get(name)}\0`);
  return hash.digest("base64url");
}
