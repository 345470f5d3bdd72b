import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireReal } from "../../test/servers/find.ts";
import { startKubeApiServer } from "../../test/servers/kube-apiserver.ts";
import type { KubeApiServer } from "../../test/servers/kube-apiserver.ts";
import { CollectorRig } from "./collector-rig.ts";

const patient = { timeout: 60_000, interval: 20 };

/** A Deployment and its Service in the namespace `default`. */
function deployment(name: string, replicas: number): object {
  const labels = { app: name, "security.istio.io/tlsMode": "istio" };
  return {
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
          template: { metadata: { labels }, spec: { containers: [{ name, image: `${name}:1` }] } },
        },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { namespace: "default", name },
        spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
      },
    ],
  };
}

describe.skipIf(requireReal("kube-apiserver").skip)("real clusters", () => {
  const stack = new AsyncDisposableStack();
  let east: KubeApiServer;
  let west: KubeApiServer;

  beforeAll(async () => {
    const servers = await Promise.all([
      startKubeApiServer({ controllers: true }),
      startKubeApiServer({ controllers: true }),
    ]);
    for (const server of servers) stack.use(server);
    [east, west] = servers;
  }, 120_000);

  afterAll(() => stack.disposeAsync());

  const start = (clusters: Readonly<Record<string, KubeApiServer>>, source: object = {}) =>
    CollectorRig.startWith(
      Object.fromEntries(Object.entries(clusters).map(([id, server]) => [id, server.kubeconfig("admin")])),
      { source: { ...source } },
    );

  const countOf = async (rig: CollectorRig, name: string) =>
    (await rig.manifests()).get(name)?.spec.endpoints?.length;

  test("a Deployment with its Service becomes an entry, and follows when it is scaled and rolled", async () => {
    const rig = await start({ east });
    await east.apply(deployment("orders", 3));
    await expect.poll(() => countOf(rig, "orders"), patient).toBe(3);
    const [first] = (await rig.manifests()).get("orders")?.spec.endpoints ?? [];
    expect(first).toMatchObject({
      ports: { http: 8080 },
      labels: { app: "orders", "security.istio.io/tlsMode": "istio", "topology.istio.io/cluster": "east" },
      serviceAccount: "default",
    });
    expect(first?.labels?.["topology.kubernetes.io/zone"]).toMatch(/^zone-[ab]$/);
    await east.kubectl("scale", "deployment/orders", "--replicas=120");
    await expect.poll(() => countOf(rig, "orders"), patient).toBe(120);
    await east.kubectl("scale", "deployment/orders", "--replicas=2");
    await expect.poll(() => countOf(rig, "orders"), patient).toBe(2);
    expect([...(await rig.manifests()).keys()], "the API server's own Service").not.toContain("kubernetes");
  });

  test("one Service in two of them is one entry, which stays whole while one is killed and started again", async () => {
    const rig = await start({ east, west });
    await Promise.all([east, west].map((server) => server.apply(deployment("both", 2))));
    await expect.poll(() => countOf(rig, "both"), patient).toBe(4);
    await west.kill();
    await expect.poll(() => rig.collector.view.error, patient).toMatch(/^cluster west: /);
    await east.kubectl("scale", "deployment/both", "--replicas=3");
    await expect.poll(() => countOf(rig, "both"), patient).toBe(5);
    await west.restart();
    await west.kubectl("scale", "deployment/both", "--replicas=1");
    await expect.poll(() => countOf(rig, "both"), patient).toBe(4);
    await expect.poll(() => rig.collector.view.error, patient).toBeUndefined();
  });

  test("a namespace for Secrets that doesn't exist is said, until it does and has one", async () => {
    const kubeConfig = join(west.folder, "home.kubeconfig");
    writeFileSync(kubeConfig, west.kubeconfig("admin"));
    const rig = await CollectorRig.startWith({}, {
      source: { clusterSecretsNamespace: "nowhere" },
      config: { k8s: { clusterId: "home", kubeConfig } },
    });
    await expect.poll(() => rig.collector.remark, patient).toMatch(
      /^namespace nowhere has no Secret labelled/,
    );
    await east.apply(deployment("of-a-secret", 1));
    await west.set("namespaces", { metadata: { name: "nowhere" } });
    await west.set("secrets", {
      metadata: { namespace: "nowhere", name: "east", labels: { "istio/multiCluster": "true" } },
      data: { east: Buffer.from(east.kubeconfig("admin")).toString("base64") },
    });
    await expect.poll(() => countOf(rig, "of-a-secret"), patient).toBe(1);
    expect(rig.collector.remark).toBeUndefined();
  });

  test("the MCS API: a Service is published while it is exported", async () => {
    await east.apply(deployment("exported", 1));
    await east.apply({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: {
        name: "serviceexports.multicluster.x-k8s.io",
        annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/pull/1646" },
      },
      spec: {
        group: "multicluster.x-k8s.io",
        scope: "Namespaced",
        names: { plural: "serviceexports", singular: "serviceexport", kind: "ServiceExport" },
        versions: [{
          name: "v1alpha1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        }],
      },
    });
    const path = "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/default/serviceexports";
    await expect.poll(async () => (await east.request("GET", path)).status, patient).toBe(200);
    const rig = await start({ east }, { multiClusterServices: true });
    await expect.poll(() => rig.isReady, patient).toBe(true);
    expect(await countOf(rig, "exported")).toBeUndefined();
    const metadata = { namespace: "default", name: "exported" };
    await east.expect("POST", path, {
      apiVersion: "multicluster.x-k8s.io/v1alpha1",
      kind: "ServiceExport",
      metadata,
    });
    await expect.poll(() => countOf(rig, "exported"), patient).toBe(1);
    expect((await rig.manifests()).get("exported")?.spec.hosts).toEqual([
      "exported.default.svc.clusterset.local",
    ]);
    await east.expect("DELETE", `${path}/exported`);
    await expect.poll(async () => (await countOf(rig, "exported")) ?? 0, patient).toBe(0);
  });
});
