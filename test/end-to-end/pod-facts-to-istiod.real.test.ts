import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startEureka } from "../servers/eureka.ts";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { IstiodVersion } from "../servers/istiod.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { startNats } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const host = "orders.eureka.svc.cluster.local";

/**
 * An instance in Eureka that runs in an injected pod: a real cluster → facts → the Eureka collector → aggregator → istiod →
 * a sidecar, which calls it with mTLS because of the pod's label `security.istio.io/tlsMode`.
 */
describe.each<IstiodVersion>(["latest", "1.22"])("facts of pods to istiod %s", (version) => {
  const { skip } = requireReal("nats-server", "eureka", "kube-apiserver", `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  let server: KubeApiServer;
  let publisher: Service;
  let sidecar: Sidecar;
  let pod = { name: "", address: "" };

  const firstPod = async () => {
    const path = "jsonpath={.items[0].metadata.name} {.items[0].status.podIP}";
    const text = await server.kubectl("get", "pods", "-l", "app=orders", "-o", path);
    const [name = "", address = ""] = text.split(" ");
    expect(address).not.toBe("");
    return { name, address };
  };

  beforeAll(async () => {
    if (skip) return;
    const [nats, eureka, kubernetes] = await Promise.all([
      startNats(),
      startEureka(),
      startKubeApiServer({ controllers: true }),
    ]);
    for (const each of [nats, eureka, kubernetes]) stack.use(each);
    server = kubernetes;
    await server.apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { namespace: "default", name: "orders" },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "orders" } },
        template: {
          metadata: { labels: { app: "orders", "security.istio.io/tlsMode": "istio" } },
          spec: { containers: [{ name: "orders", image: "orders:1" }] },
        },
      },
    });
    pod = await vi.waitFor(firstPod, { timeout: 60_000, interval: 200 });
    const instance = (instanceId: string, ipAddr: string) =>
      eureka.register({ app: "orders", instanceId, ipAddr, port: 8080 });
    // One beside the pod runs on a machine.
    await Promise.all([instance("in-a-pod", pod.address), instance("on-a-machine", "172.16.0.1")]);
    const kubeConfig = join(server.folder, "facts.kubeconfig");
    writeFileSync(kubeConfig, server.kubeconfig("admin"));
    const config = {
      nats: { servers: [nats.url] },
      k8s: { kubeConfig, clusterId: "home" },
      eurekaSource: { enabled: true, address: [eureka.url], deltaPeriod: "200ms", refreshPeriod: "5s" },
    };
    publisher = stack.use(await startService("k8s-collector", config));
    stack.use(await startService("eureka-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    const istiod = stack.use(await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] }));
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  }, 240_000);

  afterAll(() => stack.disposeAsync());

  const mutualTls = () => sidecar.mutualTlsOfHost(host, 80).join(" ");

  test.skipIf(skip)("the instance in an injected pod is called with mTLS, its neighbour isn't", async () => {
    await sidecar.until("two endpoints", () => sidecar.endpointsOfHost(host, 80)?.length === 2);
    await sidecar.until("mTLS at the pod", () => mutualTls() === `${pod.address}:8080`);
  });

  test.skipIf(skip)("that follows the pod's label, and stays while the cluster can't be read", async () => {
    const label = (value: string) =>
      server.kubectl("label", "pod", pod.name, "--overwrite", `security.istio.io/tlsMode${value}`);
    await label("-");
    await sidecar.until("no mTLS", () => mutualTls() === "");
    await label("=istio");
    await sidecar.until("mTLS again", () => mutualTls() === `${pod.address}:8080`);
    await server.kill();
    await expect.poll(() => publisher.get("/meshregistry/ready"), { timeout: 60_000 }).toMatch(
      /can't be read/,
    );
    await sidecar.quiet();
    expect(mutualTls()).toBe(`${pod.address}:8080`);
    await server.restart();
    await label("-");
    await sidecar.until("no mTLS", () => mutualTls() === "");
  });
});
