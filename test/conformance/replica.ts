import { Registry } from "prom-client";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { encodeResource } from "../../services/aggregator/output-stage/encode/encode-resource.ts";
import { defaultTransportSettings, Transport } from "../../services/aggregator/grpc/transport.ts";
import type { TransportSettings } from "../../services/aggregator/grpc/transport.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import type { ListenerOptions } from "../../services/aggregator/xds/listener.ts";
import { XdsServer } from "../../services/aggregator/xds/xds-server.ts";
import type { ProtocolSettings } from "../../services/aggregator/xds/xds-server.ts";
import type { Manifest, ResourceKind } from "../../shared/model/manifest.ts";
import { networkingApiVersion } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import type { Logger } from "../../shared/runtime/log.ts";

/** What differs from a replica with one listener that shows everything. */
export interface ReplicaOptions {
  readonly listeners?: readonly Partial<ListenerOptions>[];
  readonly protocol?: Partial<ProtocolSettings>;
  readonly transport?: Partial<TransportSettings>;
  readonly minPushIntervalMs?: number;
  /** False: the gate waits for {@link Replica.openGate}. */
  readonly isOpen?: boolean;
}

/** Traits of a resource, where they matter. */
export interface Traits {
  readonly kind?: ResourceKind | undefined;
  readonly revision?: string | undefined;
  readonly registry?: string | undefined;
  /** Endpoints of a ServiceEntry; 0 if not given. */
  readonly endpoints?: number | undefined;
}

/** The aggregator's xDS server on free ports of 127.0.0.1, with a cache that the test fills in place of the entry log. */
export class Replica implements AsyncDisposable {
  readonly cache: ResourceCache;
  readonly server: XdsServer;
  readonly gate: SyncGate;
  readonly transport: Transport;
  readonly log: Logger;
  /** Of its entry log. */
  readonly #stream: string;
  #sequence = 0;

  private constructor(
    stream: string,
    parts: Pick<Replica, "cache" | "server" | "gate" | "transport" | "log">,
  ) {
    this.#stream = stream;
    this.cache = parts.cache;
    this.server = parts.server;
    this.gate = parts.gate;
    this.transport = parts.transport;
    this.log = parts.log;
  }

  /** `stream` names its entry log; cursors begin with it. */
  static async start(stream: string, options: ReplicaOptions = {}): Promise<Replica> {
    const log = createLogger("test");
    log.level = "silent";
    const cache = new ResourceCache();
    const gate = new SyncGate([]);
    if (options.isOpen ?? true) gate.markCaughtUp();
    const settings = {
      ...defaultTransportSettings,
      keepaliveInterval: 0,
      drainTime: 0,
      ...options.transport,
    };
    const transport = await Transport.open(settings, log);
    const server = await XdsServer.listen({
      listeners: (options.listeners ?? [{}]).map((listener) => ({ address: "127.0.0.1:0", ...listener })),
      transport,
      cache,
      gate,
      controlPlane: stream,
      minPushIntervalMs: options.minPushIntervalMs ?? 0,
      log,
      metrics: new AggregatorMetrics(new Registry()),
      ...(options.protocol && { protocol: options.protocol }),
    });
    return new Replica(stream, { cache, server, gate, transport, log });
  }

  /** `host:port` of a listener. */
  address(listener = 0): string {
    return this.server.addresses[listener] ?? "";
  }

  /** Says that all sources have been read. */
  openGate(): void {
    this.gate.markCaughtUp();
  }

  /** Serves a resource under `<namespace>/<name>`; its content is a host `<content>.example`. */
  put(fullName: string, content: string, traits: Traits = {}): void {
    const { kind = "ServiceEntry", revision, registry = "eureka", endpoints = 0 } = traits;
    const cursor = this.#nextCursor();
    this.cache.put(kind, {
      ...encodeResource(manifestOf(kind, fullName, content, revision, endpoints), cursor),
      subject: `${registry}.${fullName}`,
      registry,
      source: "default",
      name: fullName,
      cursor,
      revision,
      endpoints,
    });
  }

  /** Serves a name no longer. */
  delete(fullName: string, kind: ResourceKind = "ServiceEntry"): void {
    const subject = this.cache.get(kind, fullName)?.subject;
    if (subject !== undefined) this.cache.delete(kind, subject, this.#nextCursor());
  }

  #nextCursor(): string {
    return `${this.#stream}-${String(++this.#sequence).padStart(16, "0")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.transport[Symbol.dispose]();
    this.gate[Symbol.dispose]();
  }
}

function manifestOf(
  kind: ResourceKind,
  fullName: string,
  content: string,
  revision: string | undefined,
  endpoints: number,
): Manifest {
  const [namespace = "", name = ""] = fullName.split("/");
  const metadata = {
    name,
    namespace,
    ...(revision !== undefined && { labels: { "istio.io/rev": revision } }),
    creationTimestamp: "2026-01-02T03:04:05.678Z",
  };
  const host = `${content}.example`;
  if (kind === "Sidecar") {
    return { apiVersion: networkingApiVersion, kind, metadata, spec: { egress: [{ hosts: [`*/${host}`] }] } };
  }
  const list = Array.from({ length: endpoints }, (_, index) => ({
    address: `10.0.${index >> 8}.${index & 255}`,
    ports: { http: 8080 },
    labels: { zone: `az${index % 3}` },
  }));
  return {
    apiVersion: networkingApiVersion,
    kind,
    metadata,
    spec: { hosts: [host], ...(endpoints > 0 && { endpoints: list }) },
  };
}
