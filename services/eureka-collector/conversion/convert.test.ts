import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../shared/config/mod.ts";
import type { ConfigInput } from "../../../shared/config/mod.ts";
import { decodeApplication } from "../client/decode.ts";
import type { InvalidRecord } from "../client/decode.ts";
import { convertService, eurekaRules, serviceKey } from "./convert.ts";

type Fields = Readonly<Record<string, unknown>>;

const secureOnly = {
  port: { "$": 8080, "@enabled": "false" },
  securePort: { "$": 8443, "@enabled": "true" },
};

/** Converts the instances of one application, each usable unless its fields say otherwise. */
function convert(
  instances: readonly Fields[],
  source: ConfigInput["eurekaSource"] = {},
  { profile = "istio", name = "ORDERS", registryIds = [""] }: {
    profile?: "istio" | "slime";
    name?: string;
    registryIds?: readonly string[];
  } = {},
) {
  const eurekaSource = { enabled: true, address: ["http://localhost:8761"], ...source };
  const { config, environment } = loadConfig(JSON.stringify({ profile, eurekaSource }), {
    env: {},
    fileName: "the test",
  });
  const reports: InvalidRecord[] = [];
  const report = (record: InvalidRecord) => reports.push(record);
  const instance = instances.map((fields, index) => ({
    instanceId: String(index + 1),
    ipAddr: `10.0.0.${index + 1}`,
    port: { "$": 8080, "@enabled": "true" },
    securePort: { "$": 443, "@enabled": "false" },
    ...fields,
  }));
  const decoded = decodeApplication({ name, instance }, report)?.instances ?? [];
  const applications = registryIds.map((registryId, index) => ({
    name,
    registryId,
    instances: decoded.filter((_, position) => position % registryIds.length === index),
  }));
  const rules = eurekaRules(config.eurekaSource, config.profile, environment);
  const entries = convertService(serviceKey(name), applications, rules, report);
  const [entry] = entries;
  return {
    entry,
    names: entries.map(({ metadata }) => metadata.name),
    addresses: entry?.spec.endpoints?.map(({ address }) => address),
    ports: entry?.spec.ports?.map(({ number, protocol }) => `${protocol} ${number}`),
    reports: reports.map(({ path, reason }) => `${path} ${reason}`),
  };
}

describe("one bad instance beside good ones", () => {
  test.each<[what: string, fields: Fields, reason: RegExp]>([
    ["an underscore in its address", { ipAddr: "my_container_1" }, /neither an IP address nor a host name/],
    ["no IPv4 address", { ipAddr: "10.1.6.300" }, /neither/],
    ["its port in its address", { ipAddr: "10.1.6.7:8080" }, /neither/],
    ["a link-local address", { ipAddr: "fe80::1c23:653e:65a1:6014%en0" }, /link-local/],
    ["nobody's address", { ipAddr: "0.0.0.0" }, /its own host/],
    ["a loopback address", { ipAddr: "127.0.0.1" }, /loopback address \(127\.0\.0\.1\).*allowLoopback/],
    ["a unix socket for its address", { ipAddr: "unix:///run/docker.sock" }, /unix socket/],
    ["a loopback name", { ipAddr: "", hostName: "localhost" }, /loopback/],
    ["no address", { ipAddr: null, hostName: "" }, /no address/],
    ["no port", { port: { "$": 0, "@enabled": "true" } }, /no usable port \(0\)/],
    [
      "both ports switched off",
      { port: { "$": 8080, "@enabled": "false" } },
      /neither its port nor its secure port switched on/,
    ],
    ["HTTPS only", secureOnly, /HTTPS only, and others of its service one for HTTP/],
  ])("that has %s is left out and named", (_what, fields, reason) => {
    const { entry, addresses, reports } = convert([{}, fields, {}]);
    expect(addresses).toEqual(["10.0.0.1", "10.0.0.3"]);
    expect(entry?.spec.resolution).toBe("STATIC");
    expect(reports).toEqual([expect.stringMatching(/^ORDERS\/2 has /)]);
    expect(reports[0]).toMatch(reason);
  });

  test("is nobody's business while it isn't UP", () => {
    expect(convert([{}, { ipAddr: "my_container_1", status: "DOWN" }])).toMatchObject({
      addresses: ["10.0.0.1"],
      reports: [],
    });
  });

  test("is taken by allowLoopback, if it is that", () => {
    expect(convert([{ ipAddr: "::ffff:127.0.0.1" }], { allowLoopback: true }))
      .toMatchObject({ addresses: ["127.0.0.1"], reports: [] });
  });

  test("is left out of the slime profile, too, where Envoy would reject everything with it", () => {
    const instances = ["FE80::1%en0", "2001:DB8::7%eth0"].map((ipAddr) => ({ ipAddr }));
    const { addresses, reports } = convert(instances, {}, { profile: "slime" });
    expect(addresses).toEqual(["2001:DB8::7"]);
    expect(reports).toEqual([expect.stringMatching(/^ORDERS\/1 .*link-local/)]);
  });

  test("is served in the slime profile, as slime does", () => {
    const { addresses, reports } = convert(
      [{ ipAddr: "my_container_1" }, { ipAddr: "127.0.0.1" }, secureOnly, { port: 0 }],
      {},
      { profile: "slime" },
    );
    expect(addresses).toEqual(["10.0.0.3", "127.0.0.1", "my_container_1"]);
    expect(reports).toEqual(["ORDERS/4 has no usable port (0)"]);
  });
});

describe("addresses", () => {
  test("have one spelling", () => {
    const spellings = ["2001:DB8::7%eth0", "[2001:db8::8]", "::ffff:10.0.0.7", "Node9.Example.com."];
    expect(convert(spellings.map((ipAddr) => ({ ipAddr })))).toMatchObject({
      addresses: ["10.0.0.7", "2001:db8::7", "2001:db8::8", "node9.example.com"],
      reports: [],
    });
  });
});

describe("secure ports", () => {
  test("of a service that has nothing else are HTTPS, which callers find on 443", () => {
    const { entry, ports, reports } = convert([secureOnly, { ...secureOnly, port: { "$": 0 } }]);
    expect(ports).toEqual(["HTTPS 443", "HTTPS 8443"]);
    expect(entry?.spec.endpoints).toEqual([
      { address: "10.0.0.1", ports: { "https-443": 8443, "https-8443": 8443 } },
      { address: "10.0.0.2", ports: { "https-443": 8443, "https-8443": 8443 } },
    ]);
    expect(reports).toEqual([]);
  });

  test("beside plain ports are left alone", () => {
    expect(convert([{ ...secureOnly, port: 8080 }]).ports).toEqual(["HTTP 80", "HTTP 8080"]);
  });

  test("leave a port of one's own choice, and a protocol that carries both", () => {
    expect(convert([secureOnly], { svcPort: 9000 }).ports).toEqual(["HTTPS 8443", "HTTPS 9000"]);
    expect(convert([secureOnly], { svcProtocol: "tcp" }).ports).toEqual(["TCP 80", "TCP 8443"]);
  });
});

describe("two registrations of one address and port", () => {
  const one = {
    instanceId: "old",
    ipAddr: "10.0.0.1",
    lastDirtyTimestamp: "1000",
    metadata: { a: "1", b: "2" },
  };
  const two = { ...one, instanceId: "new", lastDirtyTimestamp: "2000", metadata: { version: "v2" } };

  test.each([[[one, two]], [[two, one]]])("are one endpoint: the newer, whatever its labels", (instances) => {
    const { entry, reports } = convert(instances);
    expect(entry?.spec.endpoints).toMatchObject([{ labels: { version: "v2" } }]);
    expect(reports).toEqual([
      "ORDERS/old has the address and port of ORDERS/new, which was registered later",
    ]);
  });

  test("are none if the newer is DOWN", () => {
    const { addresses, reports } = convert([one, { ...two, status: "DOWN" }, {}]);
    expect(addresses).toEqual(["10.0.0.3"]);
    expect(reports).toEqual([
      "ORDERS/old has the address and port of ORDERS/new, which was registered later and is DOWN",
    ]);
  });

  test("are one if the older is DOWN, which is nothing to report", () => {
    expect(convert([{ ...one, status: "DOWN" }, two])).toMatchObject({
      addresses: ["10.0.0.1"],
      reports: [],
    });
  });

  test("are told apart by their server's time where they have none", () => {
    const times = (of: Fields, lastUpdatedTimestamp: string) => ({
      ...of,
      lastDirtyTimestamp: undefined,
      lastUpdatedTimestamp,
    });
    expect(convert([times(one, "5"), times(two, "4")]).reports).toEqual([
      "ORDERS/new has the address and port of ORDERS/old, which was registered later",
    ]);
  });

  test("may be one instance in two clusters", () => {
    const copy = { ...one, lastDirtyTimestamp: "3000" };
    const { entry, reports } = convert([one, copy], {}, { registryIds: ["north", "south"] });
    expect(entry?.spec.endpoints).toMatchObject([{ labels: { "registry-id": "south" } }]);
    expect(reports).toEqual(["ORDERS/old is listed twice; the last one counts"]);
  });

  test("stay two in the slime profile", () => {
    expect(convert([one, two], {}, { profile: "slime" }).addresses).toEqual(["10.0.0.1", "10.0.0.1"]);
  });
});

describe("the registry's own name", () => {
  test.each<[name: string, host: RegExp, annotation: string | undefined]>([
    ["ORDERS", /^orders\.eureka\.svc\.cluster\.local$/, undefined],
    ["Orders.V2", /^orders\.v2\.eureka\.svc\.cluster\.local$/, undefined],
    ["HELLO_SERV_A", /^hello-serv-a\.eureka\.svc\.cluster\.local$/, "HELLO_SERV_A"],
    ["SERVICE A", /^service-a-x[a-z2-7]{8}\.eureka\.svc\.cluster\.local$/, "SERVICE A"],
    ["订单", /^service-x[a-z2-7]{8}\.eureka\.svc\.cluster\.local$/, "订单"],
  ])("%s", (name, host, annotation) => {
    const { entry } = convert([{}], {}, { name });
    expect(entry?.spec.hosts).toEqual([expect.stringMatching(host)]);
    expect(`${entry?.metadata.name}.svc.cluster.local`).toBe(entry?.spec.hosts[0]);
    expect(entry?.metadata.annotations?.["registry.meshregistry.io/name"]).toBe(annotation);
  });

  test("is in no annotation of the slime profile", () => {
    const { entry } = convert([{}], {}, { profile: "slime", name: "SERVICE A" });
    expect(entry?.metadata).toEqual({
      name: "service a.eureka",
      namespace: "eureka",
      labels: { registry: "eureka" },
    });
  });
});

describe("what slime does otherwise", () => {
  test("the Java type of a map is left out in the istio profile; to slime it is a label like any other", () => {
    const instances = [{ metadata: { class: "java.util.HashMap", a: "1" } }, { metadata: { class: "gold" } }];
    const labels = (profile: "istio" | "slime") =>
      convert(instances, {}, { profile }).entry?.spec.endpoints?.map((endpoint) => endpoint.labels);
    expect(labels("istio")).toEqual([{ a: "1" }, { class: "gold" }]);
    expect(labels("slime")).toEqual([{ class: "java.util.HashMap", a: "1" }, { class: "gold" }]);
  });

  test("instances that aren't UP are asked for project codes", () => {
    const instances = [{ metadata: { projectCode: "a" } }, { metadata: { projectCode: "" }, status: "DOWN" }];
    const source = { enableProjectCode: true };
    expect(convert(instances, source).names).toEqual(["orders.a.eureka"]);
    expect(convert(instances, source, { profile: "slime" }).names)
      .toEqual(["orders.a.eureka", "orders.eureka"]);
  });
});

describe("locality", () => {
  const amazon = (zone: string) => ({
    dataCenterInfo: { name: "Amazon", metadata: { "availability-zone": zone } },
  });

  test.each<
    [what: string, fields: Fields, source: ConfigInput["eurekaSource"], locality: string | undefined]
  >([
    ["Amazon's zone", amazon("us-west-2b"), {}, "us-west-2/us-west-2b"],
    ["the zone of the metadata", { metadata: { zone: "eu-central-1a" } }, {}, "eu-central-1/eu-central-1a"],
    ["Google's zone", { metadata: { zone: "europe-west1-b" } }, {}, "europe-west1/europe-west1-b"],
    ["a region of the metadata", { metadata: { zone: "z1", region: "r1" } }, {}, "r1/z1"],
    ["a region of the configuration", { metadata: { zone: "z1" } }, { region: "home" }, "home/z1"],
    ["a zone whose region nobody knows", { metadata: { zone: "z1" } }, {}, undefined],
    ["a region without a zone", { metadata: { region: "r1" } }, { region: "home" }, undefined],
    [
      "Kubernetes' labels before all",
      { ...amazon("us-west-2b"), metadata: { "topology.kubernetes.io/region": "r", zone: "z" } },
      {},
      "r",
    ],
  ])("by %s", (_what, fields, source, locality) => {
    expect(convert([fields], source).entry?.spec.endpoints?.[0]?.locality).toBe(locality);
    const slime = convert([fields], source, { profile: "slime" }).entry?.spec.endpoints?.[0]?.locality;
    expect(slime).toBe(locality === "r" ? "r" : undefined);
  });
});

test("location and exportTo are written on what they are meant for", () => {
  const source = {
    location: "MESH_INTERNAL" as const,
    servicePlacements: [{ hosts: ["orders.eureka.svc.cluster.local"], exportTo: ["shop"] }],
  };
  expect(convert([{}], source).entry?.spec).toMatchObject({ location: "MESH_INTERNAL", exportTo: ["shop"] });
  expect(convert([{}], source, { name: "OTHER" }).entry?.spec.exportTo).toBeUndefined();
});
