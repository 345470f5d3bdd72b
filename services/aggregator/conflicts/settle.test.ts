import { describe, expect, test } from "vitest";
import { ResourceCache } from "../catalogue/cache.ts";
import { CatalogueView } from "../catalogue/catalogue-view.ts";
import { http80, placesOf, resourceOf, served, subjectOf } from "./conflict-rig.ts";
import type { RigEntry } from "./conflict-rig.ts";
import { ConflictRules } from "./conflict-rules.ts";
import type { ConflictRulesOptions } from "./conflict-rules.ts";

const standard = { mode: "merge", order: [], hosts: [], hidesEmpty: true } as const;

function cacheOf(entries: readonly RigEntry[], options: Partial<ConflictRulesOptions> = {}): ResourceCache {
  const cache = new ResourceCache({ rules: new ConflictRules({ ...standard, ...options }) });
  for (const entry of entries) cache.put("ServiceEntry", resourceOf(entry));
  return cache;
}

function servedIn(cache: ResourceCache, scope: Partial<CatalogueView["scope"]> = {}) {
  const view = new CatalogueView({ ...CatalogueView.everything.scope, ...scope });
  return [...cache.snapshot("ServiceEntry", view).resources].map(served).sort((a, b) =>
    a.name < b.name ? -1 : 1
  );
}

const summary = (cache: ResourceCache, scope?: Partial<CatalogueView["scope"]>) =>
  servedIn(cache, scope).map((entry) => [entry.name, ...placesOf(entry)]);

const eureka: RigEntry = { registry: "eureka", endpoints: ["10.0.0.1"] };
const zookeeper: RigEntry = { registry: "zookeeper", name: "orders-zk", endpoints: ["10.0.0.2"] };

describe("entries of one host, in the mode merge", () => {
  test("are one entry with the endpoints of all, each with its source", () => {
    const cache = cacheOf([zookeeper, eureka]);
    expect(summary(cache)).toEqual([
      ["eureka/orders", "10.0.0.1 8080 eureka", "10.0.0.2 8080 zookeeper"],
    ]);
    const [entry] = servedIn(cache);
    expect(entry?.labels).toEqual({ registry: "eureka" });
    expect(cache.conflicts.counts).toEqual({ merged: 1, unmergeable: 0, preferred: 0, separate: 0 });
    expect(cache.count("ServiceEntry")).toEqual({ resources: 1, endpoints: 2 });
  });

  test("keep the name of the first when the second goes, and are each its own again", () => {
    const cache = cacheOf([zookeeper, eureka]);
    const alone = resourceOf(eureka);
    cache.delete("ServiceEntry", subjectOf(zookeeper), "s-000009");
    expect(cache.get("ServiceEntry", "eureka/orders")?.version).toBe(alone.version);
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.1 8080"]]);
    cache.put("ServiceEntry", resourceOf(zookeeper));
    cache.delete("ServiceEntry", subjectOf(eureka), "s-000010");
    expect(summary(cache)).toEqual([["zookeeper/orders-zk", "10.0.0.2 8080"]]);
    expect(cache.conflicts.counts.merged).toBe(0);
  });

  test("have an endpoint that both name once, with labels and weight of the first", () => {
    const at = (zone: string, weight: number) => ({
      address: "10.0.0.9",
      ports: { "http-80": 8080 },
      labels: { zone },
      weight,
    });
    const cache = cacheOf([
      { ...eureka, endpoints: [at("a", 3), "10.0.0.1"] },
      { ...zookeeper, endpoints: [at("b", 7), { address: "10.0.0.9", ports: { "http-80": 9090 } }] },
    ], { order: ["zookeeper"] });
    const [entry] = servedIn(cache);
    expect(entry?.name).toBe("zookeeper/orders-zk");
    expect(entry?.endpoints).toEqual([
      { address: "10.0.0.1", ports: { "http-80": 8080 }, labels: { "meshregistry.io/source": "eureka" } },
      {
        address: "10.0.0.9",
        ports: { "http-80": 8080 },
        labels: { zone: "b", "meshregistry.io/source": "zookeeper" },
        weight: 7,
      },
      { address: "10.0.0.9", ports: { "http-80": 9090 }, labels: { "meshregistry.io/source": "zookeeper" } },
    ]);
  });

  test("unite ports by number, and every endpoint answers on every port of its protocol", () => {
    const cache = cacheOf([
      {
        ...eureka,
        ports: [{ number: 80, protocol: "HTTP", name: "http" }],
        endpoints: [{ address: "10.0.0.1", ports: { http: 8080 } }],
      },
      {
        ...zookeeper,
        ports: [
          { number: 80, protocol: "HTTP", name: "web" },
          { number: 81, protocol: "HTTP", name: "http" },
          { number: 9, protocol: "TCP", name: "tcp" },
        ],
        endpoints: [{ address: "10.0.0.2", ports: { web: 8081, http: 8082, tcp: 99 } }],
      },
    ]);
    const [entry] = servedIn(cache);
    expect(entry?.ports).toEqual([
      { number: 9, protocol: "TCP", name: "tcp" },
      { number: 80, protocol: "HTTP", name: "http" },
      { number: 81, protocol: "HTTP", name: "http-81" },
    ]);
    expect(entry?.endpoints.map(({ ports }) => ports)).toEqual([
      { http: 8080, "http-81": 8080 },
      { http: 8081, "http-81": 8082, tcp: 99 },
    ]);
  });

  test("are not hidden by one without endpoints, which keeps its name and ports", () => {
    const cache = cacheOf([{ ...eureka, endpoints: [] }, zookeeper]);
    const [entry] = servedIn(cache);
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.2 8080 zookeeper"]]);
    expect(entry?.labels).toEqual({ registry: "eureka" });
    cache.put("ServiceEntry", resourceOf({ ...zookeeper, endpoints: [] }));
    expect(servedIn(cache)[0]?.labels).toEqual({
      registry: "eureka",
      "meshregistry.io/no-endpoints": "true",
    });
  });

  test("that have one port with two protocols are not merged: the first with endpoints is served", () => {
    const tcp = { ...http80, protocol: "TCP" };
    const conflicting = { ...zookeeper, ports: [tcp] };
    const cache = cacheOf([eureka, conflicting]);
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.1 8080"]]);
    expect(cache.conflicts.counts.unmergeable).toBe(1);
    const [group] = cache.conflicts.groups;
    const [contest] = group === undefined ? [] : cache.conflicts.contestsOf(group);
    expect(contest?.leftOut.map(({ reason }) => reason)).toEqual(["has TCP on port 80, not HTTP"]);
    cache.put("ServiceEntry", resourceOf({ ...eureka, endpoints: [] }));
    const [entry] = servedIn(cache);
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.2 8080 zookeeper"]]);
    expect(entry?.ports).toEqual([tcp]);
  });

  test("that resolve addresses in other ways are not merged", () => {
    const dns: RigEntry = {
      ...zookeeper,
      spec: { resolution: "DNS", endpoints: [{ address: "a.example", ports: { "http-80": 80 } }] },
    };
    expect(summary(cacheOf([eureka, dns]))).toEqual([["eureka/orders", "10.0.0.1 8080"]]);
    expect(summary(cacheOf([eureka, dns], { order: ["zookeeper"] }))).toEqual([
      ["zookeeper/orders-zk", "a.example 80"],
    ]);
  });

  test("compare hosts without regard to case, wildcards as they are written", () => {
    const cache = cacheOf([
      { ...eureka, hosts: ["Orders.Shop"] },
      { ...zookeeper, hosts: ["orders.shop"] },
      { registry: "nacos", hosts: ["*.shop"] },
      { registry: "k8s", hosts: ["*.shop"] },
    ]);
    expect(servedIn(cache).map(({ name, hosts }) => [name, ...hosts])).toEqual([
      ["eureka/orders", "Orders.Shop"],
      ["k8s/orders", "*.shop"],
    ]);
  });

  test("that share some hosts only are one entry for these, and stay apart for the others", () => {
    const cache = cacheOf([
      { ...eureka, hosts: ["orders.shop", "alias.shop"] },
      { ...zookeeper, hosts: ["orders.shop"] },
    ]);
    expect(servedIn(cache).map((entry) => [entry.name, entry.hosts, placesOf(entry)])).toEqual([
      ["eureka/orders", ["orders.shop"], ["10.0.0.1 8080 eureka", "10.0.0.2 8080 zookeeper"]],
      ["eureka/orders--for-alias.shop", ["alias.shop"], ["10.0.0.1 8080"]],
    ]);
  });

  test("have the addresses of the host, also if the first needs none", () => {
    const tcp = { number: 90, protocol: "TCP", name: "tcp-90" };
    const cache = cacheOf([eureka, { ...zookeeper, ports: [tcp], virtual: ["241.0.0.1"] }]);
    expect(servedIn(cache)[0]?.addresses).toEqual(["241.0.0.1"]);
  });
});

describe("entries of one host and one name", () => {
  const twin: RigEntry = { ...zookeeper, namespace: "eureka", name: "orders" };

  test("are merged, and the second is among the shadowed", () => {
    const cache = cacheOf([twin, eureka]);
    expect(summary(cache)).toEqual([
      ["eureka/orders", "10.0.0.1 8080 eureka", "10.0.0.2 8080 zookeeper"],
    ]);
    expect([...cache.shadowed("ServiceEntry")]).toEqual([subjectOf(twin)]);
  });

  test("have names that differ in the mode separate, and for other hosts", () => {
    expect(summary(cacheOf([twin, eureka], { mode: "separate" }))).toEqual([
      ["eureka/orders", "10.0.0.1 8080"],
      ["eureka/orders--from-zookeeper", "10.0.0.2 8080"],
    ]);
    expect(summary(cacheOf([{ ...twin, hosts: ["other.shop"] }, eureka]))).toEqual([
      ["eureka/orders", "10.0.0.1 8080"],
      ["eureka/orders--from-zookeeper", "10.0.0.2 8080"],
    ]);
  });

  test("leave a made name to the entry whose own it is", () => {
    const own = { ...zookeeper, namespace: "eureka", name: "orders--from-zookeeper", hosts: ["own.shop"] };
    for (const entries of [[own, twin, eureka], [twin, eureka, own]]) {
      const cache = cacheOf(entries, { mode: "separate" });
      const names = () => servedIn(cache).map(({ name, hosts: [host] }) => [name, host]);
      expect(names()).toEqual([
        ["eureka/orders", "orders.shop"],
        ["eureka/orders--from-zookeeper", "own.shop"],
        ["eureka/orders--from-zookeeper-2", "orders.shop"],
      ]);
      cache.delete("ServiceEntry", subjectOf(own), "s-000009");
      expect(names()).toEqual([
        ["eureka/orders", "orders.shop"],
        ["eureka/orders--from-zookeeper", "orders.shop"],
      ]);
    }
  });
});

describe("entries of one host, in the mode prefer", () => {
  test("are the first with endpoints, under the name of the first", () => {
    const cache = cacheOf([eureka, zookeeper], { mode: "prefer" });
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.1 8080"]]);
    cache.put("ServiceEntry", resourceOf({ ...eureka, endpoints: [] }));
    expect(summary(cache)).toEqual([["eureka/orders", "10.0.0.2 8080 zookeeper"]]);
    cache.delete("ServiceEntry", subjectOf(eureka), "s-000009");
    expect(summary(cache)).toEqual([["zookeeper/orders-zk", "10.0.0.2 8080"]]);
  });

  test("follow the order of the host's pattern", () => {
    const cache = cacheOf([eureka, zookeeper], {
      hosts: [{ pattern: "*.shop", mode: "prefer", order: ["zookeeper"] }],
    });
    expect(summary(cache)).toEqual([["zookeeper/orders-zk", "10.0.0.2 8080"]]);
  });
});

describe("entries of one host, in the mode separate", () => {
  test("are served as they are, with times of creation that differ", () => {
    const cache = cacheOf([zookeeper, eureka], { mode: "separate" });
    expect(servedIn(cache).map(({ name, createdAt }) => [name, createdAt])).toEqual([
      ["eureka/orders", "2026-01-01T00:00:00.000Z"],
      ["zookeeper/orders-zk", "2026-01-01T00:00:00.001Z"],
    ]);
    expect(cache.get("ServiceEntry", "eureka/orders")?.version).toBe(resourceOf(eureka).version);
  });

  test("leave an empty one out while another has endpoints, unless it is slime's output", () => {
    const entries = [{ ...eureka, endpoints: [] }, zookeeper];
    expect(summary(cacheOf(entries, { mode: "separate" }))).toEqual([
      ["zookeeper/orders-zk", "10.0.0.2 8080"],
    ]);
    expect(summary(cacheOf(entries, { mode: "separate", hidesEmpty: false }))).toEqual([
      ["eureka/orders"],
      ["zookeeper/orders-zk", "10.0.0.2 8080"],
    ]);
  });
});

describe("entries that not the same clients see", () => {
  const canary = { "istio.io/rev": "canary" };

  test("don't conflict if no client sees both", () => {
    const cache = cacheOf([
      { ...eureka, spec: { exportTo: ["."] } },
      { ...zookeeper, spec: { exportTo: ["pay"] } },
    ]);
    expect(servedIn(cache)).toHaveLength(2);
    expect(cache.conflicts.counts).toEqual({ merged: 0, unmergeable: 0, preferred: 0, separate: 0 });
    const revisions = cacheOf([{ ...eureka, labels: canary }, {
      ...zookeeper,
      labels: { "istio.io/rev": "b" },
    }]);
    expect(revisions.conflicts.counts.separate).toBe(0);
  });

  test("are served beside each other if some client sees both", () => {
    const cache = cacheOf([eureka, { ...zookeeper, labels: canary }]);
    expect(servedIn(cache)).toHaveLength(2);
    expect(cache.conflicts.counts.separate).toBe(1);
    cache.put("ServiceEntry", resourceOf({ ...zookeeper, labels: canary, endpoints: [] }));
    expect(servedIn(cache).map(({ name }) => name)).toEqual(["eureka/orders"]);
  });

  test("keep an empty one for the clients that see no other one", () => {
    const empty = { ...zookeeper, endpoints: [] };
    for (const live of [{ ...eureka, labels: canary }, { ...eureka, spec: { exportTo: ["pay"] } }]) {
      for (const mode of ["merge", "prefer", "separate"] as const) {
        expect(servedIn(cacheOf([live, empty], { mode })).map(({ name }) => name))
          .toEqual(["eureka/orders", "zookeeper/orders-zk"]);
      }
    }
  });

  test("are merged if exportTo says the same in other words", () => {
    const cache = cacheOf([
      { ...eureka, spec: { exportTo: [".", "pay"] } },
      { ...zookeeper, spec: { exportTo: ["eureka", "pay"] } },
    ]);
    expect(servedIn(cache)[0]?.spec.exportTo).toEqual([".", "pay"]);
    expect(cache.conflicts.counts.merged).toBe(1);
  });
});

describe("a view with filters", () => {
  test("shows the part of its registry or namespace, whatever the others have", () => {
    for (const mode of ["merge", "prefer", "separate"] as const) {
      const cache = cacheOf([{ ...eureka, endpoints: [] }, zookeeper], { mode });
      expect(summary(cache, { registries: ["zookeeper"] })).toEqual([[
        "zookeeper/orders-zk",
        "10.0.0.2 8080",
      ]]);
      expect(summary(cache, { registries: ["eureka"] })).toEqual([["eureka/orders"]]);
      expect(summary(cache, { namespaces: ["zookeeper"] })).toEqual([[
        "zookeeper/orders-zk",
        "10.0.0.2 8080",
      ]]);
      expect(summary(cache, { registries: ["nacos"] })).toEqual([]);
    }
  });

  test("merges what it admits, if several sources are left", () => {
    const nacos: RigEntry = { registry: "nacos", endpoints: ["10.0.0.3"] };
    const cache = cacheOf([eureka, zookeeper, nacos]);
    expect(summary(cache, { registries: ["zookeeper", "nacos"] })).toEqual([
      ["nacos/orders", "10.0.0.2 8080 zookeeper", "10.0.0.3 8080 nacos"],
    ]);
  });
});
