import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import type { Manifest } from "../../shared/model/manifest.ts";
import { encodeSubject } from "../../shared/model/subject.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { defaultTransportSettings, Transport } from "../../services/aggregator/grpc/transport.ts";
import type { TransportSettings } from "../../services/aggregator/grpc/transport.ts";
import { LongPollingServer } from "../../services/aggregator/long-polling/long-polling.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { presentResource } from "../../services/aggregator/output-stage/present.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import { XdsServer } from "../../services/aggregator/xds/xds-server.ts";
import type { ProtocolSettings } from "../../services/aggregator/xds/xds-server.ts";
import { TestRun } from "../../services/meshctl/meshctl-rig.ts";

const log = createLogger("watch-test");
log.level = "silent";

/** How a test wants its server. */
interface AggregatorOptions {
  /** False: its sources have not been read yet. Default true. */
  readonly isReady?: boolean;
  /** `http`: long polling, otherwise xDS. */
  readonly protocol?: "http" | "xds";
  readonly tls?: TransportSettings["tls"];
  readonly settings?: Partial<ProtocolSettings>;
}

/** A real aggregator's serving side, without collectors. */
class Aggregator implements AsyncDisposable {
  readonly cache = new ResourceCache();
  readonly gate = new SyncGate([]);
  readonly #options: AggregatorOptions;
  #sequence = 0;
  #server: XdsServer | LongPollingServer | undefined;

  constructor(options: AggregatorOptions) {
    this.#options = options;
  }

  /** Starts to serve; answers `host:port`. */
  async listen(address = "127.0.0.1:0"): Promise<string> {
    const { cache, gate } = this;
    const { protocol, tls, settings = {} } = this.#options;
    const transport = await Transport.open({ ...defaultTransportSettings, tls }, log);
    const shared = { cache, gate, transport, log, controlPlane: "test" };
    if (protocol === "http") {
      const shown = { typeUrls: [], revision: "", namespaces: [], registries: [] };
      const options = { address, intervalMs: 60_000, ...shown };
      const server = this.#server = await LongPollingServer.listen(options, shared);
      return server.address;
    }
    const server = this.#server = await XdsServer.listen({
      ...shared,
      listeners: [{ address }],
      minPushIntervalMs: 0,
      metrics: new AggregatorMetrics(new Registry()),
      protocol: settings,
    });
    return server.addresses[0] ?? address;
  }

  /** The clients that are connected now. */
  clients() {
    return this.#server instanceof XdsServer ? [...this.#server.clients] : [];
  }

  async close(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  put(manifest: Manifest): void {
    const id = { ...manifest.metadata, kind: manifest.kind, registry: "eureka", source: "default" };
    const data = Buffer.from(JSON.stringify(manifest));
    const cursor = `c-${++this.#sequence}`;
    const { resource } = presentResource(encodeSubject(id), id, cursor, data, "istio");
    if (resource === undefined) throw new Error("a test's manifest must be servable");
    this.cache.put(manifest.kind, resource);
  }

  delete(kind: "ServiceEntry" | "Sidecar", name: string): void {
    this.cache.delete(kind, this.cache.get(kind, name)?.subject ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.gate[Symbol.dispose]();
  }
}

/** Makes an aggregator, closed with the test; it listens when told to. */
export function startAggregator(options: AggregatorOptions = {}): Aggregator {
  const aggregator = new Aggregator(options);
  onTestFinished(async () => await aggregator[Symbol.asyncDispose]());
  if (options.isReady !== false) aggregator.gate.markCaughtUp();
  return aggregator;
}

/** Runs `meshctl watch`, until the test is over. */
export function watch(...args: readonly string[]): TestRun {
  const run = new TestRun("watch", ...args);
  onTestFinished(async () => void await run.stop());
  return run;
}

/** A ServiceEntry with these endpoints. */
export function entry(
  name: string,
  addresses: readonly string[],
  labels: Record<string, string> = {},
): Manifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: {
      name,
      namespace: "shop",
      labels: { registry: "eureka", ...labels },
      creationTimestamp: "2026-01-02T03:04:05.678Z",
    },
    spec: {
      hosts: [`${name}.shop`],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: addresses.map((address) => ({ address, ports: { "http-80": 8080 } })),
    },
  };
}

export const sidecar: Manifest = {
  apiVersion: "networking.istio.io/v1",
  kind: "Sidecar",
  metadata: { name: "cart", namespace: "shop" },
  spec: { workloadSelector: { labels: { app: "cart" } }, egress: [{ hosts: ["*/orders.shop"] }] },
};

/** Printed lines without the time. */
export function lines(text: string): string[] {
  return text.trimEnd().split("\n").map((line) => line.replace(/^[\d:.]+ +/, ""));
}
