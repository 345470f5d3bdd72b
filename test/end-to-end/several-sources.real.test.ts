import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { EurekaRegistry } from "../../shared/simulators/eureka/registry.ts";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import { SimulatedKubernetes } from "../../shared/simulators/kubernetes/server.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { startService } from "./services.ts";
import type { ServiceName, TestConfig } from "./services.ts";
import { XdsObserver } from "./xds-observer.ts";

const soon = { timeout: 60_000 };

const Sources = z.object({
  sources: z.record(
    z.string(),
    z.looseObject({
      state: z.string(),
      collectors: z.array(z.looseObject({ status: z.string() })),
    }),
  ),
});

const Held = z.object({ held: z.array(z.unknown()) });

/** Processes that share a NATS and a configuration; they end with the test. */
async function startMesh(config: TestConfig) {
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => await stack.disposeAsync());
  const nats = stack.use(await startNats());
  const whole = { ...config, nats: { servers: [nats.url] } };
  const collect = async (service: ServiceName, ...args: readonly string[]) =>
    stack.use(await startService(service, whole, 1, undefined, args));
  const aggregator = stack.use(await startService("aggregator", whole));
  const observer = stack.use(new XdsObserver(aggregator.xdsAddress));
  const sources = async () =>
    Sources.parse(JSON.parse(await aggregator.get("/meshregistry/sources"))).sources;
  return { stack, collect, aggregator, observer, sources };
}

/** A registry with ten services of one instance each, and where it listens. */
async function startEureka(site: number) {
  const registry = new EurekaRegistry();
  const server = new EurekaServer(registry);
  const register = (service: number, instance = 1) =>
    registry.register(`SITE${site}-${service}`, {
      instanceId: `10.${site}.${instance}.${service}:8080`,
      hostName: `10.${site}.${instance}.${service}`,
      ipAddr: `10.${site}.${instance}.${service}`,
      port: { $: 8080, "@enabled": "true" },
      status: "UP",
    });
  for (let service = 0; service < 10; service++) register(service);
  return { registry, server, register, url: await server.listen("127.0.0.1:0") };
}

describe.skipIf(requireReal("nats-server").skip)("several sources of one registry", () => {
  test("are read by the collectors that are told so, and an outage of one holds up no other", async () => {
    const [shanghai, beijing] = [await startEureka(1), await startEureka(2)];
    const periods = { deltaPeriod: "100ms", refreshPeriod: "300ms", nsHost: false, k8sDomainSuffix: false };
    const { stack, collect, aggregator, observer, sources } = await startMesh({
      eurekaSources: {
        shanghai: { address: [shanghai.url], ...periods },
        beijing: { address: [beijing.url], ...periods },
      },
      guard: { holdTime: "1h" },
    });
    for (const { server } of [shanghai, beijing]) stack.use(server);
    const hosts = () => [...observer.view.keys()].filter((host) => host.startsWith("site"));

    // Nobody is served before the second source was read.
    const one = await collect("eureka-collector", "--source", "shanghai");
    await expect.poll(async () => (await sources())["eureka/shanghai"]?.state, soon).toBe("synced");
    await expect.poll(() => one.isReady(), soon).toBe(true);
    expect((await sources())["eureka/beijing"]).toMatchObject({ collectors: [] });
    expect((await sources())["eureka/beijing"]?.state).not.toBe("synced");
    expect(await aggregator.isReady()).toBe(false);
    await collect("eureka-collector", "--source", "beijing");
    await expect.poll(() => hosts().length, soon).toBe(20);
    const living = async () =>
      Object.entries(await sources()).map((
        [key, { collectors }],
      ) => [key, collectors.map(({ status }) => status)]);
    expect(await living()).toEqual([["eureka/shanghai", ["live"]], ["eureka/beijing", ["live"]]]);

    // Shanghai's registry is empty: its entries are held. Beijing's change is served meanwhile.
    shanghai.registry.clear();
    const path = "/meshregistry/collectors/eureka/shanghai";
    const held = async () => Held.parse(JSON.parse(await one.get(`${path}/held`))).held;
    await expect.poll(held, soon).toHaveLength(10);
    beijing.register(10);
    beijing.register(0, 2);
    await expect.poll(() => observer.view.get("site2-0"), soon).toHaveLength(2);
    expect(hosts()).toHaveLength(21);
    expect([...observer.lostHosts, ...observer.emptiedHosts]).toEqual([]);

    // Released at the aggregator, which names the source in the path; Beijing keeps everything.
    const response = await fetch(`${aggregator.httpUrl}${path}/held/release`, { method: "POST" });
    expect(response.status).toBe(200);
    const alive = () => [...observer.view].filter(([, ends]) => ends.length > 0).map(([host]) => host);
    await expect.poll(() => alive().filter((host) => host.startsWith("site1")), soon).toEqual([]);
    expect(alive().filter((host) => host.startsWith("site2"))).toHaveLength(11);
  });

  test("of a section with clusters and with files: each may be read alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "meshregistry-sources-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(
      join(folder, "entry.yaml"),
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a, namespace: shop}\n" +
        "spec: {hosts: [a.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n",
    );
    const kubernetes = new SimulatedKubernetes();
    const url = await kubernetes.listen("127.0.0.1:0");
    kubernetes.set("services", {
      metadata: { namespace: "shop", name: "orders" },
      spec: { type: "ClusterIP", ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    });
    const kubeConfig = join(folder, "kubeconfig");
    writeFileSync(kubeConfig, kubernetes.kubeconfig(url));
    const { stack, collect, observer, sources } = await startMesh({
      k8sSources: {
        clusters: { clusters: [{ id: "east", kubeConfig }] },
        resources: { enableConfigFile: true, configPath: folder },
      },
    });
    stack.use(kubernetes);
    const reader = await collect("k8s-collector", "--source", "resources");
    await expect.poll(() => reader.isReady(), soon).toBe(true);
    await expect.poll(async () => (await sources())["files/resources"]?.state, soon).toBe("synced");
    expect(observer.view.size).toBe(0);
    const other = await collect("k8s-collector", "--source", "clusters");
    await expect.poll(() => other.isReady(), soon).toBe(true);
    await expect.poll(() => [...observer.view.keys()].sort(), soon)
      .toEqual(["a.example", "orders.shop.svc.cluster.local"]);
    await expect(collect("k8s-collector", "--source", "clusters,east")).rejects.toThrow(
      '--source "east": Kubernetes and the folder of resources have the sources clusters, resources',
    );
  });
});
