import { describe, expect, it } from "vitest";
import type { Pod } from "../../../shared/simulators/kubernetes/objects.ts";
import { contentOf, namesOn, newFactsLog, patient, publish, runningPod, startCluster } from "./facts-rig.ts";

const node = { metadata: { name: "n1", labels: { "topology.kubernetes.io/zone": "z1" } } };

describe("ClusterFacts", () => {
  it("publishes what counts of pods and nodes, and follows their changes", async () => {
    const { server, open } = await startCluster();
    server.set("nodes", {
      ...node,
      metadata: { ...node.metadata, creationTimestamp: "1970-01-01T00:00:07Z" },
    });
    server.set("pods", runningPod("a", "10.0.0.1", { app: "shop" }));
    const factsLog = newFactsLog();
    publish(await open(), factsLog);
    await expect.poll(async () => (await contentOf(factsLog)).found, patient).toEqual({
      "home a": {
        ips: ["10.0.0.1"],
        node: "n1",
        account: "shop",
        labels: { app: "shop" },
        created: 1_767_225_600,
      },
      "home n1": { labels: { "topology.kubernetes.io/zone": "z1" }, created: 7 },
    });
    server.set("pods", runningPod("a", "10.0.0.1", { app: "shop", version: "2" }));
    server.set("pods", runningPod("b", "10.0.0.2"));
    await expect.poll(async () => (await contentOf(factsLog)).found, patient)
      .toMatchObject({ "home a": { labels: { version: "2" } }, "home b": { ips: ["10.0.0.2"] } });
    server.delete("pods", { namespace: "shop", name: "a" });
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home b", "home n1"]);
  });

  it.each<[what: string, fields: Partial<Omit<Pod, "metadata">>]>([
    ["uses its node's address", { spec: { hostNetwork: true } }],
    ["has ended", { status: { phase: "Succeeded" } }],
    ["has failed", { status: { phase: "Failed" } }],
    ["has no address yet", { status: { phase: "Pending", podIP: "", podIPs: [] } }],
  ])("leaves out a pod that %s", async (_what, fields) => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1", {}, fields));
    server.set("pods", runningPod("b", "10.0.0.2"));
    const factsLog = newFactsLog();
    publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home b"]);
  });

  it("forgets a pod that ends, though nobody deletes it", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    server.set("pods", runningPod("b", "10.0.0.2"));
    const factsLog = newFactsLog();
    publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home b"]);
    server.set("pods", runningPod("a", "10.0.0.1", {}, { status: { phase: "Succeeded" } }));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home b"]);
  });

  it("forgets a pod that was deleted while the cluster couldn't be read", async () => {
    const { server, url, open } = await startCluster();
    for (const name of ["a", "b"]) server.set("pods", runningPod(name, `10.0.0.${name === "a" ? 1 : 2}`));
    const factsLog = newFactsLog();
    publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home b"]);
    await server.stop();
    server.delete("pods", { namespace: "shop", name: "a" });
    server.compact();
    await server.listen(new URL(url).host);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home b"]);
  });

  it("publishes nothing for a change of the status", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = newFactsLog();
    const { facts } = publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    for (let count = 0; count < 10; count++) {
      server.set("pods", runningPod("a", "10.0.0.1", {}, { status: { conditions: [{ count }] } }));
    }
    server.set("pods", runningPod("b", "10.0.0.2"));
    await expect.poll(() => facts.status().pods, patient).toBe(2);
    expect(facts.status()).toMatchObject({ events: 11, unchanged: 10 });
  });

  it("holds what is known of many pods that are missing at once", async () => {
    const { server, url, open } = await startCluster();
    for (let count = 0; count < 10; count++) server.set("pods", runningPod(`p${count}`, `10.0.0.${count}`));
    const factsLog = newFactsLog();
    const { facts } = publish(await open(), factsLog);
    await expect.poll(async () => (await namesOn(factsLog)).length, patient).toBe(10);
    await server.stop();
    for (let count = 0; count < 6; count++) server.delete("pods", { namespace: "shop", name: `p${count}` });
    server.compact();
    await server.listen(new URL(url).host);
    await expect.poll(() => facts.status().held, patient).toBe(6);
    expect(await namesOn(factsLog)).toHaveLength(10);
  });

  it("tells pods without nodes where we may not read those", async () => {
    const { server, open } = await startCluster();
    server.denies = (_user, _verb, kind) => kind === "nodes";
    server.set("nodes", node);
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = newFactsLog();
    const { facts } = publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    expect([facts.notReady, facts.remark]).toEqual([undefined, expect.stringContaining("nodes")]);
  });

  it("is taken over by another replica when it stops, which publishes nothing twice", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = newFactsLog();
    const first = publish(await open(), factsLog, "first");
    await expect.poll(() => first.facts.status().published, patient).toBe(1);
    const second = publish(await open(), factsLog, "second");
    await expect.poll(() => second.facts.status().published, patient).toBe(1);
    expect(second.facts.status().isPublisher).toBe(false);
    const before = (await contentOf(factsLog)).found;
    await first.stop();
    await expect.poll(() => second.facts.status().isPublisher, patient).toBe(true);
    server.set("pods", runningPod("b", "10.0.0.2"));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home b"]);
    expect((await contentOf(factsLog)).found).toMatchObject(before);
  });

  it("deletes its facts when the cluster is no longer one of ours, and nothing of others", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = newFactsLog();
    const home = publish(await open(), factsLog);
    const east = publish(await open("east"), factsLog, "a", "east");
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["east a", "home a"]);
    east.facts.retire();
    await east.running;
    expect(await namesOn(factsLog)).toEqual(["home a"]);
    expect(home.facts.status().isPublisher).toBe(true);
  });

  it("reads on with new credentials, and loses nothing in between", async () => {
    const { server, open } = await startCluster();
    server.set("pods", runningPod("a", "10.0.0.1"));
    const factsLog = newFactsLog();
    const { facts } = publish(await open(), factsLog);
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a"]);
    const { last } = await contentOf(factsLog);
    await facts.replace(await open());
    await expect.poll(() => server.watchers("pods").length, patient).toBe(1);
    server.set("pods", runningPod("b", "10.0.0.2"));
    await expect.poll(() => namesOn(factsLog), patient).toEqual(["home a", "home b"]);
    expect(last).toBeGreaterThan(0);
  });
});
