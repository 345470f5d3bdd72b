import { describe, expect, test } from "vitest";
import { readConversionEnvironment } from "../config/mod.ts";
import type { ServiceEntryManifest } from "../model/manifest.ts";
import type { InstanceServiceRules, ServiceInstance } from "./instance-service.ts";
import { convertInstanceService } from "./instance-service.ts";
import { threadCpuMs } from "../runtime/cpu-time-rig.ts";

const rules: InstanceServiceRules = {
  registry: "eureka",
  profile: "slime",
  environment: readConversionEnvironment({}),
  svcProtocol: "HTTP",
  genericProtocol: false,
  svcPort: 80,
  instancePortAsSvcPort: true,
  defaultServiceNs: "eureka",
  resourceNs: "eureka",
  k8sDomainSuffix: true,
  nsHost: true,
  enableProjectCode: false,
  nameSuffix: "",
  region: "",
  allowLoopback: false,
  place: (manifest) => manifest,
};

function instance(
  id: string,
  metadata: Record<string, string> = {},
  fields: Partial<ServiceInstance> = {},
): ServiceInstance {
  return { id, address: `10.0.0.${id}`, port: 8080, metadata, ...fields };
}

function convert(
  instances: readonly ServiceInstance[],
  changes: Partial<InstanceServiceRules> = {},
  name = "ORDERS",
): ServiceEntryManifest[] {
  return convertInstanceService(name, instances, { ...rules, ...changes });
}

function environment(variables: Record<string, string>): Partial<InstanceServiceRules> {
  return { environment: readConversionEnvironment(variables) };
}

describe("convertInstanceService()", () => {
  test("makes a ServiceEntry with slime's defaults", () => {
    expect(convert([instance("1", { version: "v1" }), instance("2", {}, { port: 8081 })])).toEqual([{
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "orders.eureka", namespace: "eureka", labels: { registry: "eureka" } },
      spec: {
        hosts: ["orders.eureka.svc.cluster.local"],
        ports: [
          { number: 80, protocol: "HTTP", name: "http-80" },
          { number: 8080, protocol: "HTTP", name: "http-8080" },
          { number: 8081, protocol: "HTTP", name: "http-8081" },
        ],
        resolution: "STATIC",
        endpoints: [
          {
            address: "10.0.0.1",
            ports: { "http-80": 8080, "http-8080": 8080, "http-8081": 8080 },
            labels: { version: "v1" },
          },
          { address: "10.0.0.2", ports: { "http-80": 8081, "http-8080": 8081, "http-8081": 8081 } },
        ],
      },
    }]);
  });

  test("publishes nothing for no instances", () => {
    expect(convert([])).toEqual([]);
  });

  /** Names, in the order: resource name, its namespace, host. */
  const named = (manifests: ServiceEntryManifest[]) =>
    manifests.map(({ metadata, spec }) => [metadata.name, metadata.namespace, ...spec.hosts]);

  test.each<[what: string, name: string, changes: Partial<InstanceServiceRules>, expected: string[]]>([
    ["in lower case, with - for _", "Order_Service", {}, [
      "order-service.eureka",
      "eureka",
      "order-service.eureka.svc.cluster.local",
    ]],
    ["with a suffix", "A", { nameSuffix: "Sfx" }, [
      "a.Sfx.eureka",
      "eureka",
      "a.Sfx.eureka.svc.cluster.local",
    ]],
    ["without the domain", "A", { k8sDomainSuffix: false }, ["a.eureka", "eureka", "a.eureka"]],
    ["without namespaces", "A", { nsHost: false }, ["a", "eureka", "a"]],
    ["without a default namespace", "A", { defaultServiceNs: "" }, ["a", "eureka", "a"]],
    ["in another resource namespace", "A", { nsHost: false, resourceNs: "mesh" }, ["a", "mesh", "a"]],
    ["where the host says, not in the resource namespace", "A", { resourceNs: "mesh" }, [
      "a.eureka",
      "eureka",
      "a.eureka.svc.cluster.local",
    ]],
    ["where the service's own dot says", "a.b", { defaultServiceNs: "" }, ["a.b", "b", "a.b"]],
    ["in the resource namespace despite a dot, without namespaces", "a.b", { nsHost: false }, [
      "a.b",
      "eureka",
      "a.b",
    ]],
  ])("names a service %s", (_what, name, changes, expected) => {
    expect(named(convert([instance("1")], changes, name))).toEqual([expected]);
  });

  test("makes a host that Istio takes in the istio profile", () => {
    const [manifest] = convert([instance("1")], { profile: "istio", nsHost: false }, "order service");
    expect(manifest?.spec.hosts).toEqual([expect.stringMatching(/^order-service-x[a-z2-7]{8}$/)]);
    expect(manifest?.metadata.name).toBe(manifest?.spec.hosts[0]);
  });

  test.each<[what: string, metadata: Record<string, string>, expected: string]>([
    ["its own", { k8sNs: "shop" }, "orders.shop"],
    ["the default one", {}, "orders.eureka"],
    ["none if it names an empty one", { k8sNs: "" }, "orders"],
    ["the default one if its own can't be", { k8sNs: "no namespace" }, "orders.eureka"],
  ])("puts an instance into %s", (_what, metadata, expected) => {
    expect(named(convert([instance("1", metadata)]))[0]?.[0]).toBe(expected);
  });

  test("makes one entry per namespace, each with its own resolution", () => {
    const manifests = convert([
      instance("1", { k8sNs: "a" }),
      instance("2", { k8sNs: "b" }, { address: "host.example" }),
      instance("3", { k8sNs: "a" }),
    ]);
    expect(manifests.map(({ metadata, spec }) => [metadata.name, spec.resolution, spec.endpoints?.length]))
      .toEqual([
        ["orders.a", "STATIC", 2],
        ["orders.b", "DNS", 1],
      ]);
  });

  test.each([
    ["10.0.0.1", "STATIC"],
    ["2001:db8::1", "STATIC"],
    ["host.example", "DNS"],
  ])("resolves %s by %s", (address, resolution) => {
    expect(convert([instance("1"), instance("2", {}, { address })])[0]?.spec.resolution).toBe(resolution);
  });

  test("makes one entry per project code, and leaves out who has none", () => {
    const manifests = convert(
      [
        instance("1", { projectCode: "X" }),
        instance("2"),
        instance("3", { projectCode: "y" }),
        instance("4", { projectCode: "X" }),
      ],
      { enableProjectCode: true, nsHost: false },
    );
    expect(
      manifests.map(({ metadata, spec }) => [metadata.name, spec.endpoints?.map(({ address }) => address)]),
    ).toEqual([
      ["orders.X", ["10.0.0.1", "10.0.0.4"]],
      ["orders.y", ["10.0.0.3"]],
    ]);
  });

  test("takes everybody for an empty project code", () => {
    const manifests = convert([
      instance("1", { projectCode: "" }),
      instance("2"),
      instance("3", { projectCode: "y" }),
    ], {
      enableProjectCode: true,
      nsHost: false,
    });
    expect(manifests.map(({ metadata, spec }) => [metadata.name, spec.endpoints?.length])).toEqual([[
      "orders",
      3,
    ], ["orders.y", 1]]);
  });

  test("forgets a code that is no label, once all instances were taken, as slime does", () => {
    const named = (...codes: string[]) =>
      convert(codes.map((projectCode, index) => instance(`${index}`, { projectCode })), {
        enableProjectCode: true,
        nsHost: false,
      }).map(({ metadata }) => metadata.name);
    expect(named("a b", "")).toEqual(["orders.a b", "orders"]);
    expect(named("", "a b")).toEqual(["orders"]);
  });

  test.each([
    ["ORDERS_A", "orders-a"],
    ["ΟΔΟΣ", "οδοσ"],
    ["İ", "i"],
  ])("writes the name %s as Go does", (name, expected) => {
    expect(convert([instance("1")], { nsHost: false }, name)[0]?.metadata.name).toBe(expected);
  });

  test("takes a large project in its stride", () => {
    const instances = Array.from(
      { length: 20_000 },
      (_, index) => instance(`${index}`, { projectCode: "x" }),
    );
    const startMs = threadCpuMs();
    expect(convert(instances, { enableProjectCode: true })[0]?.spec.endpoints).toHaveLength(20_000);
    expect(threadCpuMs() - startMs).toBeLessThan(2000);
  });

  test("orders endpoints by address, then by id, whatever the registry's order", () => {
    const instances = [
      instance("b", {}, { address: "10.0.0.2", port: 1 }),
      instance("a", {}, { address: "10.0.0.2", port: 2 }),
      instance("z", {}, { address: "10.0.0.1", port: 3 }),
    ];
    const ports = (list: readonly ServiceInstance[]) =>
      convert(list, { instancePortAsSvcPort: false })[0]?.spec.endpoints?.map(({ ports: own }) =>
        own?.["http-80"]
      );
    expect(ports(instances)).toEqual([3, 2, 1]);
    expect(ports(instances.toReversed())).toEqual([3, 2, 1]);
  });

  test("is the same text for the same metadata in another order", () => {
    const [a, b] = [{ a: "1", b: "2", zone: "z" }, { zone: "z", b: "2", a: "1" }].map((metadata) =>
      convert([instance("1", metadata)])
    );
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
  });

  test("labels entries with the revision, and with what the endpoints say", () => {
    const labels = (variables: Record<string, string>) =>
      convert(
        [instance("1", { team: "x" }), instance("2", { app: "shop", team: "y" })],
        environment(variables),
      )[0]?.metadata.labels;
    expect(labels({})).toEqual({ registry: "eureka", app: "shop" });
    expect(labels({ MESH_REG_ISTIO_REVISION: "1-22" })).toEqual({
      registry: "eureka",
      "istio.io/rev": "1-22",
      app: "shop",
    });
    expect(labels({ SE_LABEL_SELECTOR_KEYS: "team:registry" })).toEqual({ registry: "x" });
  });

  test("gives endpoints their locality, as a label too", () => {
    const zone = {
      "topology.kubernetes.io/region": "eu",
      "topology.kubernetes.io/zone": "eu-1",
      version: "v1",
    };
    expect(convert([instance("1", zone)])[0]?.spec.endpoints?.[0]).toMatchObject({
      locality: "eu/eu-1",
      labels: { ...zone, "istio-locality": "eu.eu-1" },
    });
  });
});
