import { describe, expect, test } from "vitest";
import { CatalogueRig, instance, record } from "./conversion-rig.ts";

const hosts = (rig: CatalogueRig) => rig.entries().flatMap(({ spec }) => spec.hosts);

function addresses(rig: CatalogueRig) {
  return rig.entries().map(({ metadata, spec }) => [
    metadata.name,
    ...(spec.endpoints ?? []).map(({ address }) => address),
  ]);
}

describe("services of one name", () => {
  test("in several groups, namespaces and clusters are one entry", () => {
    const rig = new CatalogueRig();
    rig.put(
      record("orders", [instance("10.0.0.1")]),
      record("orders", [instance("10.0.0.2")], { group: "G1" }),
      record("orders", [instance("10.0.0.3")], { namespace: "dev" }),
      record("orders", [instance("10.0.0.4")], { registryId: "r2" }),
    );
    expect(addresses(rig)).toEqual([["orders.nacos", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]]);
    expect(rig.reports).toEqual([]);
    rig.catalogue.remove({ registryId: "", namespace: "dev", group: "DEFAULT_GROUP", name: "orders" });
    expect(addresses(rig)).toEqual([["orders.nacos", "10.0.0.1", "10.0.0.2", "10.0.0.4"]]);
  });

  test("are told apart by group and namespace if the configuration says so", () => {
    const rig = new CatalogueRig({
      metaKeyNamespace: "k8sNs",
      metaKeyGroup: "projectCode",
      enableProjectCode: true,
    });
    rig.put(
      record("orders", [instance("10.0.0.1")], { namespace: "dev", group: "g1" }),
      record("orders", [instance("10.0.0.2")], { namespace: "prod", group: "g1" }),
    );
    expect(addresses(rig)).toEqual([["orders.g1.dev", "10.0.0.1"], ["orders.g1.prod", "10.0.0.2"]]);
  });

  test("or by serviceNaming", () => {
    const items = [{ kind: "$", value: "service" }, { kind: "$", value: "group" }];
    const rig = new CatalogueRig({ serviceNaming: { sep: "-", items } });
    rig.put(
      record("orders", [instance("10.0.0.1")], { group: "g1" }),
      record("orders", [instance("10.0.0.2")], { group: "g2" }),
    );
    expect(addresses(rig)).toEqual([["orders-g1.nacos", "10.0.0.1"], ["orders-g2.nacos", "10.0.0.2"]]);
  });

  test.each(["istio", "slime"] as const)(
    "or of names that become one are one entry, and named (%s)",
    (profile) => {
      const rig = new CatalogueRig({}, profile);
      rig.put(
        record("Order_Service", [instance("10.0.0.1")]),
        record("order-service", [instance("10.0.0.2")]),
      );
      expect(addresses(rig)).toEqual([["order-service.nacos", "10.0.0.1", "10.0.0.2"]]);
      expect(rig.reports).toEqual([
        "public/DEFAULT_GROUP/order-service is one service with Order_Service: " +
        "a host can't tell the two names apart, so it has the instances of both",
      ]);
      const [entry] = rig.entries();
      expect(entry?.metadata.annotations?.["registry.meshregistry.io/name"])
        .toBe(profile === "istio" ? "Order_Service, order-service" : undefined);
    },
  );
});

describe("units", () => {
  test("are what changed, with how many endpoints came or went", () => {
    const rig = new CatalogueRig();
    const two = [instance("10.0.0.1"), instance("10.0.0.2")];
    expect(rig.put(record("orders", two))).toEqual([{ unit: "service/orders", endpoints: 2 }]);
    expect(rig.put(record("orders", two))).toEqual([]);
    const oneUnhealthy = [instance("10.0.0.1"), instance("10.0.0.2", { healthy: false })];
    expect(rig.put(record("orders", oneUnhealthy))).toEqual([{ unit: "service/orders", endpoints: -1 }]);
    expect(rig.catalogue.endpoints).toBe(1);
    expect(rig.catalogue.isEmpty("service/orders")).toBe(false);
    const id = record("orders", []);
    expect(rig.catalogue.remove(id)).toEqual([{ unit: "service/orders", endpoints: -1 }]);
    expect(rig.catalogue.remove(id)).toEqual([]);
    expect(rig.catalogue.isEmpty("service/orders")).toBe(true);
    expect(rig.catalogue.convert("service/orders")).toEqual([]);
  });

  test("an instance that becomes another service's changes both", () => {
    const rig = new CatalogueRig({ serviceNaming: { items: [{ kind: "meta", value: "app" }] } });
    const of = (app: string) => record("all", [instance("10.0.0.1", { metadata: { app } })]);
    rig.put(of("a"));
    expect(rig.put(of("b"))).toEqual([{ unit: "service/a", endpoints: -1 }, {
      unit: "service/b",
      endpoints: 1,
    }]);
    expect(hosts(rig)).toEqual(["b.nacos.svc.cluster.local"]);
  });

  test("of instances without a name have no entry, and are named", () => {
    const rig = new CatalogueRig({ serviceNaming: { items: [{ kind: "meta", value: "app" }] } });
    rig.put(record("all", [instance("10.0.0.1"), instance("10.0.0.2", { metadata: { app: "a" } })]));
    expect(hosts(rig)).toEqual(["a.nacos.svc.cluster.local"]);
    expect(rig.reports).toEqual([
      expect.stringMatching(/^public\/DEFAULT_GROUP\/all\/10\.0\.0\.1:8080 has no service/),
    ]);
  });
});

test("unreadable instances are named until they are readable", () => {
  const rig = new CatalogueRig();
  rig.put(record("orders", [instance("10.0.0.1")], { invalid: ["instance 1 of 2: its port is none"] }));
  expect(rig.reports).toEqual(["public/DEFAULT_GROUP/orders#1 instance 1 of 2: its port is none"]);
  rig.put(record("orders", [instance("10.0.0.1")]));
  expect(rig.reports).toEqual([]);
});

test("names with CJK, with : and with @@ become hosts that Istio takes", () => {
  const rig = new CatalogueRig();
  rig.put(...["订单", "a:b", "a@@b", "x".repeat(300)].map((name) => record(name, [instance("10.0.0.1")])));
  const found = hosts(rig);
  expect(found).toHaveLength(4);
  for (const host of found) expect(host).toMatch(/^[a-z0-9.-]{1,253}$/);
});

test("selectors go by address, too, and by the name with or without group", () => {
  const source = {
    endpointSelectors: [{ excludeIpRanges: { ips: ["10.0.0.1"] } }],
    servicedEndpointSelectors: { "G1@@stock": [{ matchLabels: { v: "1" } }] },
  };
  const rig = new CatalogueRig(source);
  const both = [instance("10.0.0.1", { metadata: { v: "1" } }), instance("10.0.0.2")];
  rig.put(record("orders", both), record("stock", both, { group: "G1" }));
  expect(addresses(rig)).toEqual([["orders.nacos", "10.0.0.2"], ["stock.nacos", "10.0.0.1"]]);
});

test("the entry that merges all ports grows with the services", () => {
  const rig = new CatalogueRig({
    mockServiceName: "all.example",
    mockServiceEntryName: "all",
    mockServiceMergeServicePort: true,
  });
  rig.put(record("orders", [instance("10.0.0.1")]));
  expect(rig.entries().map(({ metadata, spec }) => [metadata.name, spec.ports?.map(({ number }) => number)]))
    .toEqual([["all", [80, 8080]], ["orders.nacos", [80, 8080]]]);
  expect(rig.changed).toEqual([{ unit: "mock", endpoints: 0 }]);
});
