import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCluster } from "../../../shared/kubernetes/open-cluster.ts";
import { requireReal } from "../../../test/servers/find.ts";
import { startKubeApiServer } from "../../../test/servers/kube-apiserver.ts";
import type { KubeApiServer } from "../../../test/servers/kube-apiserver.ts";
import { allFacts } from "../../../shared/facts/fact-subject.ts";
import { contentOf, newFactsLog, patient, publish } from "./facts-rig.ts";

const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { namespace: "default", name: "orders" },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "orders" } },
    template: {
      metadata: { labels: { app: "orders", "security.istio.io/tlsMode": "istio" } },
      spec: { containers: [{ name: "orders", image: "orders:1" }] },
    },
  },
};

describe.skipIf(requireReal("kube-apiserver").skip)("facts of a real cluster", () => {
  const stack = new AsyncDisposableStack();
  let server: KubeApiServer;

  beforeAll(async () => {
    server = stack.use(await startKubeApiServer({ controllers: true }));
    await server.apply(deployment);
  }, 120_000);

  afterAll(() => stack.disposeAsync());

  const start = async () => {
    const factsLog = newFactsLog();
    const text = server.kubeconfig("admin");
    const cluster = await openCluster({ kind: "text", text }, {
      name: "home",
      maxRetryMs: 200,
      environment: {},
    });
    const { facts } = publish(cluster, factsLog);
    const pods = async () => {
      const { found } = await contentOf(factsLog);
      return Object.entries(found).filter(([name]) => name.startsWith("home orders-"));
    };
    return { factsLog, facts, pods };
  };

  it("tells of pods and nodes as they run, are relabelled, replaced and removed", async () => {
    const { factsLog, facts, pods } = await start();
    await expect.poll(async () => (await pods()).length, patient).toBe(3);
    const [[key, fact] = ["", undefined]] = await pods();
    const podName = key.slice("home ".length);
    const address = await server.kubectl("get", "pod", podName, "-o", "jsonpath={.status.podIP}");
    const node = await server.kubectl("get", "pod", podName, "-o", "jsonpath={.spec.nodeName}");
    expect(fact).toMatchObject({
      ips: [address],
      node,
      account: "default",
      labels: { app: "orders", "security.istio.io/tlsMode": "istio" },
    });
    const one = async (name: string) => (await contentOf(factsLog)).found[`home ${name}`];
    await server.kubectl("label", "pod", podName, "version=v2", "security.istio.io/tlsMode-");
    await expect.poll(() => one(podName), patient).toMatchObject({ labels: { version: "v2" } });
    expect(await one(podName)).not.toMatchObject({ labels: { "security.istio.io/tlsMode": "istio" } });
    await server.kubectl("label", "node", node, "--overwrite", "topology.kubernetes.io/zone=moved");
    await expect.poll(() => one(node), patient).toMatchObject({
      labels: { "topology.kubernetes.io/zone": "moved" },
    });
    // What doesn't change labels, addresses, node or account is no change.
    const { published, unchanged } = facts.status();
    await server.kubectl("annotate", "pod", podName, "note=1");
    await expect.poll(() => facts.status().unchanged, patient).toBeGreaterThan(unchanged);
    expect(facts.status().published).toBe(published);
    await server.kubectl("delete", "pod", podName, "--grace-period=0", "--force");
    await expect.poll(() => one(podName), patient).toBeUndefined();
    await expect.poll(async () => (await pods()).length, patient).toBe(3);
    await server.kubectl("scale", "deployment/orders", "--replicas=1");
    await expect.poll(async () => (await pods()).length, patient).toBe(1);
  });

  it("has no fact of a pod at its node's address", async () => {
    const { pods, factsLog } = await start();
    await server.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "default", name: "agent", labels: { app: "agent" } },
      spec: { hostNetwork: true, containers: [{ name: "agent", image: "agent:1" }] },
    });
    const phase = () => server.kubectl("get", "pod", "agent", "-o", "jsonpath={.status.podIP}");
    await expect.poll(phase, patient).not.toBe("");
    await server.kubectl("scale", "deployment/orders", "--replicas=2");
    await expect.poll(async () => (await pods()).length, patient).toBe(2);
    expect((await contentOf(factsLog)).found).not.toHaveProperty(["home agent"]);
  });

  it("loses nothing while the API server is killed and started again", async () => {
    const { pods, facts, factsLog } = await start();
    await expect.poll(async () => (await pods()).length, patient).toBeGreaterThan(0);
    const before = (await pods()).length;
    const deleted: string[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of factsLog.follow(allFacts, stop.signal)) {
        if (event.type === "delete") deleted.push(event.subject);
      }
    })();
    await server.kill();
    await expect.poll(() => facts.remark, patient).toMatch(/can't be read, what is known of its pods stays/);
    await server.restart();
    await expect.poll(() => facts.remark, patient).toBeUndefined();
    await server.kubectl("scale", "deployment/orders", `--replicas=${before + 1}`);
    await expect.poll(async () => (await pods()).length, patient).toBe(before + 1);
    stop.abort();
    await following;
    expect(deleted).toEqual([]);
  });
});
