import { describe, expect, it } from "vitest";
import { CollectorRig } from "../../services/eureka-collector/collector-rig.ts";
import { startServer, up } from "../../services/eureka-collector/eureka-rig.ts";
import { patient, publish, runningPod, startCluster } from "../../services/k8s-collector/facts/facts-rig.ts";
import { CollectorRig as DubboRig } from "../../services/zk-collector/collector-rig.ts";
import type { DubboTree } from "../../services/zk-collector/collector-rig.ts";
import { startServer as startNacos } from "../../shared/nacos/nacos-rig.ts";
import { CollectorRig as NacosRig } from "../../services/nacos-collector/collector-rig.ts";
import { CountingLog, followFacts, newFactsLog } from "./facts-stage.ts";

const injected = { "security.istio.io/tlsMode": "istio" };

describe("labels of pods on a Eureka source's endpoints", () => {
  it("are on the first entry that is published, and a changed pod touches no entry but those that hold it", async () => {
    const { server: kubernetes, open } = await startCluster();
    const { server: eureka, url } = await startServer();
    for (let count = 1; count <= 5; count++) {
      kubernetes.set("pods", runningPod(`p${count}`, `10.0.0.${count}`, injected));
      eureka.registry.register(`APP${count}`, up(String(count)));
    }
    // As in a machine's process beside the pods.
    eureka.registry.register("MACHINE", up("9", { ipAddr: "192.168.0.9" }));
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    // The source reads its registry long before the pods are read.
    kubernetes.fault = () => ({ code: 503 });
    const facts = followFacts(factsLog);
    publish(await open(), factsLog);
    const rig = await CollectorRig.start([url], { entryLog, facts });
    await expect.poll(() => rig.collector.view.isComplete, patient).toBe(true);
    kubernetes.fault = undefined;
    await expect.poll(() => rig.ready, patient).toBe(true);
    expect(await entryLog.labels("app1")).toEqual({ "10.0.0.1": injected });
    expect(await entryLog.labels("machine")).toEqual({ "192.168.0.9": {} });
    kubernetes.set("pods", runningPod("p2", "10.0.0.2", { ...injected, version: "2" }));
    await expect.poll(() => entryLog.labels("app2"), patient)
      .toEqual({ "10.0.0.2": { ...injected, version: "2" } });
    kubernetes.delete("pods", { namespace: "shop", name: "p3" });
    await expect.poll(() => entryLog.labels("app3"), patient).toEqual({ "10.0.0.3": {} });
    expect(Object.fromEntries(entryLog.published)).toEqual({
      app1: 1,
      app2: 2,
      app3: 2,
      app4: 1,
      app5: 1,
      machine: 1,
    });
  });

  it("aren't lent by a hostNetwork pod to its neighbours at the node's address", async () => {
    const { server: kubernetes, open } = await startCluster();
    const { server: eureka, url } = await startServer();
    kubernetes.set("pods", runningPod("agent", "10.0.0.1", injected, { spec: { hostNetwork: true } }));
    kubernetes.set("pods", runningPod("shop", "10.0.0.2", injected));
    eureka.registry.register("PLAIN", up("1"));
    eureka.registry.register("SHOP", up("2"));
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    const facts = followFacts(factsLog);
    publish(await open(), factsLog);
    const rig = await CollectorRig.start([url], { entryLog, facts });
    await expect.poll(() => rig.ready, patient).toBe(true);
    expect(await entryLog.labels("plain")).toEqual({ "10.0.0.1": {} });
    expect(await entryLog.labels("shop")).toEqual({ "10.0.0.2": injected });
  });

  it("are waited for at an address among those of pods, and not for ever", async () => {
    const { server: kubernetes, open } = await startCluster();
    const { server: eureka, url } = await startServer();
    kubernetes.set("pods", runningPod("p1", "10.0.0.1", injected));
    eureka.registry.register("APP1", up("1"));
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    const facts = followFacts(factsLog);
    publish(await open(), factsLog);
    const config = { k8s: { latePodWait: "1h" } };
    const rig = await CollectorRig.start([url], { entryLog, facts, config });
    await expect.poll(() => rig.ready, patient).toBe(true);
    eureka.registry.register("APP2", up("2"));
    eureka.registry.register("MACHINE", up("9", { ipAddr: "192.168.0.9" }));
    await expect.poll(() => entryLog.published.get("machine"), patient).toBe(1);
    expect(entryLog.published.get("app2")).toBeUndefined();
    kubernetes.set("pods", runningPod("p2", "10.0.0.2", injected));
    await expect.poll(() => entryLog.labels("app2"), patient).toEqual({ "10.0.0.2": injected });
    expect(entryLog.published.get("app2")).toBe(1);
    await rig.stop();

    const impatient = await CollectorRig.start([url], {
      entryLog,
      facts,
      config: { k8s: { latePodWait: "10ms" } },
    });
    await expect.poll(() => impatient.ready, patient).toBe(true);
    eureka.registry.register("APP3", up("3"));
    await expect.poll(() => entryLog.labels("app3"), patient).toEqual({ "10.0.0.3": {} });
    kubernetes.set("pods", runningPod("p3", "10.0.0.3", injected));
    await expect.poll(() => entryLog.labels("app3"), patient).toEqual({ "10.0.0.3": injected });
  });

  it("don't hold up the first entries for longer than the limit", async () => {
    const { server: kubernetes, open } = await startCluster();
    const { server: eureka, url } = await startServer();
    eureka.registry.register("APP1", up("1"));
    kubernetes.fault = () => ({ code: 503 });
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    const facts = followFacts(factsLog, 100);
    publish(await open(), factsLog);
    const rig = await CollectorRig.start([url], { entryLog, facts });
    await expect.poll(() => rig.ready, patient).toBe(true);
    expect(await entryLog.labels("app1")).toEqual({ "10.0.0.1": {} });
    kubernetes.set("pods", runningPod("p1", "10.0.0.1", injected));
    kubernetes.fault = undefined;
    await expect.poll(() => entryLog.labels("app1"), patient).toEqual({ "10.0.0.1": injected });
  });

  it("are left alone by labelPatch: false", async () => {
    const { server: kubernetes, open } = await startCluster();
    const { server: eureka, url } = await startServer();
    kubernetes.set("pods", runningPod("p1", "10.0.0.1", injected));
    eureka.registry.register("APP1", up("1"));
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    const facts = followFacts(factsLog);
    publish(await open(), factsLog);
    await expect.poll(() => facts.isReady, patient).toBe(true);
    const rig = await CollectorRig.start([url], { entryLog, facts, source: { labelPatch: false } });
    await expect.poll(() => rig.ready, patient).toBe(true);
    expect(await entryLog.labels("app1")).toEqual({ "10.0.0.1": {} });
  });
});

describe("labels of pods on a ZooKeeper source's endpoints", () => {
  it("are on the first entry, and follow the pod", async () => {
    const { server: kubernetes, open } = await startCluster();
    kubernetes.set("pods", runningPod("p1", "10.0.0.1", injected));
    const factsLog = newFactsLog();
    const entryLog = new CountingLog();
    const facts = followFacts(factsLog);
    kubernetes.fault = () => ({ code: 503 });
    publish(await open(), factsLog);
    const fill = (registry: DubboTree) => registry.provide("a.B", 1);
    await using rig = await DubboRig.start({ entryLog, facts, fill });
    await expect.poll(() => rig.collector.view.isComplete, patient).toBe(true);
    kubernetes.fault = undefined;
    await expect.poll(() => entryLog.published.size, patient).toBe(1);
    const [name = ""] = entryLog.published.keys();
    expect(await entryLog.labels(name)).toMatchObject({ "10.0.0.1": injected });
    kubernetes.set("pods", runningPod("p1", "10.0.0.1", { ...injected, version: "2" }));
    await expect.poll(() => entryLog.labels(name), patient).toMatchObject({ "10.0.0.1": { version: "2" } });
    expect(entryLog.published.get(name)).toBe(2);
  });
});

describe.each(["istio", "slime"] as const)(
  "labels of pods on a Nacos source's endpoints, profile %s",
  (profile) => {
    it("are on the first entry, and follow the pod", async () => {
      const { server: kubernetes, open } = await startCluster();
      kubernetes.set("pods", runningPod("p1", "10.0.0.1", injected));
      const server = await startNacos({});
      server.registry.setInstances({ name: "orders" }, [{ ip: "10.0.0.1", port: 8080 }]);
      const factsLog = newFactsLog();
      const entryLog = new CountingLog();
      const facts = followFacts(factsLog);
      publish(await open(), factsLog);
      await NacosRig.start([server], { entryLog, facts, config: { profile } });
      await expect.poll(() => entryLog.labels("orders"), patient).toMatchObject({ "10.0.0.1": injected });
      kubernetes.set("pods", runningPod("p1", "10.0.0.1", { ...injected, version: "2" }));
      await expect.poll(() => entryLog.labels("orders"), patient)
        .toMatchObject({ "10.0.0.1": { ...injected, version: "2" } });
      expect(entryLog.published.get("orders")).toBe(2);
    });
  },
);
