import { describe, expect, test } from "vitest";
import type { KubernetesService, KubernetesSlice } from "../client/objects.ts";
import { ClusterObjects, podPatienceMs } from "./cluster-objects.ts";

const service: KubernetesService = {
  namespace: "ns",
  name: "a",
  createdAt: "",
  labels: {},
  annotations: { exportTo: "", trafficDistribution: "", accounts: "", canonicalAccounts: "" },
  externalName: undefined,
  clusterIps: [],
  ipFamilies: [],
  ports: [],
  trafficDistribution: "",
};

function slice(service: string, ...pods: readonly string[]): KubernetesSlice {
  const endpoints = pods.map((pod, index) => (
    {
      address: `10.0.0.${index}`,
      state: "ready" as const,
      node: "n",
      zone: "",
      pod: pod === "" ? "" : `ns/${pod}`,
    }
  ));
  return { namespace: "ns", name: "x", service, family: "IPv4", ports: [], endpoints };
}

function rig() {
  const told: string[] = [];
  const objects = new ClusterObjects("istio-system", (unit, count) => void told.push(`${unit} ${count}`));
  const take = () => told.splice(0);
  return { objects, take };
}

const pod = { labels: {}, account: "", node: "n" };

describe("ClusterObjects", () => {
  test("counts the endpoints of Services, whichever comes first (istio#36663)", () => {
    for (const order of [["service", "slice"], ["slice", "service"]]) {
      const { objects, take } = rig();
      for (const step of order) {
        if (step === "service") objects.setService("ns/a", service, 0);
        else objects.setSlice("ns/x", slice("a", "", ""), undefined, 0);
      }
      expect(take()).toEqual(order[0] === "service" ? ["ns/a 0", "ns/a 2"] : ["ns/a 0", "ns/a 2"]);
      expect([objects.endpoints, objects.slicesWithoutService]).toEqual([2, 0]);
      for (const step of order) {
        if (step === "service") objects.setService("ns/a", undefined, 0);
        else objects.setSlice("ns/x", undefined, slice("a", "", ""), 0);
      }
      // What went with the first isn't counted again with the second.
      expect(take()).toEqual(["ns/a -2", "ns/a 0"]);
      expect([objects.endpoints, objects.slicesWithoutService, [...objects.units()]]).toEqual([0, 0, []]);
    }
  });

  test("knows a slice without its Service, and one that is given to another Service", () => {
    const { objects, take } = rig();
    objects.setSlice("ns/x", slice("a", ""), undefined, 0);
    expect([objects.slicesWithoutService, objects.endpoints]).toEqual([1, 0]);
    objects.setService("ns/a", service, 0);
    objects.setService("ns/b", { ...service, name: "b" }, 0);
    take();
    objects.setSlice("ns/x", slice("b", ""), slice("a", ""), 0);
    expect(take()).toEqual(["ns/a -1", "ns/b 1"]);
    expect([[...objects.slicesOf("ns/a")].length, [...objects.slicesOf("ns/b")].length]).toEqual([0, 1]);
  });

  test("an endpoint waits for its pod, but not for ever, and not before pods are read", () => {
    const { objects, take } = rig();
    objects.setService("ns/a", service, 0);
    objects.setSlice("ns/x", slice("a", "early"), undefined, 0);
    expect([objects.pod("ns/early"), objects.waitsUntilMs]).toEqual([undefined, undefined]);
    objects.knowsPods = true;
    objects.setSlice("ns/x", slice("a", "early", "late", "never"), slice("a", "early"), 100);
    expect(["early", "late", "never"].map((name) => objects.pod(`ns/${name}`))).toEqual([
      undefined,
      "awaited",
      "awaited",
    ]);
    expect(objects.waitsUntilMs).toBe(100 + podPatienceMs);
    take();
    objects.setPod("ns/late", pod);
    expect([objects.pod("ns/late"), take()]).toEqual([pod, ["ns/a 0"]]);
    objects.stopWaiting(100 + podPatienceMs - 1);
    expect([objects.pod("ns/never"), take()]).toEqual(["awaited", []]);
    objects.stopWaiting(100 + podPatienceMs);
    expect([objects.pod("ns/never"), objects.waitsUntilMs, take()]).toEqual([undefined, undefined, [
      "ns/a 0",
    ]]);
    objects.setPod("ns/never", pod);
    expect([objects.pod("ns/never"), take()]).toEqual([pod, ["ns/a 0"]]);
  });

  test("a pod that is gone stays known for as long as a slice names it", () => {
    const { objects, take } = rig();
    objects.setService("ns/a", service, 0);
    objects.setPod("ns/p", pod);
    objects.setSlice("ns/x", slice("a", "p"), undefined, 0);
    objects.setSlice("ns/y", { ...slice("a", "p"), name: "y" }, undefined, 0);
    take();
    objects.setPod("ns/p", undefined);
    expect([objects.pod("ns/p"), take()]).toEqual([pod, []]);
    objects.setSlice("ns/x", undefined, slice("a", "p"), 0);
    expect(objects.pod("ns/p")).toEqual(pod);
    objects.setSlice("ns/y", undefined, { ...slice("a", "p"), name: "y" }, 0);
    expect(objects.pod("ns/p")).toBeUndefined();
  });

  test("a pod that no slice names concerns nobody", () => {
    const { objects, take } = rig();
    objects.setPod("ns/job", pod);
    objects.setPod("ns/job", undefined);
    expect([objects.pod("ns/job"), take()]).toEqual([undefined, []]);
  });

  test("nodes and namespaces concern the Services that have to do with them", () => {
    const { objects, take } = rig();
    objects.setService("ns/a", service, 0);
    objects.setService("other/b", { ...service, namespace: "other", name: "b" }, 0);
    objects.setSlice("ns/x", slice("a", ""), undefined, 0);
    take();
    objects.setNode("/n", { region: "r", zone: "z", subzone: "" });
    objects.setNode("/m", { region: "r", zone: "z", subzone: "" });
    expect(take()).toEqual(["ns/a 0"]);
    objects.setNamespace("/other", { network: "", trafficDistribution: "PreferClose" });
    expect(take()).toEqual(["other/b 0"]);
    objects.setNamespace("/istio-system", { network: "n", trafficDistribution: "" });
    expect(take()).toEqual(["ns/a 0", "other/b 0"]);
  });

  test("a node costs no look at all endpoints while nothing is told, as at the start", () => {
    let isHeard = false;
    let looks = 0;
    const told: string[] = [];
    const objects = new ClusterObjects("istio-system", (unit) => void told.push(unit), () => isHeard);
    objects.setService("ns/a", service, 0);
    const { endpoints, ...rest } = slice("a", "");
    const counted = {
      ...rest,
      get endpoints() {
        looks++;
        return endpoints;
      },
    };
    objects.setSlice("ns/x", counted, undefined, 0);
    told.splice(0);
    const before = looks;
    objects.setNode("/n", { region: "r", zone: "z", subzone: "" });
    expect(looks).toBe(before);
    isHeard = true;
    objects.setNode("/n", { region: "r", zone: "y", subzone: "" });
    expect(looks).toBeGreaterThan(before);
    expect(told).toEqual(["ns/a"]);
  });

  test("a Service is exported since its oldest export in any version", () => {
    const { objects } = rig();
    expect(objects.exportedAt("ns/a")).toBeUndefined();
    objects.setExport("v1beta1", "ns/a", { createdAt: "2026-02-02T00:00:00Z" });
    objects.setExport("v1alpha1", "ns/a", { createdAt: "2026-01-01T00:00:00Z" });
    expect(objects.exportedAt("ns/a")).toBe("2026-01-01T00:00:00Z");
    objects.setExport("v1alpha1", "ns/a", undefined);
    expect(objects.exportedAt("ns/a")).toBe("2026-02-02T00:00:00Z");
  });
});
