import { describe, expect, test } from "vitest";
import { selfSignedCertificate } from "../../../test/servers/certificate.ts";
import { SimulatedKubernetes } from "../../simulators/kubernetes/server.ts";
import { openCluster } from "../open-cluster.ts";
import { resources } from "../kubernetes.ts";
import type { KubernetesCluster } from "../kubernetes.ts";
import { followClusterSecrets } from "./follow-cluster-secrets.ts";

const patient = { timeout: 10_000, interval: 10 };

/** A home cluster with Secrets, and what was told of them. */
async function startHome() {
  const server = new SimulatedKubernetes();
  const url = await server.listen("127.0.0.1:0");
  const cluster = await openCluster({ kind: "text", text: server.kubeconfig(url) }, {
    name: "home",
    maxRetryMs: 50,
    environment: {},
  });
  const told: string[] = [];
  const kubeconfigs = new Map<string, string>();
  const reflector = followClusterSecrets(cluster, "mesh", {
    onChange(change, isEvidence) {
      told.push(`${change.type} ${change.id}${isEvidence ? "" : " without evidence"}`);
      if (change.type === "added" || change.type === "rotated") kubeconfigs.set(change.id, change.kubeconfig);
    },
  });
  return {
    server,
    url,
    told,
    kubeconfigs,
    reflector,
    secret: (name: string, clusters: Readonly<Record<string, string>>, label = "true") =>
      void server.set("secrets", {
        metadata: { namespace: "mesh", name, labels: { "istio/multiCluster": label } },
        data: Object.fromEntries(
          Object.entries(clusters).map(([id, text]) => [id, Buffer.from(text).toString("base64")]),
        ),
      }),
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const kubeconfig = (token: string) =>
  JSON.stringify({
    "current-context": "c",
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1" } }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  });

describe("followClusterSecrets", () => {
  test("tells of clusters as their Secrets are created, rotated, broken, unlabelled and deleted", async () => {
    await using home = await startHome();
    home.secret("other", { ignored: kubeconfig("0") }, "false");
    home.secret("a", { east: kubeconfig("1") });
    await expect.poll(() => home.told, patient).toEqual(["added east"]);
    home.secret("b", { west: kubeconfig("2"), broken: "garbage" });
    home.secret("a", { east: kubeconfig("3") });
    await expect.poll(() => home.told.slice(1), patient).toEqual([
      "added west",
      "refused broken",
      "rotated east",
    ]);
    expect(home.kubeconfigs.get("east")).toBe(kubeconfig("3"));
    home.secret("a", { east: kubeconfig("3") }, "false");
    home.server.delete("secrets", { namespace: "mesh", name: "b" });
    await expect.poll(() => home.told.slice(4), patient).toEqual([
      "removed east",
      "removed west",
      "withdrawn broken",
    ]);
  });

  test("has no evidence for a Secret that is missing from a complete read", async () => {
    await using home = await startHome();
    home.secret("a", { east: kubeconfig("1") });
    home.secret("b", { west: kubeconfig("2") });
    await expect.poll(() => home.told, patient).toHaveLength(2);
    await home.server.stop();
    home.server.delete("secrets", { namespace: "mesh", name: "a" });
    // The same cluster, from another Secret: no reason to let go of it.
    home.server.delete("secrets", { namespace: "mesh", name: "b" });
    home.secret("c", { west: kubeconfig("2") });
    home.server.compact();
    expect(home.reflector.objects.size).toBe(2);
    await home.server.listen(new URL(home.url).host);
    await expect.poll(() => home.told.slice(2), patient).toEqual(["removed east without evidence"]);
  });

  test("gives what a rotation needs: the new connection reads everything before the old one ends", async () => {
    await using home = await startHome();
    const remote = new SimulatedKubernetes({ tls: selfSignedCertificate() });
    await using _remote = remote;
    remote.set("services", { metadata: { namespace: "ns", name: "a" } });
    remote.tokens.set("old", "reader").set("new", "reader");
    const url = await remote.listen("127.0.0.1:0");
    const open = async (): Promise<KubernetesCluster> =>
      await openCluster({ kind: "untrusted", text: home.kubeconfigs.get("east") ?? "" }, {
        name: "east",
        maxRetryMs: 50,
        environment: {},
      });
    const follow = (cluster: KubernetesCluster) =>
      cluster.reflect({ resource: resources.services }, { trim: ({ name }) => name, onEvent: () => {} });
    home.secret("a", { east: remote.kubeconfig(url, { token: "old" }) });
    await expect.poll(() => home.told, patient).toEqual(["added east"]);
    const old = await open();
    const before = follow(old);
    await before.synced(AbortSignal.timeout(10_000));
    home.secret("a", { east: remote.kubeconfig(url, { token: "new" }) });
    await expect.poll(() => home.told, patient).toEqual(["added east", "rotated east"]);
    await using fresh = await open();
    const after = follow(fresh);
    await after.synced(AbortSignal.timeout(10_000));
    await old[Symbol.asyncDispose]();
    remote.tokens.delete("old");
    remote.finishWatches();
    remote.set("services", { metadata: { namespace: "ns", name: "b" } });
    await expect.poll(() => [...after.objects.values()], patient).toEqual(["a", "b"]);
    expect([before.state.phase, before.objects.size, after.state.error]).toEqual(["closed", 1, undefined]);
  });
});
