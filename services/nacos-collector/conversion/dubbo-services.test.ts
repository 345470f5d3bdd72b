import { describe, expect, test } from "vitest";
import type { Manifest } from "../../../shared/model/manifest.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";
import { atOnce } from "../../../shared/runtime/turns.ts";
import { CatalogueRig, instance, record } from "./conversion-rig.ts";

function provider(at: string, metadata: Record<string, string> = {}, fields: Partial<NacosInstance> = {}) {
  const own = {
    application: "order-app",
    interface: "a.Order",
    protocol: "dubbo",
    path: "a.Order",
    category: "providers",
  };
  return instance(at, { metadata: { ...own, ...metadata }, ...fields });
}

const consumer = (application: string, metadata: Record<string, string> = {}) =>
  instance("10.0.1.1|0", {
    metadata: { application, interface: "a.Order", category: "consumers", ...metadata },
  });

const name = "providers:a.Order::";

/** Sidecars as of now. */
function sidecars(rig: CatalogueRig): Manifest[] {
  rig.manifests();
  const plan = rig.catalogue.sidecars?.plan(1_000_000, () => true);
  return plan === undefined ? [] : [...atOnce(plan).upserts];
}

describe("an interface", () => {
  test("has the host, namespace and ports of one in ZooKeeper", () => {
    const rig = new CatalogueRig();
    const parameters = { version: "1.0.0", group: "blue" };
    expect(rig.put(record("providers:a.Order:1.0.0:blue", [provider("10.0.0.1|20880", parameters)])))
      .toEqual([{ unit: "interface/a.Order", endpoints: 1 }]);
    const [entry] = rig.entries();
    expect(entry).toMatchObject({
      metadata: {
        name: "a.order.blue.1-0-0.gv",
        namespace: "dubbo",
        labels: { registry: "nacos", path: "a.Order" },
        annotations: { "dubbo.meshregistry.io/interface": "a.Order" },
      },
      spec: {
        hosts: ["a.order.blue.1-0-0.gv"],
        ports: [{ number: 20_880, protocol: "TCP" }],
        endpoints: [{
          address: "10.0.0.1",
          labels: { application: "order-app", group: "blue", version: "1.0.0" },
        }],
      },
    });
    expect(Object.keys(entry?.spec.endpoints?.[0]?.labels ?? {})).not.toContain("category");
  });

  test("that is nested has the name that Java gives it, where Nacos takes no dollar", () => {
    const rig = new CatalogueRig();
    const nested = { interface: "a.Order$Audit", path: "a.Order$Audit" };
    rig.put(record("providers:a.Order___Audit::", [provider("10.0.0.1|1", nested)]));
    expect(rig.entries()[0]?.metadata.annotations).toEqual({
      "dubbo.meshregistry.io/interface": "a.Order$Audit",
    });
  });

  test("has Dubbo's weight; Nacos' own only switches off", () => {
    const rig = new CatalogueRig();
    rig.put(record(name, [
      provider("10.0.0.1|1", { weight: "200" }, { weight: 7 }),
      provider("10.0.0.2|1"),
      provider("10.0.0.3|1", {}, { weight: 0 }),
      provider("10.0.0.4|1", {}, { enabled: false }),
      provider("10.0.0.5|1", {}, { healthy: false }),
    ]));
    expect(rig.entries()[0]?.spec.endpoints?.map(({ address, weight }) => [address, weight]))
      .toEqual([["10.0.0.1", 200], ["10.0.0.2", 100]]);
  });

  test("in several groups of Nacos is one entry, and is gone with the last", () => {
    const rig = new CatalogueRig();
    const there = record(name, [provider("10.0.0.2|1")], { group: "G" });
    rig.put(record(name, [provider("10.0.0.1|1")]), there);
    expect(rig.entries().map(({ spec }) => spec.endpoints?.length)).toEqual([2]);
    expect(rig.catalogue.remove(there)).toEqual([{ unit: "interface/a.Order", endpoints: -1 }]);
    expect(rig.catalogue.isEmpty("interface/a.Order")).toBe(false);
    rig.put(record(name, []));
    expect(rig.catalogue.isEmpty("interface/a.Order")).toBe(true);
    expect(rig.entries()).toEqual([]);
  });

  test("whose metadata don't say which it is has what the name says", () => {
    const rig = new CatalogueRig();
    rig.put(record("providers:a.Order:1.0.0:blue", [instance("10.0.0.1|1")]));
    expect(rig.entries()[0]?.spec.hosts).toEqual(["a.order.blue.1-0-0.gv"]);
  });

  test("with a provider that can't be used has its others, and the report has its place", () => {
    const rig = new CatalogueRig();
    rig.put(record(name, [provider("10.0.0.1|1"), provider("x_y|1"), provider("10.0.0.3|0")]));
    expect(rig.entries()[0]?.spec.endpoints).toHaveLength(1);
    expect(rig.reports).toEqual([
      expect.stringMatching(/^public\/DEFAULT_GROUP\/providers:a\.Order::\/10\.0\.0\.3:0 has no port/),
      expect.stringMatching(/\/x_y:1 has neither/),
    ]);
  });

  test("is a service like any other in the slime profile, and without dubbo.enabled", () => {
    for (const rig of [new CatalogueRig({ dubbo: { enabled: false } }), new CatalogueRig({}, "slime")]) {
      rig.put(record(name, [provider("10.0.0.1|1")]));
      expect([...rig.catalogue.units()]).toEqual(["service/providers:a.order::"]);
      expect(rig.entries()).toHaveLength(1);
    }
  });

  test("is labelled with where it is from, but for what makes it another service", () => {
    const rig = new CatalogueRig({ metaKeyGroup: "group", metaKeyNamespace: "ns" });
    rig.put(record(name, [provider("10.0.0.1|1")], { registryId: "r1" }));
    const [entry] = rig.entries();
    expect(entry?.metadata.name).toBe("a.order");
    expect(entry?.spec.endpoints?.[0]?.labels).toMatchObject({ "registry-id": "r1", ns: "public" });
  });

  test("rules and routes among the services are no services", () => {
    const rig = new CatalogueRig();
    rig.put(
      record("configurators:a.Order::", [instance("0.0.0.0|0")]),
      record("routers:a.Order::", [instance("0.0.0.0|0")]),
    );
    expect(rig.entries()).toEqual([]);
    expect(rig.reports).toEqual([]);
  });
});

describe("consumers", () => {
  test("give their application a Sidecar", () => {
    const rig = new CatalogueRig({ dubbo: { enableDubboSidecar: true } });
    rig.put(record(name, [provider("10.0.0.1|1")]), record("consumers:a.Order::", [consumer("shop")]));
    const shop = sidecars(rig).find(({ metadata }) => metadata.name.startsWith("shop."));
    expect(shop).toMatchObject({
      metadata: { namespace: "dubbo" },
      spec: { egress: [{ hosts: ["*/a.order"] }] },
    });
  });

  test("of any group are those of all", () => {
    const rig = new CatalogueRig({ dubbo: { enableDubboSidecar: true } });
    rig.put(
      record("providers:a.Order::g1", [provider("10.0.0.1|1", { group: "g1" })]),
      record("consumers:a.Order::*", [consumer("shop", { group: "*" })]),
    );
    expect(JSON.stringify(sidecars(rig).find(({ metadata }) => metadata.name.startsWith("shop."))?.spec))
      .toContain("*/a.order.g1.g");
  });

  test("alone are no entry", () => {
    const rig = new CatalogueRig();
    rig.put(record("consumers:a.Order::", [consumer("shop")]));
    expect(rig.entries()).toEqual([]);
  });
});

describe("a Dubbo 3 application", () => {
  const revision = "d7d030eeac548f02a270998adfa392fc";
  const application = instance("10.0.0.1|20880", {
    metadata: {
      "dubbo.metadata.revision": revision,
      "dubbo.endpoints": '[{"port":20880,"protocol":"dubbo"}]',
      "dubbo.metadata.storage-type": "remote",
    },
  });
  const service = {
    name: "a.Order",
    group: "g1",
    protocol: "dubbo",
    port: 20_880,
    path: "a.Order",
    params: { weight: "50" },
  };
  const metadata = JSON.stringify({ app: "order-app", revision, services: { "a.Order:g1": service } });
  const source = { dubbo: { metadataServiceTimeout: "0s" } };

  test("brings the interfaces that its metadata in Nacos name", async () => {
    const rig = new CatalogueRig(source);
    const asked: string[] = [];
    rig.readConfig = ({ namespace, group, dataId }) => {
      asked.push(`${namespace}/${group}/${dataId}`);
      return Promise.resolve(metadata);
    };
    rig.put(record("order-app", [application], { namespace: "dev" }));
    await rig.catalogue.settled();
    expect(asked).toEqual([`dev/${revision}/order-app`]);
    expect(rig.changed).toEqual([{ unit: "interface/a.Order", endpoints: 1 }]);
    const [entry] = rig.entries();
    expect(entry).toMatchObject({
      metadata: { name: "a.order.g1.g" },
      spec: { endpoints: [{ address: "10.0.0.1", labels: { application: "order-app" } }] },
    });
    expect(rig.catalogue.isUnsure).toBe(false);
    expect(rig.catalogue.remove(record("order-app", [], { namespace: "dev" })))
      .toEqual([{ unit: "interface/a.Order", endpoints: -1 }]);
  });

  test.each([
    // As Dubbo's client for Nacos writes them: see handleInnerSymbol in its wrappers of the naming and config services.
    ["order$app", "order___app", "order___app"],
    ["shop/order", "shop/order", "shop-order"],
  ])("named %s has its metadata where Dubbo's client for Nacos puts them", async (app, service, dataId) => {
    const rig = new CatalogueRig(source);
    rig.readConfig = ({ group, dataId: asked }) =>
      Promise.resolve(group === revision && asked === dataId ? metadata : undefined);
    rig.put(record(service, [application]));
    await rig.catalogue.settled();
    expect(rig.entries()[0]?.spec.endpoints?.map(({ labels }) => labels?.["application"])).toEqual([app]);
    // The same instance at interface level, where the name is as Dubbo has it, is no second one.
    rig.put(record("providers:a.Order::g1", [provider("10.0.0.1|20880", { application: app, group: "g1" })]));
    expect(rig.entries().map(({ spec }) => spec.endpoints?.length)).toEqual([1]);
  });

  test("isn't asked for in configurations under a name that Nacos takes for none there", async () => {
    const rig = new CatalogueRig(source);
    const asked: string[] = [];
    rig.readConfig = ({ dataId }) => {
      asked.push(dataId);
      return Promise.resolve(undefined);
    };
    rig.put(record("订单", [application]));
    await rig.catalogue.settled();
    expect(asked).toEqual([]);
  });

  test("has the metadata that dubbo-go wrote before 3.2", async () => {
    const rig = new CatalogueRig(source);
    rig.readConfig = ({ dataId }) =>
      Promise.resolve(dataId === `order-app:${revision}` ? metadata : undefined);
    rig.put(record("order-app", [application]));
    await rig.catalogue.settled();
    expect(rig.entries().map((entry) => entry.metadata.name)).toEqual(["a.order.g1.g"]);
  });

  test("whose metadata failed once is asked for again without an event (dubbo-go#3615)", async () => {
    const rig = new CatalogueRig(source);
    rig.readConfig = () => Promise.reject(new Error("no connection"));
    rig.put(record("order-app", [application]));
    await rig.catalogue.settled();
    expect(rig.entries()).toEqual([]);
    expect(rig.catalogue.isUnsure).toBe(true);
    expect(rig.reports.join("\n")).toMatch(/no connection/);
    rig.readConfig = () => Promise.resolve(metadata);
    rig.catalogue.retry();
    await rig.catalogue.settled();
    expect(rig.entries()).toHaveLength(1);
    expect(rig.catalogue.isUnsure).toBe(false);
  });

  test("that is registered on both levels is one endpoint", async () => {
    const rig = new CatalogueRig(source);
    rig.readConfig = () => Promise.resolve(metadata);
    rig.put(
      record("order-app", [application]),
      record("providers:a.Order::g1", [provider("10.0.0.1|20880", { group: "g1", weight: "50" })]),
    );
    await rig.catalogue.settled();
    expect(rig.entries().map(({ spec }) => spec.endpoints?.length)).toEqual([1]);
  });

  test("beside a Spring Cloud application of the same name leaves that its own instances", async () => {
    const rig = new CatalogueRig(source);
    rig.readConfig = () => Promise.resolve(metadata);
    rig.put(record("order-app", [application, instance("10.0.0.1")]));
    await rig.catalogue.settled();
    expect(rig.entries().map(({ metadata: { name: entryName } }) => entryName)).toEqual([
      "a.order.g1.g",
      "order-app.nacos",
    ]);
  });

  test("has no interfaces while it is switched off", async () => {
    const rig = new CatalogueRig(source);
    rig.readConfig = () => Promise.resolve(metadata);
    rig.put(record("order-app", [{ ...application, enabled: false }]));
    await rig.catalogue.settled();
    expect(rig.entries()).toEqual([]);
  });
});
