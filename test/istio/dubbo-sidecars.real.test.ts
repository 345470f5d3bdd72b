import { create } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NodeSchema } from "../../protos/gen/envoy/config/core/v3/base_pb.ts";
import { embeddedBucket } from "../../shared/entry-log/open-entry-log.ts";
import { startAggregator } from "../../services/aggregator/aggregator.ts";
import { CallModel } from "../../shared/dubbo/calls/call-model.ts";
import { Sidecars } from "../../shared/dubbo/calls/sidecars.ts";
import { PublisherRig } from "../../shared/collector/publisher-rig.ts";
import { loadConfig } from "../../shared/config/mod.ts";
import { EmbeddedEntryLog } from "../../shared/entry-log/embedded.ts";
import type { ServiceEntryManifest } from "../../shared/model/manifest.ts";
import { createLogger } from "../../shared/runtime/log.ts";
import { atOnce } from "../../shared/runtime/turns.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod } from "../servers/istiod.ts";
import { openDelta } from "../servers/sidecar-stream.ts";
import { SidecarView } from "../servers/sidecar-view.ts";

const [orders, stock] = ["com.acme.order-service", "com.acme.stock-service.blue.g"];

function entry(host: string, number: number): ServiceEntryManifest {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: host, namespace: "dubbo", labels: {} },
    spec: {
      hosts: [host],
      addresses: [`240.1.0.${number}`],
      ports: [{ number: 20880, protocol: "TCP", name: "dubbo-20880" }],
      resolution: "STATIC",
      endpoints: [{ address: `10.0.0.${number}`, ports: { "dubbo-20880": 20880 } }],
    },
  };
}

/** Generated Sidecars, published by a collector's publisher and served by an aggregator, in a stock istiod. */
describe.each(["latest", "1.22"] as const)("Dubbo Sidecars in istiod %s", (version) => {
  const { skip } = requireReal(`istiod-${version}`);
  const stack = new AsyncDisposableStack();
  const { signal, abort } = abortable();
  const model = new CallModel();
  const sidecars = new Sidecars({
    enabled: true,
    profile: "istio",
    namespace: "dubbo",
    workloadLabel: "app",
    protocol: "TCP",
    selfConsume: false,
    trimIntervalMs: 0,
    istioRevision: "",
  }, model);
  let publisher: PublisherRig;
  let istiod: Istiod;

  function service(host: string, providers: readonly string[], consumers: readonly string[]): void {
    sidecars.changed(model.update(host, [{ key: host, host, providers, consumers }]));
  }

  async function publishChanges(): Promise<void> {
    const plan = atOnce(sidecars.plan(Date.now(), () => true));
    expect(plan.gone).toEqual([]);
    await publisher.publishChanges([...plan.upserts]);
    sidecars.settle(plan, new Set());
  }

  /** A proxy of a pod with that label; answers the Dubbo hosts that istiod shows to it. */
  function connect(app: string, namespace: string, number: number): () => string[] {
    const view = new SidecarView();
    const ip = `10.0.1.${number}`;
    const node = create(NodeSchema, {
      id: `sidecar~${ip}~${app}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `${app}.${namespace}`,
      metadata: { NAMESPACE: namespace, CLUSTER_ID: "Kubernetes", LABELS: { app }, INSTANCE_IPS: ip },
    });
    const address = `127.0.0.1:${istiod.grpcPort}`;
    const stream = openDelta({ address, node, view, onMessage: () => {}, onEnd: () => {} });
    stack.defer(() => stream.close());
    return () => [orders, stock].filter((host) => view.names("CDS").includes(`outbound|20880||${host}`));
  }

  beforeAll(async () => {
    if (skip) return;
    const log = createLogger("test");
    log.level = "silent";
    const entryLog = stack.use(new EmbeddedEntryLog());
    const guard = { maxShrinkPercent: 100, minEndpoints: 0, holdTimeMs: 0 };
    publisher = stack.use(await PublisherRig.start({ registry: "zookeeper", entryLog, guard }));
    service(orders, ["shop"], ["web"]);
    service(stock, ["shop"], []);
    const plan = atOnce(sidecars.plan(Date.now(), () => true));
    await publisher.publishAll([entry(orders, 1), entry(stock, 2), ...sidecars.manifests()]);
    sidecars.settle(plan, new Set());

    const listen = { mcp: { serverUrl: "xds://127.0.0.1:0" }, http: { address: "127.0.0.1:0" } };
    const loaded = loadConfig(JSON.stringify(listen), { env: {}, fileName: "of the test" });
    const aggregator = await startAggregator(
      { ...loaded, entryLog, collectors: embeddedBucket("collectors"), metrics: new Registry() },
      { log, signal, use: (resource) => stack.use(resource) },
    );
    stack.defer(() => aggregator.finished);
    stack.defer(abort);
    istiod = stack.use(await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] }));
  });

  afterAll(() => stack.disposeAsync());

  test.skipIf(skip)("limit the workloads of their namespace to what they consume", async () => {
    const names = (await istiod.configz("Sidecar")).map(({ namespace, name }) => `${namespace}/${name}`)
      .sort();
    expect(names).toEqual(["dubbo/shop.dubbo.generated", "dubbo/web.dubbo.generated"]);
    const web = connect("web", "dubbo", 1);
    const shop = connect("shop", "dubbo", 2);
    const unknown = connect("unknown", "dubbo", 3);
    const elsewhere = connect("web", "default", 4);
    await expect.poll(() => [unknown(), elsewhere()], { timeout: 30_000 }).toEqual([[orders, stock], [
      orders,
      stock,
    ]]);
    await expect.poll(web, { timeout: 30_000 }).toEqual([orders]);

    service(stock, ["shop"], ["web", "shop"]);
    await publishChanges();
    // Had `shop` been able to see the other host, it would have it by the time that it gets this one.
    await expect.poll(shop, { timeout: 30_000 }).toEqual([stock]);
    await expect.poll(web, { timeout: 30_000 }).toEqual([orders, stock]);

    service(orders, ["shop"], []);
    await publishChanges();
    await expect.poll(web, { timeout: 30_000 }).toEqual([stock]);
  });
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
