import { fromBinary } from "@bufbuild/protobuf";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { DiscoveryResponseSchema } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { ResourceCache } from "../catalogue/cache.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { silentLog, testTransport } from "../grpc/grpc-rig.ts";
import type { Transport } from "../grpc/transport.ts";
import { pollsInDetail } from "../debug/clients.ts";
import { SyncGate } from "../ingest/sync-gate.ts";
import { LongPollingServer } from "./long-polling.ts";
import type { LongPollingOptions } from "./long-polling.ts";

const typeUrl = "networking.istio.io/v1alpha3/ServiceEntry";

function put(cache: ResourceCache, namespace: string, name: string, host = `${name}.example`): void {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name, namespace, creationTimestamp: "2026-01-02T03:04:05.678Z" },
    spec: { hosts: [host] },
  };
  cache.put("ServiceEntry", {
    ...encodeResource(manifest, "c"),
    subject: `${namespace}/${name}`,
    registry: "eureka",
    source: "default",
    revision: undefined,
    endpoints: 0,
    name: `${namespace}/${name}`,
    cursor: "c",
  });
}

async function serve(
  options: Partial<LongPollingOptions> = {},
  maxStreams = 1000,
  transport?: Transport,
  log = silentLog(),
) {
  const cache = new ResourceCache();
  const gate = new SyncGate([]);
  const server = await LongPollingServer.listen(
    {
      address: "127.0.0.1:0",
      intervalMs: 60_000,
      typeUrls: [],
      revision: "",
      namespaces: [],
      registries: [],
      ...options,
    },
    { cache, gate, transport: transport ?? await testTransport({ maxStreams }), controlPlane: "test", log },
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  const poll = async (query: Readonly<Record<string, string>> = {}, signal?: AbortSignal) => {
    const search = new URLSearchParams({ typeUrl, ...query });
    const response = await fetch(
      `http://${server.address}/configs?${search.toString()}`,
      signal === undefined ? {} : { signal },
    );
    const body = Buffer.from(await response.arrayBuffer());
    return { status: response.status, version: response.headers.get("version"), body };
  };
  return { cache, gate, poll, server };
}

/** The names in an answer. */
function namesIn(body: Uint8Array): string[] {
  const { resources } = fromBinary(DiscoveryResponseSchema, body);
  return resources.map(({ value }) => fromBinary(ResourceSchema, value).metadata?.name ?? "").sort();
}

describe("long polling", () => {
  test("answers a client that has nothing at once, with everything and its version", async () => {
    const { cache, gate, poll } = await serve();
    gate.markCaughtUp();
    put(cache, "a", "orders");
    put(cache, "b", "cart");
    const { status, version, body } = await poll();
    const response = fromBinary(DiscoveryResponseSchema, body);
    expect(status).toBe(200);
    expect(namesIn(body)).toEqual(["a/orders", "b/cart"]);
    expect(response).toMatchObject({ typeUrl, versionInfo: version });
  });

  test("holds a client that has everything, until something changes", async () => {
    const { cache, gate, poll, server } = await serve();
    gate.markCaughtUp();
    put(cache, "a", "orders");
    const { version } = await poll();
    let isAnswered = false;
    const held = poll({ version: version ?? "", clientId: "istio-1" }).finally(() => {
      isAnswered = true;
    });
    // Another client's whole conversation fits into that time.
    await poll();
    expect(isAnswered).toBe(false);
    expect(pollsInDetail(server.held)).toMatchObject([{
      id: "istio-1",
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      dialect: "longPolling",
      listener: "127.0.0.1:0",
      types: [{ typeUrl, acknowledgedVersion: version }],
    }]);
    put(cache, "a", "cart");
    const next = await held;
    expect(next.version).not.toBe(version);
    expect(namesIn(next.body)).toEqual(["a/cart", "a/orders"]);
    await expect.poll(() => [...server.held]).toEqual([]);
  });

  test("answers with nothing and the client's own version when the time is over", async () => {
    const { cache, gate, poll } = await serve({ intervalMs: 30 });
    const waiting = await poll({ version: "kept" });
    expect({ ...waiting, body: waiting.body.length }).toEqual({ status: 200, version: "kept", body: 0 });
    gate.markCaughtUp();
    put(cache, "a", "orders");
    const { version } = await poll();
    const same = await poll({ version: version ?? "" });
    expect({ ...same, body: same.body.length }).toEqual({ status: 200, version, body: 0 });
  });

  test("holds everybody until the sources have been read, then answers", async () => {
    const { cache, gate, poll } = await serve();
    put(cache, "a", "orders");
    const held = poll();
    await new Promise((resolve) => setImmediate(resolve));
    gate.markCaughtUp();
    expect(namesIn((await held).body)).toEqual(["a/orders"]);
  });

  test("tells of one namespace, which other ones' changes don't touch", async () => {
    const { cache, gate, poll } = await serve({ intervalMs: 30 });
    gate.markCaughtUp();
    put(cache, "a", "orders");
    put(cache, "b", "cart");
    const first = await poll({ ns: "a" });
    expect(namesIn(first.body)).toEqual(["a/orders"]);
    put(cache, "b", "cart", "elsewhere.example");
    expect((await poll({ ns: "a", version: first.version ?? "" })).body).toHaveLength(0);
    expect(namesIn((await poll({ ns: "c" })).body)).toEqual([]);
  });

  test("looks at the resources once for a change, for however many polls of single namespaces", async () => {
    const { cache, gate, poll, server } = await serve();
    gate.markCaughtUp();
    for (let index = 0; index < 20; index++) put(cache, `n${index}`, "orders");
    const versions = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await poll({ ns: `n${index}` })).version ?? ""),
    );
    const looks = vi.spyOn(cache, "snapshot");
    const polls = versions.map((version, index) => poll({ ns: `n${index}`, version }));
    await expect.poll(() => [...server.held].length).toBe(20);
    put(cache, "n7", "cart");
    expect(namesIn((await polls[7])?.body ?? Buffer.of())).toEqual(["n7/cart", "n7/orders"]);
    // Once for all versions, and for the answer.
    expect(looks.mock.calls.length).toBeLessThan(5);
    for (let index = 0; index < 20; index++) put(cache, `n${index}`, "stock");
    expect((await Promise.all(polls)).every(({ status }) => status === 200)).toBe(true);
  });

  test("answers types that there are none of empty, under a version", async () => {
    const { cache, gate, poll } = await serve({ typeUrls: [typeUrl] });
    gate.markCaughtUp();
    put(cache, "a", "orders");
    for (const other of ["core/v1/Pod", "networking.istio.io/v1/ServiceEntry"]) {
      const { version, body } = await poll({ typeUrl: other });
      expect(version).not.toBe("");
      expect(namesIn(body)).toEqual([]);
    }
  });

  test("writes YAML", async () => {
    const { cache, gate, poll } = await serve();
    gate.markCaughtUp();
    put(cache, "a", "orders");
    const { body } = await poll({ ser: "yaml" });
    expect(parse(body.toString())).toMatchObject([{
      apiVersion: "networking.istio.io/v1alpha3",
      kind: "ServiceEntry",
      metadata: { name: "orders", namespace: "a" },
      spec: { hosts: ["orders.example"] },
    }]);
  });

  test("refuses what can't be answered", async () => {
    const { poll } = await serve();
    expect((await poll({ typeUrl: "" })).status).toBe(400);
  });

  test("counts polls as streams, and forgets clients that leave", async () => {
    const { gate, poll } = await serve({}, 1);
    gate.markCaughtUp();
    const { version } = await poll();
    const stop = new AbortController();
    const held = poll({ version: version ?? "" }, stop.signal);
    await expect.poll(async () => (await poll()).status).toBe(503);
    stop.abort();
    await expect(held).rejects.toThrow();
    await expect.poll(async () => (await poll()).status).toBe(200);
  });

  test("warns if TLS was asked for, which it hasn't", async () => {
    const folder = await mkdtemp(join(tmpdir(), "meshregistry-polling-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { cert, key } = selfSignedCertificate();
    const [certFile, keyFile] = [join(folder, "crt"), join(folder, "key")];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
    const log = silentLog();
    const warn = vi.spyOn(log, "warn");
    const tls = { certFile, keyFile, clientCaFile: "", allowedSans: [] };
    await serve({}, 1000, await testTransport({ tls }), log);
    expect(warn).toHaveBeenCalledWith({ address: "127.0.0.1:0" }, expect.stringContaining("plain text"));
  });
});
