import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { defaultTransportSettings, Transport } from "../../services/aggregator/grpc/transport.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { encodeResource } from "../../services/aggregator/output-stage/encode/encode-resource.ts";
import { XdsServer } from "../../services/aggregator/xds/xds-server.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { IstiodVersion } from "../servers/istiod.ts";
import { Sidecar } from "../servers/sidecar-client.ts";

const patience = { timeout: 60_000, interval: 50 };
const services = 60;
const shards = 4;

/** The door to one shard: an address that stays, which can be shut and can lead elsewhere. */
class Door implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Where it leads; undefined: it is shut. */
  target: string | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      socket.on("error", () => {});
      if (this.target === undefined) return void socket.destroy();
      const inner = connect(Number(this.target.split(":")[1]), "127.0.0.1");
      inner.on("error", () => {});
      socket.pipe(inner).pipe(socket);
      for (const each of [socket, inner]) {
        this.#sockets.add(each);
        each.on("close", () => {
          this.#sockets.delete(each);
          socket.destroy();
          inner.destroy();
        });
      }
    });
  }

  static async open(): Promise<Door> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Door(server);
  }

  get address(): string {
    const bound = this.#server.address();
    return `127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`;
  }

  /** Shuts it and cuts who is in it. */
  shut(): void {
    this.target = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function put(cache: ResourceCache, index: number): void {
  const name = `service-${index}`;
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "shop", creationTimestamp: "2026-01-02T03:04:05.678Z" },
    spec: {
      hosts: [`${name}.example`],
      addresses: [`241.0.0.${index + 1}`],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      endpoints: [{ address: "10.0.0.1" }],
    },
  };
  const origin = { subject: name, registry: "eureka", source: "default", revision: undefined, endpoints: 1 };
  cache.put("ServiceEntry", {
    ...encodeResource(manifest, "c"),
    ...origin,
    name: `shop/${name}`,
    cursor: "c",
  });
}

async function serve(cache: ResourceCache, parts = shards): Promise<XdsServer> {
  const log = createLogger("test");
  log.level = "silent";
  const gate = new SyncGate([]);
  gate.markCaughtUp();
  return await XdsServer.listen({
    listeners: Array.from({ length: shards }, (_, index) => ({
      address: "127.0.0.1:0",
      shard: { index, of: parts },
    })),
    transport: await Transport.open({ ...defaultTransportSettings, drainTime: 0 }, log),
    cache,
    gate,
    controlPlane: "test",
    minPushIntervalMs: 0,
    log,
    metrics: new AggregatorMetrics(new Registry()),
  });
}

/** The number of services, of the first `length`, that a proxy has endpoints of. */
function usable(sidecar: Sidecar, length = services): number {
  const names = Array.from({ length }, (_, index) => `outbound|80||service-${index}.example`);
  return names.filter((name) => (sidecar.endpointsOf(name) ?? []).length > 0).length;
}

const versions: readonly IstiodVersion[] = ["1.22", "latest"];
const present = versions.filter((version) => !requireReal(`istiod-${version}`).skip);

/** What happens after each restart of an aggregator that was away for some seconds: sources come back one by one. */
describe.skipIf(present.length === 0)("an istiod whose sources come back one after the other", () => {
  test.for(present)("has every service in the end, and so have its proxies: %s", async (version) => {
    const cache = new ResourceCache();
    for (let index = 0; index < services; index++) put(cache, index);
    await using stack = new AsyncDisposableStack();
    const doors: Door[] = [];
    for (let index = 0; index < shards; index++) doors.push(stack.use(await Door.open()));
    const lead = (server: XdsServer, indexes: readonly number[]) => {
      for (const index of indexes) {
        const door = doors[index];
        if (door !== undefined) door.target = server.addresses[index];
      }
    };
    const first = await serve(cache);
    lead(first, [0, 1, 2, 3]);
    const istiod = stack.use(
      await startIstiod({ version, mcpAddresses: doors.map(({ address }) => address) }),
    );
    const sidecar = stack.use(new Sidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
    await expect.poll(() => usable(sidecar), patience).toBe(services);

    for (const door of doors) door.shut();
    await first[Symbol.asyncDispose]();
    const second = stack.use(await serve(cache));
    let least = services;
    const watch = setInterval(() => {
      least = Math.min(least, usable(sidecar));
    }, 20);
    stack.defer(() => clearInterval(watch));
    const shown = () =>
      [...second.clients].filter(({ isUpToDate }) => isUpToDate).map(({ view }) => view.scope.shard);
    lead(second, [0, 1]);
    await expect.poll(() => shown().length, patience).toBe(2);
    lead(second, [2, 3]);
    await expect.poll(
      () => shown().filter((shard) => shard?.present === undefined && (shard?.generation ?? 0) > 0).length,
      patience,
    ).toBe(shards);
    await expect.poll(() => usable(sidecar), patience).toBe(services);
    const fresh = stack.use(new Sidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
    await expect.poll(() => usable(fresh), patience).toBe(services);
    // The older one forgets for a moment what one source has dropped; that may or may not come to a push.
    if (version === "latest") expect(least).toBe(services);
  });

  test.for(present)(
    "and has them with fewer shards, without those that were deleted: %s",
    async (version) => {
      const cache = new ResourceCache();
      for (let index = 0; index < services; index++) put(cache, index);
      await using stack = new AsyncDisposableStack();
      const first = await serve(cache);
      const doors: Door[] = [];
      for (const address of first.addresses) {
        const door = stack.use(await Door.open());
        door.target = address;
        doors.push(door);
      }
      const istiod = stack.use(
        await startIstiod({ version, mcpAddresses: doors.map(({ address }) => address) }),
      );
      const sidecar = stack.use(new Sidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
      await expect.poll(() => usable(sidecar), patience).toBe(services);

      for (const door of doors) door.shut();
      await first[Symbol.asyncDispose]();
      const kept = services / 2;
      for (let index = kept; index < services; index++) {
        cache.delete("ServiceEntry", `service-${index}`, `d-${index}`);
      }
      let least = kept;
      const watch = setInterval(() => {
        least = Math.min(least, usable(sidecar, kept));
      }, 20);
      stack.defer(() => clearInterval(watch));
      const second = stack.use(await serve(cache, shards / 2));
      for (const [index, door] of doors.entries()) door.target = second.addresses[index];
      await expect.poll(() => usable(sidecar), patience).toBe(kept);
      const refreshed = () =>
        [...second.clients].filter(({ view, isUpToDate }) =>
          isUpToDate && (view.scope.shard?.generation ?? 0) > 0
        );
      await expect.poll(() => refreshed().length, patience).toBe(shards / 2);
      await expect.poll(() => usable(sidecar), patience).toBe(kept);
      const fresh = stack.use(new Sidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
      await expect.poll(() => usable(fresh), patience).toBe(kept);
      // The older one may lack some for a moment, as above.
      if (version === "latest") expect(least).toBe(kept);
    },
  );
});
