import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { requireReal } from "../servers/find.ts";
import { startIstiod } from "../servers/istiod.ts";
import type { Istiod, IstiodVersion } from "../servers/istiod.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { startNats } from "../servers/nats.ts";
import { connectSidecar } from "../servers/sidecar-client.ts";
import type { Sidecar } from "../servers/sidecar-client.ts";
import { startService } from "./services.ts";

const host = "orders.default.svc.cluster.local";

/** Real clusters → collector → NATS JetStream → aggregator → istiod → a sidecar. */
describe.each<IstiodVersion>(["latest", "1.22"])("Kubernetes to istiod %s", (version) => {
  const { skip } = requireReal("nats-server", "kube-apiserver", `istiod-${version}`);
  const stack = new AsyncDisposableStack();
  let east: KubeApiServer;
  let west: KubeApiServer;
  let istiod: Istiod;
  let sidecar: Sidecar;

  const deploy = async (server: KubeApiServer, name: string, replicas: number) => {
    await server.apply({
      apiVersion: "v1",
      kind: "List",
      items: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { namespace: "default", name },
          spec: {
            replicas,
            selector: { matchLabels: { app: name } },
            template: {
              metadata: { labels: { app: name } },
              spec: { containers: [{ name, image: `${name}:1` }] },
            },
          },
        },
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { namespace: "default", name },
          spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
        },
      ],
    });
  };

  /** Both clusters number their pods from one address on: one that had others before gives addresses of its own. */
  const takeAddresses = async (server: KubeApiServer, count: number) => {
    await deploy(server, "others", count);
    await vi.waitFor(async () => {
      const path = "jsonpath={.status.readyReplicas}";
      expect(await server.kubectl("get", "deployment", "others", "-o", path)).toBe(String(count));
    }, { timeout: 60_000, interval: 200 });
    await server.kubectl("delete", "deployment,service", "others");
  };

  beforeAll(async () => {
    if (skip) return;
    const [nats, ...servers] = await Promise.all([
      startNats(),
      startKubeApiServer({ controllers: true }),
      startKubeApiServer({ controllers: true }),
    ]);
    stack.use(nats);
    for (const server of servers) stack.use(server);
    [east, west] = servers;
    await takeAddresses(west, 30);
    await Promise.all([deploy(east, "orders", 2), deploy(west, "orders", 1)]);
    const clusters = [["east", east], ["west", west]] as const;
    const config = {
      nats: { servers: [nats.url] },
      k8sSource: {
        clusters: clusters.map(([id, server]) => {
          const kubeConfig = join(server.folder, "collector-admin.kubeconfig");
          writeFileSync(kubeConfig, server.kubeconfig("admin"));
          return { id, kubeConfig };
        }),
      },
    };
    stack.use(await startService("k8s-collector", config));
    const aggregator = stack.use(await startService("aggregator", config));
    await vi.waitFor(async () => expect(await aggregator.isReady()).toBe(true), { timeout: 60_000 });
    istiod = stack.use(await startIstiod({ version, mcpAddresses: [aggregator.xdsAddress] }));
    sidecar = stack.use(connectSidecar({ address: `127.0.0.1:${istiod.grpcPort}` }));
  }, 240_000);

  afterAll(() => stack.disposeAsync());

  const countOf = () => sidecar.endpointsOfHost(host, 80)?.length;

  test.skipIf(skip)("the endpoints of both clusters are those of one host", async () => {
    await sidecar.until("three endpoints", () => countOf() === 3);
  });

  test.skipIf(skip)(
    "a Deployment that is scaled in a remote cluster is an update of its endpoints",
    async () => {
      await sidecar.until("three endpoints", () => countOf() === 3);
      // Pods that became ready just before may still be on their way to the sidecar.
      await sidecar.quiet(3_000);
      sidecar.forget();
      await west.kubectl("scale", "deployment/orders", "--replicas=5");
      await sidecar.until("seven endpoints", () => countOf() === 7);
      const { CDS, EDS, LDS } = sidecar.counts();
      expect(EDS).toBeGreaterThan(0);
      // Up to 1.24 each change of an entry without addresses is a full push, one for each slice on the way to seven.
      if (version === "latest") expect({ CDS, LDS }).toEqual({ CDS: 0, LDS: 0 });
      else expect(Math.max(CDS, LDS)).toBeLessThanOrEqual(EDS);
      await west.kubectl("scale", "deployment/orders", "--replicas=1");
      await sidecar.until("three endpoints again", () => countOf() === 3);
    },
  );
});
