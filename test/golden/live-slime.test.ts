import { HistoryBook } from "../../services/aggregator/history/history-book.ts";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { NodeSchema } from "../../protos/gen/envoy/config/core/v3/base_pb.ts";
import type {
  DiscoveryRequest,
  DiscoveryResponse,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceCache } from "../../services/aggregator/catalogue/cache.ts";
import { debugApi } from "../../services/aggregator/debug/debug-api.ts";
import { StreamIngest } from "../../services/aggregator/ingest/ingest.ts";
import { defaultTransportSettings, Transport } from "../../services/aggregator/grpc/transport.ts";
import { AggregatorMetrics } from "../../services/aggregator/metrics.ts";
import { CollectorWatch } from "../../services/aggregator/sources/collector-watch.ts";
import { SourceOverview } from "../../services/aggregator/sources/source-overview.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { SyncGate } from "../../services/aggregator/ingest/sync-gate.ts";
import { XdsServer } from "../../services/aggregator/xds/xds-server.ts";
import { eurekaConvertSource } from "../../services/eureka-collector/dry-run/convert-eureka.ts";
import { PublisherRig } from "../../shared/collector/publisher-rig.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import { createLogger } from "../../shared/runtime/log.ts";

/*
 * The same three services, through our conversion, entry log, ingest and debug API: what it answers must have the
 * shapes and the content of what a running slime answered. Only times, versions and nonces may differ, and the ids of
 * connections.
 */

const data = join(import.meta.dirname, "../data/slime-live");
const serviceEntry = "networking.istio.io/v1alpha3/ServiceEntry";
const stop = new AbortController();
const stack = new AsyncDisposableStack();
let ask: (path: string) => Promise<Response>;
let xdsAddress = "";

const slimeModule = {
  enable: true,
  name: "meshregistry",
  general: {
    LEGACY: {
      EurekaSource: { Enabled: true, Address: ["http://localhost:8761/eureka"], LabelPatch: false },
    },
  },
};

beforeAll(async () => {
  const log = createLogger("golden");
  log.level = "silent";
  const loaded = loadConfig(JSON.stringify(slimeModule), { env: {}, fileName: "slime's module" });
  const { config } = loaded;
  expect(config.profile).toBe("slime");

  const entryLog = stack.use(new EmbeddedEntryLog());
  const guard = { maxShrinkPercent: 100, minEndpoints: 0, holdTimeMs: 0 };
  const source = { registry: "eureka", source: "default" };
  const publisher = stack.use(await PublisherRig.start({ entryLog, guard }));
  const { manifests } = await eurekaConvertSource.convert(
    JSON.stringify(await eurekaApplications()),
    loaded,
    stop.signal,
  );
  await publisher.publishAll(manifests);

  const cache = new ResourceCache();
  const gate = stack.use(new SyncGate([{ ...source, waitTimeMs: 0 }]));
  const registry = new Registry();
  const metrics = new AggregatorMetrics(registry);
  const ingest = new StreamIngest({ cache, gate, profile: config.profile, guard, log, metrics });
  const running = ingest.run(entryLog, stop.signal);
  stack.defer(() => running);
  stack.defer(() => stop.abort());
  const xds = stack.use(
    await XdsServer.listen({
      listeners: [{ address: "127.0.0.1:0" }],
      transport: await Transport.open(defaultTransportSettings, log),
      cache,
      gate,
      controlPlane: "test",
      minPushIntervalMs: 0,
      log,
      metrics,
    }),
  );
  xdsAddress = xds.addresses[0] ?? "";
  await gate.opened;
  const clients = () => xds.clients;
  const collectors = new CollectorWatch({
    collectors: embeddedBucket("collectors"),
    log,
    sources: () => [source],
    release: () => 0,
  });
  const overview = new SourceOverview({ cache, gate, ingest, collectors, configured: [source] });
  const app = debugApi({
    config,
    cache,
    gate,
    ingest,
    entryLog,
    overview,
    collectors,
    log,
    clients,
    history: new HistoryBook({ versions: 0, maxBytes: 0 }),
    historySince: () => undefined,
    metrics: registry,
    totals: metrics.totals,
  });
  ask = async (path) => await app.request(`/meshregistry/${path}`);
});

afterAll(async () => await stack.disposeAsync());

interface LiveSpec {
  readonly endpoints: readonly { readonly address: string; readonly labels: Record<string, string> }[];
}

/** The services that slime had read, as Eureka has them: from what slime made of them. */
async function eurekaApplications() {
  const specs: Record<string, LiveSpec> = JSON.parse(await readFile(join(data, "eureka-cache.json"), "utf8"));
  return Object.entries(specs).map(([entry, { endpoints }]) => {
    const name = entry.replace(/\.eureka$/, "").toUpperCase();
    return {
      name,
      instance: endpoints.map(({ address, labels }) => ({
        instanceId: `${address}:${name}:8080`,
        app: name,
        hostName: address,
        ipAddr: address,
        status: "UP",
        port: { $: 8080, "@enabled": "true" },
        metadata: labels,
      })),
    };
  });
}

/** Keys whose values are times, versions or nonces: they have to be there, and to be texts. */
const volatileKeys = new Set([
  "creationTimestamp",
  "resourceVersion",
  "ResourceVersion",
  "PushVer",
  "AckVer",
]);

/** The value with its volatile texts replaced by their type. */
function withoutVolatile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVolatile);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      const isVolatile = volatileKeys.has(key) && typeof item === "string" && item !== "";
      return [key, isVolatile ? "some text" : withoutVolatile(item)];
    }),
  );
}

async function live(file: string): Promise<string> {
  return await readFile(join(data, file), "utf8");
}

describe("the debug API answers like a running slime", () => {
  test.each([
    ["xdsCache", "xdsCache.gvk.json"],
    [`xdsCache?res=${serviceEntry}&ns=eureka&name=bench-svc-00000.eureka`, "xdsCache.one.json"],
    ["eureka", "eureka-cache.json"],
  ])("/%s", async (path, file) => {
    const response = await ask(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
    const text = await response.text();
    expect(withoutVolatile(JSON.parse(text))).toEqual(withoutVolatile(JSON.parse(await live(file))));
    // Two spaces, and keys in slime's order.
    expect(keyLines(text)).toEqual(keyLines(await live(file)));
  });

  test("/xdsCache as a stream of YAML documents, to the letter", async () => {
    const response = await ask("xdsCache?layout=plain&format=yaml&k8sRsc=1");
    expect(response.headers.get("content-type")).toContain("text/yaml");
    const text = await response.text();
    const expected = await live("xdsCache.plain-k8sRsc.yaml");
    const documents = (content: string) =>
      parseAllDocuments(content).map((document) => withoutVolatile(document.toJS()));
    expect(documents(text)).toEqual(documents(expected));
    const volatile = /^( +(?:creationTimestamp|resourceVersion): ).*$/gm;
    expect(text.trimEnd().replaceAll(volatile, "$1…")).toBe(expected.trimEnd().replaceAll(volatile, "$1…"));
  });

  test("/clients", async () => {
    await using _istiod = await connectIstiod();
    const expected: Record<string, object> = JSON.parse(await live("clients.json"));
    const ours: Record<string, object> = JSON.parse(await (await ask("clients")).text());
    const numbers = /-\d+"|:\d+"/g;
    const shape = (clients: Record<string, object>) =>
      JSON.stringify(withoutVolatile(clients), undefined, 2).replaceAll(numbers, '-n"');
    expect(shape(ours)).toBe(shape(expected));
    const [status] = Object.values(ours);
    expect(JSON.stringify(status)).toMatch(/"PushVer":"([^"]+)","AckVer":"\1"/);
  });
});

/** The key at the beginning of each line, with its indentation. */
function keyLines(json: string): string[] {
  return json.trimEnd().split("\n").map((line) => /^ *(?:"[^"]*":)?/.exec(line)?.[0] ?? "");
}

/** An istiod of slime's time: one request for v1alpha3, acknowledged. */
async function connectIstiod(): Promise<AsyncDisposable> {
  const client = new Client(xdsAddress, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    (request: DiscoveryRequest) => Buffer.from(toBinary(DiscoveryRequestSchema, request)),
    (bytes: Buffer): DiscoveryResponse => fromBinary(DiscoveryResponseSchema, bytes),
  );
  call.on("error", () => {});
  const node = create(NodeSchema, {
    id: "sidecar~127.0.0.1~istiod-0.istio-system~istio-system.svc.cluster.local",
    metadata: { GENERATOR: "api" },
  });
  const request = { node, typeUrl: serviceEntry };
  const answered = new Promise<DiscoveryResponse>((resolve) => call.once("data", resolve));
  call.write(create(DiscoveryRequestSchema, request));
  const { versionInfo, nonce } = await answered;
  call.write(create(DiscoveryRequestSchema, { ...request, versionInfo, responseNonce: nonce }));
  await expect.poll(async () => await (await ask("clients")).text()).toContain(`"AckVer": "${nonce}"`);
  return {
    [Symbol.asyncDispose]: () => {
      call.cancel();
      client.close();
      return Promise.resolve();
    },
  };
}
