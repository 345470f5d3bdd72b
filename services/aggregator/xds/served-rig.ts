import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { clientsInDetail } from "../debug/clients.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { silentLog, testTransport } from "../grpc/grpc-rig.ts";
import { AggregatorMetrics } from "../metrics.ts";
import { SyncGate } from "../ingest/sync-gate.ts";
import type { ListenerOptions } from "./listener.ts";
import { XdsServer } from "./xds-server.ts";
import type { ProtocolSettings } from "./xds-server.ts";

/** What istiod asks for. */
export const typeUrl = "networking.istio.io/v1/ServiceEntry";

/** A server with a cache that the test changes. */
export class Served {
  readonly cache = new ResourceCache();
  readonly metrics = new Registry();
  readonly server: XdsServer;
  #sequence = 0;

  static async start(
    protocol: Partial<ProtocolSettings> = {},
    listener: Partial<ListenerOptions> = {},
  ): Promise<Served> {
    const cache = new ResourceCache();
    const gate = new SyncGate([]);
    gate.markCaughtUp();
    const metrics = new Registry();
    const server = await XdsServer.listen({
      listeners: [{ address: "127.0.0.1:0", ...listener }],
      transport: await testTransport(),
      cache,
      gate,
      controlPlane: "replica-1",
      minPushIntervalMs: 0,
      log: silentLog(),
      metrics: new AggregatorMetrics(metrics),
      protocol,
    });
    onTestFinished(() => server[Symbol.asyncDispose]());
    return new Served(cache, metrics, server);
  }

  private constructor(cache: ResourceCache, metrics: Registry, server: XdsServer) {
    this.cache = cache;
    this.metrics = metrics;
    this.server = server;
  }

  get address(): string {
    return this.server.addresses[0] ?? "";
  }

  put(name: string, host = `${name}.example`, revision?: string): void {
    const cursor = `s-${String(++this.#sequence).padStart(6, "0")}`;
    const manifest: ServiceEntryManifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: {
        name,
        namespace: "shop",
        labels: revision === undefined ? {} : { "istio.io/rev": revision },
        creationTimestamp: "2026-01-02T03:04:05.678Z",
      },
      spec: { hosts: [host] },
    };
    const resource = { subject: name, registry: "eureka", source: "default", revision, endpoints: 0 };
    this.cache.put("ServiceEntry", {
      ...encodeResource(manifest, cursor),
      ...resource,
      name: `shop/${name}`,
      cursor,
    });
  }

  delete(name: string): void {
    this.cache.delete("ServiceEntry", name, `s-${String(++this.#sequence).padStart(6, "0")}`);
  }

  /** What `/clients?detail=true` says of the only client. */
  get client(): Record<string, unknown> {
    const [client] = clientsInDetail(this.server.clients);
    return Object.fromEntries(Object.entries(client ?? {}));
  }
}
