import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { clientsInDetail } from "../../services/aggregator/debug/clients.ts";
import { encodeResource } from "../../services/aggregator/output-stage/encode/encode-resource.ts";
import { defaultTransportSettings, Transport } from "../../services/aggregator/grpc/transport.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import { XdsServer } from "../../services/aggregator/xds/xds-server.ts";
import { configSources } from "../../services/meshctl/commands/config-sources.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { selfSignedCertificate } from "../servers/certificate.ts";
import { requireReal } from "../servers/find.ts";
import { freePort } from "../servers/free-port.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";

const { skip } = requireReal("istiod-latest");
const patience = { timeout: 30_000 };
const services = 200;
const shards = 8;

function put(cache: ResourceCache, index: number, address: string): void {
  const name = `service-${index}`;
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace: "shop", creationTimestamp: "2026-01-02T03:04:05.678Z" },
    spec: {
      hosts: [`${name}.example`],
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      location: "MESH_INTERNAL",
      resolution: "STATIC",
      endpoints: [{ address }],
    },
  };
  cache.put("ServiceEntry", {
    ...encodeResource(manifest, `c-${index}-${address}`),
    subject: name,
    registry: "eureka",
    source: "default",
    revision: undefined,
    endpoints: 1,
    name: `shop/${name}`,
    cursor: `c-${index}-${address}`,
  });
}

/** A run of free ports, as shards need it. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort();
    const servers = await Promise.allSettled(Array.from({ length: count }, async (_, index) => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(first + index, "127.0.0.1", () => resolve());
      });
      return server;
    }));
    for (const each of servers) if (each.status === "fulfilled") each.value.close();
    if (servers.every(({ status }) => status === "fulfilled")) return first;
  }
}

/** A stock istiod with the configuration that `meshctl config-sources` prints: TLS, and one source per shard. */
describe.skipIf(skip)("shards in TLS to a real istiod", () => {
  const stack = new AsyncDisposableStack();
  const cache = new ResourceCache();
  const { cert, key } = selfSignedCertificate();
  const log = createLogger("test");
  log.level = "silent";
  let folder: string;
  let port: number;
  let server: XdsServer;
  let istiod: Istiod;

  const serve = async (count: number, former = count): Promise<XdsServer> => {
    const gate = new SyncGate([]);
    gate.markCaughtUp();
    const tls = {
      certFile: join(folder, "crt"),
      keyFile: join(folder, "key"),
      clientCaFile: "",
      allowedSans: [],
    };
    return await XdsServer.listen({
      listeners: Array.from({ length: former }, (_, index) => ({
        address: `127.0.0.1:${port + index}`,
        shard: { index, of: count },
      })),
      transport: await Transport.open({ ...defaultTransportSettings, drainTime: 0, tls }, log),
      cache,
      gate,
      controlPlane: "test",
      minPushIntervalMs: 0,
      log,
      metrics: new AggregatorMetrics(new Registry()),
    });
  };
  const stored = async () => (await istiod.configz("ServiceEntry")).length;
  /** How many responses with ServiceEntries each stream was sent. */
  const pushes = () =>
    clientsInDetail(server.clients).map((client) => JSON.stringify(client))
      .map((text) => Number(/ServiceEntry"[^}]*"pushes":(\d+)/.exec(text)?.[1] ?? 0));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "meshregistry-shards-"));
    stack.defer(async () => await rm(folder, { recursive: true }));
    await Promise.all([writeFile(join(folder, "crt"), cert), writeFile(join(folder, "key"), key)]);
    for (let index = 0; index < services; index++) put(cache, index, "10.0.0.1");
    port = await freePorts(shards + 4);
    server = await serve(shards);
    stack.defer(async () => await server[Symbol.asyncDispose]());
    const sources = configSources("localhost", port, shards, cert).filter(({ address }) =>
      address !== "k8s://"
    );
    istiod = stack.use(await startIstiod({ version: "latest", mcpAddresses: sources }));
  });
  afterAll(() => stack.disposeAsync());

  test("it has everything, from eight streams", async () => {
    await expect.poll(stored, patience).toBe(services);
    // Once when they come, and once more when all have come.
    await expect.poll(pushes, patience).toEqual(Array.from({ length: shards }, () => 2));
  });

  test("a change is sent on one of them", async () => {
    put(cache, 5, "10.0.0.2");
    await expect.poll(() => pushes().reduce((sum, count) => sum + count, 0), patience).toBe(2 * shards + 1);
    const changed = async () =>
      JSON.stringify((await istiod.configz("ServiceEntry")).find(({ name }) => name === "service-5"));
    await expect.poll(changed, patience).toContain("10.0.0.2");
  });

  test("it lacks nothing while it is served by an aggregator with more shards", async () => {
    await server[Symbol.asyncDispose]();
    server = await serve(shards + 4);
    let least = services;
    await expect.poll(async () => {
      least = Math.min(least, await stored());
      return pushes().filter((count) => count > 0).length;
    }, patience).toBe(shards);
    put(cache, 6, "10.0.0.3");
    const changed = async () => {
      least = Math.min(least, await stored());
      return JSON.stringify((await istiod.configz("ServiceEntry")).find(({ name }) => name === "service-6"));
    };
    await expect.poll(changed, patience).toContain("10.0.0.3");
    expect(least).toBe(services);
  });

  test("it is rid of what was deleted when there are fewer shards than it has sources, and their ports stay", async () => {
    await server[Symbol.asyncDispose]();
    // Half of what the sources brought whose ports have no part any longer, and as much of the others.
    const deleted = Array.from({ length: services / 2 }, (_, index) => `service-${2 * index}`);
    for (const subject of deleted) cache.delete("ServiceEntry", subject, `d-${subject}`);
    server = await serve(shards / 2, shards);
    let least = services;
    await expect.poll(async () => {
      const names = (await istiod.configz("ServiceEntry")).map(({ name }) => name);
      least = Math.min(least, names.filter((name) => name !== undefined && !deleted.includes(name)).length);
      return names.length;
    }, patience).toBe(services - deleted.length);
    expect(least).toBe(services - deleted.length);
    expect([...server.surplusSources.values()]).toEqual([shards / 2]);
  });

  test("it starts anew with those sources, and has everything", async () => {
    await istiod.restart();
    await expect.poll(stored, patience).toBe(services / 2);
  });
});
