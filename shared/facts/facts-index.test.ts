import { describe, expect, it } from "vitest";
import type { PodFact } from "./fact.ts";
import { FactsIndex } from "./facts-index.ts";

function pod(ip: string, fields: Partial<PodFact> = {}): PodFact {
  return { ips: [ip], node: "n1", account: "shop", labels: { app: "shop" }, created: 1, ...fields };
}

function index() {
  return new FactsIndex("home");
}

describe("FactsIndex", () => {
  it("tells the labels of a pod and of its node by the pod's addresses", () => {
    const facts = index();
    facts.setNode("home", "n1", { labels: { "topology.kubernetes.io/zone": "z1" }, created: 1 });
    facts.setPod("home", "shop", "shop-1", pod("10.0.0.1", { ips: ["10.0.0.1", "2001:db8::1"] }));
    for (const address of ["10.0.0.1", "2001:db8::1"]) {
      expect(facts.of(address)).toEqual({
        cluster: "home",
        namespace: "shop",
        name: "shop-1",
        account: "shop",
        labels: { app: "shop" },
        nodeLabels: { "topology.kubernetes.io/zone": "z1" },
      });
    }
    expect(facts.of("10.0.0.2")).toBeUndefined();
  });

  it("names the addresses that a change is about, and none for a change of nothing", () => {
    const facts = index();
    expect(facts.setPod("home", "shop", "a", pod("10.0.0.1"))).toEqual(["10.0.0.1"]);
    expect(facts.setPod("home", "shop", "a", pod("10.0.0.1"))).toEqual([]);
    expect(facts.setPod("home", "shop", "a", pod("10.0.0.1", { labels: { app: "shop", v: "2" } })))
      .toEqual(["10.0.0.1"]);
    expect(facts.setPod("home", "shop", "a", pod("10.0.0.9"))).toEqual(["10.0.0.1", "10.0.0.9"]);
    expect(facts.deletePod("home", "shop", "a")).toEqual(["10.0.0.9"]);
    expect(facts.deletePod("home", "shop", "a")).toEqual([]);
    expect([facts.of("10.0.0.9"), facts.pods]).toEqual([undefined, 0]);
  });

  it("names the addresses on a node that is labelled anew", () => {
    const facts = index();
    facts.setPod("home", "shop", "a", pod("10.0.0.1"));
    facts.setPod("home", "shop", "b", pod("10.0.0.2", { node: "n2" }));
    const node = { labels: { zone: "z" }, created: 1 };
    const set = (cluster: string) => [...facts.setNode(cluster, "n2", node)];
    expect(set("home")).toEqual(["10.0.0.2"]);
    expect(set("home")).toEqual([]);
    expect(set("remote")).toEqual([]);
    expect([...facts.deleteNode("home", "n2")]).toEqual(["10.0.0.2"]);
    // Pods are looked at when the result is read, and not otherwise: a start has thousands of nodes.
    const unread = facts.setNode("home", "n2", node);
    facts.deletePod("home", "shop", "b");
    expect([...unread]).toEqual([]);
  });

  it.each<[what: string, first: Partial<PodFact>, second: Partial<PodFact>, winner: string]>([
    ["the later pod", { created: 1 }, { created: 2 }, "second"],
    ["the later pod, in whatever order they come", { created: 2 }, { created: 1 }, "first"],
    ["the pod that stays", { created: 2, ending: true }, { created: 1 }, "second"],
  ])("gives an address that two pods claim to %s", (_what, first, second, winner) => {
    const facts = index();
    facts.setPod("home", "shop", "first", pod("10.0.0.1", first));
    facts.setPod("home", "shop", "second", pod("10.0.0.1", second));
    expect(facts.of("10.0.0.1")?.name).toBe(winner);
    // The older one's deletion takes nothing away, and the later one's gives the address back.
    facts.deletePod("home", "shop", winner);
    expect(facts.of("10.0.0.1")?.name).toBe(winner === "first" ? "second" : "first");
  });

  it("gives an address that several clusters claim to our own, or to none", () => {
    const facts = index();
    facts.setPod("east", "shop", "a", pod("10.0.0.1"));
    expect(facts.of("10.0.0.1")?.cluster).toBe("east");
    facts.setPod("west", "shop", "a", pod("10.0.0.1", { created: 5 }));
    expect([facts.of("10.0.0.1"), facts.disputed("10.0.0.1")]).toEqual([undefined, ["east", "west"]]);
    facts.setPod("home", "shop", "a", pod("10.0.0.1"));
    expect([facts.of("10.0.0.1")?.cluster, facts.disputed("10.0.0.1")]).toEqual(["home", []]);
  });

  it("knows where pods are", () => {
    const facts = index();
    facts.setPod("home", "shop", "a", pod("10.0.0.1"));
    facts.setPod("home", "shop", "b", pod("10.0.0.2"));
    facts.deletePod("home", "shop", "a");
    expect(["10.0.0.77", "10.0.1.1"].map((address) => facts.isAmongPods(address))).toEqual([true, false]);
    facts.deletePod("home", "shop", "b");
    expect(facts.isAmongPods("10.0.0.77")).toBe(false);
  });

  it("forgets of a cluster what a new stream doesn't show, once it is complete", () => {
    const facts = index();
    for (const name of ["a", "b"]) facts.setPod("home", "shop", name, pod(`10.0.0.${name === "a" ? 1 : 2}`));
    facts.setNode("home", "n1", { labels: {}, created: 1 });
    facts.setPod("east", "shop", "c", pod("10.0.0.3"));
    facts.beginGeneration();
    facts.setPod("home", "shop", "a", pod("10.0.0.1"));
    expect(facts.of("10.0.0.2")?.name).toBe("b");
    expect(facts.forgetUnseen("home")).toEqual(["10.0.0.2", "10.0.0.1"]);
    expect([facts.of("10.0.0.2"), facts.of("10.0.0.3")?.name]).toEqual([undefined, "c"]);
  });
});
