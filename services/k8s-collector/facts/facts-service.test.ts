import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../shared/config/mod.ts";
import { openCluster } from "../../../shared/kubernetes/open-cluster.ts";
import { FactsService } from "./facts-service.ts";
import { namesOn, newFactsLog, patient, runningPod, silentLog, startCluster } from "./facts-rig.ts";

/** Publishes facts of our own cluster, and of its Secrets. */
async function start(
  home: Awaited<ReturnType<typeof startCluster>> | undefined,
  sources: Readonly<Record<string, unknown>> = {},
) {
  const all = { eurekaSource: { address: ["http://a"] }, ...sources };
  const { config } = loadConfig(JSON.stringify(all), { env: {}, fileName: "test" });
  const factsLog = newFactsLog();
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  onTestFinished(async () => {
    stop.abort();
    await stack.disposeAsync();
  });
  const service = await FactsService.start({
    config: { ...config, k8s: { ...config.k8s, clusterId: "home" } },
    factsLog,
    member: "a",
    retryMs: 20,
    metrics: new Registry(),
    // Kubeconfigs of others have to have TLS, and the simulators have none.
    open: (access, name) =>
      access.kind === "untrusted"
        ? openCluster({ kind: "text", text: access.text.replace("https://", "http://") }, {
          name,
          maxRetryMs: 20,
          environment: {},
        })
        : access.kind === "file"
        ? openCluster(access, { name, maxRetryMs: 20, environment: {} })
        : home?.open(name) ?? openCluster(access, { name, environment: {} }),
  }, { log: silentLog, signal: stop.signal, use: (resource) => stack.use(resource) });
  return { service, factsLog };
}

function secret(name: string, clusters: Readonly<Record<string, string>>, namespace = "istio-system") {
  const data = Object.fromEntries(
    Object.entries(clusters).map(([id, text]) => [id, Buffer.from(text).toString("base64")]),
  );
  return { metadata: { namespace, name, labels: { "istio/multiCluster": "true" } }, data };
}

/** A kubeconfig as it is taken from a Secret. */
function kubeconfig({ server, url }: Awaited<ReturnType<typeof startCluster>>): string {
  return server.kubeconfig(url.replace("http://", "https://"));
}

describe("FactsService", () => {
  it("reads our own cluster, and names a Secret's kubeconfig that is unusable without harm to it", async () => {
    const home = await startCluster();
    home.server.set("pods", runningPod("a", "10.0.0.1"));
    home.server.set("secrets", secret("remote", { east: "no kubeconfig at all" }));
    const { service, factsLog } = await start(home);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    expect([...service.clusters()].map(({ id }) => id)).toEqual(["home"]);
    const response = await service.routes.request("/facts");
    expect(await response.json()).toMatchObject({ clusters: { home: { pods: 1, isSynced: true } } });
  });

  it("says why it isn't ready", async () => {
    const home = await startCluster();
    home.server.denies = (_user, _verb, kind) => kind === "pods";
    const { service } = await start(home);
    await expect.poll(() => service.notReady, patient).toMatch(
      /pods of cluster home not read yet: pods: .*forbidden/,
    );
  });

  it("reads clusters of Secrets as they come, and deletes the facts of one whose Secret was deleted", async () => {
    const [home, east] = [await startCluster(), await startCluster()];
    home.server.set("pods", runningPod("a", "10.0.0.1"));
    east.server.set("pods", runningPod("b", "10.1.0.1"));
    const { factsLog, service } = await start(home);
    home.server.set("secrets", secret("remote", { east: kubeconfig(east), home: kubeconfig(east) }));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east b", "home a"]);
    home.server.delete("secrets", { namespace: "istio-system", name: "remote" });
    await expect.poll(() => [...service.clusters()].map(({ id }) => id), patient).toEqual(["home"]);
    expect(await namesOn(factsLog)).toEqual(["home a"]);
  });

  it("reads clusters whose Services are read, also outside of any cluster, and not what a Secret says of them", async () => {
    const [home, east, west] = [await startCluster(), await startCluster(), await startCluster()];
    east.server.set("pods", runningPod("b", "10.1.0.1"));
    west.server.set("pods", runningPod("c", "10.2.0.1"));
    const folder = mkdtempSync(join(tmpdir(), "facts-service-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const kubeConfig = join(folder, "east");
    writeFileSync(kubeConfig, east.server.kubeconfig(east.url));
    const k8sSource = { clusters: [{ id: "east", kubeConfig }] };
    const outside = await start(undefined, { k8sSource });
    await expect.poll(() => namesOn(outside.factsLog), patient).toEqual(["east b"]);
    expect(outside.service.notReady).toBeUndefined();

    home.server.set("pods", runningPod("a", "10.0.0.1"));
    home.server.set("secrets", secret("remote", { east: kubeconfig(west), west: kubeconfig(west) }));
    const inside = await start(home, { k8sSource });
    await expect.poll(() => namesOn(inside.factsLog), patient).toEqual(["east b", "home a", "west c"]);
    home.server.delete("secrets", { namespace: "istio-system", name: "remote" });
    await expect.poll(() => namesOn(inside.factsLog), patient).toEqual(["east b", "home a"]);
    const without = await start(home, { k8sSource: { ...k8sSource, readPods: false } });
    await expect.poll(() => namesOn(without.factsLog), patient).toEqual(["home a"]);
  });

  it("reads the others where a kubeconfig can't be used, names it, and reads its cluster once it is mended", async () => {
    const [home, east] = [await startCluster(), await startCluster()];
    home.server.set("pods", runningPod("a", "10.0.0.1"));
    home.server.set("secrets", secret("remote", { west: kubeconfig(east) }));
    east.server.set("pods", runningPod("b", "10.1.0.1"));
    const folder = mkdtempSync(join(tmpdir(), "facts-service-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = (id: string) => ({ id, kubeConfig: join(folder, id) });
    await expect(start(undefined, { k8sSource: { clusters: [file("east")] } })).rejects.toThrow(
      /can't be read/,
    );
    writeFileSync(join(folder, "east"), east.server.kubeconfig(east.url));
    writeFileSync(join(folder, "home"), "garbage");
    const k8sSource = { clusters: [file("home"), file("east")] };
    const { service, factsLog } = await start(home, { k8sSource });
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east b"]);
    expect(service.remark).toMatch(/^cluster home can't be opened: .*is no kubeconfig/);
    writeFileSync(join(folder, "home"), home.server.kubeconfig(home.url));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east b", "home a", "west b"]);
    expect(service.remark).toBeUndefined();
  });

  it("reads clusters that only a source's Secrets name, and lets go of one when no namespace names it any more", async () => {
    const [home, east] = [await startCluster(), await startCluster()];
    home.server.set("pods", runningPod("a", "10.0.0.1"));
    east.server.set("pods", runningPod("b", "10.1.0.1"));
    home.server.set("secrets", secret("remote", { east: kubeconfig(east) }, "clusters"));
    const { factsLog, service } = await start(home, { k8sSource: { clusterSecretsNamespace: "clusters" } });
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east b", "home a"]);

    home.server.set("secrets", secret("watched", { east: kubeconfig(east) }));
    home.server.delete("secrets", { namespace: "clusters", name: "remote" });
    east.server.set("pods", runningPod("c", "10.1.0.2"));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east b", "east c", "home a"]);
    home.server.delete("secrets", { namespace: "istio-system", name: "watched" });
    await expect.poll(() => [...service.clusters()].map(({ id }) => id), patient).toEqual(["home"]);
    expect(await namesOn(factsLog)).toEqual(["home a"]);
  });

  it("leaves the Secrets of a source alone that reads no pods, and says which Secrets can't be read", async () => {
    const [home, east] = [await startCluster(), await startCluster()];
    home.server.set("pods", runningPod("a", "10.0.0.1"));
    home.server.set("secrets", secret("remote", { east: kubeconfig(east) }, "clusters"));
    home.server.denies = (_user, _verb, kind, namespace) => kind === "secrets" && namespace === "clusters";
    const k8sSource = { clusterSecretsNamespace: "clusters" };
    const without = await start(home, { k8sSource: { ...k8sSource, readPods: false } });
    await expect.poll(() => namesOn(without.factsLog), patient).toEqual(["home a"]);
    expect(without.service.remark).toBeUndefined();
    const denied = await start(home, { k8sSource });
    await expect.poll(() => denied.service.remark, patient).toMatch(
      /^Secrets with further clusters in clusters can't be read: .*forbidden/,
    );
  });
});
