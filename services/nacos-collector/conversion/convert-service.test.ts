import { describe, expect, test } from "vitest";
import type { ConfigInput } from "../../../shared/config/mod.ts";
import type { NacosInstance } from "../../../shared/nacos/nacos.ts";
import { CatalogueRig, convertOne, instance, record } from "./conversion-rig.ts";

const good = instance("10.0.0.1");

describe("one bad instance beside good ones", () => {
  test.each<[what: string, bad: NacosInstance, reason: RegExp]>([
    ["an address that is none", instance("my_container_1"), /neither an IP address nor a host name/],
    ["its port in its address", instance("10.1.6.7:8080"), /neither/],
    ["a link-local address", instance("fe80::1%en0"), /link-local/],
    ["nobody's address", instance("0.0.0.0"), /its own host/],
    ["a loopback address", instance("127.0.0.1"), /loopback.*allowLoopback/],
    ["port 0", instance("10.0.0.9|0"), /no usable port \(0\)/],
    ["port 70000", instance("10.0.0.9|70000"), /no usable port \(70000\)/],
    ["a negative port", instance("10.0.0.9|-1"), /no usable port/],
  ])("that has %s is left out and named", (_what, bad, reason) => {
    const { addresses, reports } = convertOne([good, bad, instance("10.0.0.3")]);
    expect(addresses).toEqual(["10.0.0.1", "10.0.0.3"]);
    expect(reports).toEqual([expect.stringMatching(/^public\/DEFAULT_GROUP\/orders\//)]);
    expect(reports[0]).toMatch(reason);
  });

  test("is nobody's business while it isn't in service", () => {
    const bad = instance("my_container_1", { healthy: false });
    expect(convertOne([good, bad])).toMatchObject({ addresses: ["10.0.0.1"], reports: [] });
  });
});

describe("an instance has traffic", () => {
  test.each<[what: string, fields: Partial<NacosInstance>, isServed: boolean]>([
    ["healthy", {}, true],
    ["persistent", { ephemeral: false }, true],
    ["unhealthy", { healthy: false }, false],
    ["switched off", { enabled: false }, false],
    ["of no weight", { weight: 0 }, false],
    ["of a negative weight", { weight: -1 }, false],
    ["of a weight that is no number", { weight: Number.NaN }, true],
  ])("that is %s: %s", (_what, fields, isServed) => {
    const { addresses, reports } = convertOne([good, instance("10.0.0.2", fields)]);
    expect(addresses).toEqual(isServed ? ["10.0.0.1", "10.0.0.2"] : ["10.0.0.1"]);
    expect(reports).toEqual([]);
  });

  test("in slime if it is healthy, and for no other reason", () => {
    const others = [{ enabled: false }, { weight: 0 }, { healthy: false }].map((fields, index) =>
      instance(`10.0.0.${index + 2}`, fields)
    );
    expect(convertOne([good, ...others], {}, "slime").addresses).toEqual([
      "10.0.0.1",
      "10.0.0.2",
      "10.0.0.3",
    ]);
  });

  test("none is left: there is no entry", () => {
    expect(convertOne([instance("10.0.0.1", { weight: 0 })]).entry).toBeUndefined();
  });
});

describe("weights", () => {
  const weightsOf = (...weights: readonly number[]) =>
    convertOne(weights.map((weight, index) => instance(`10.0.0.${index + 1}`, { weight }))).endpoints
      ?.map(({ weight }) => weight);

  test.each<[weights: readonly number[], written: readonly (number | undefined)[]]>([
    [[1, 1], [undefined, undefined]],
    [[3, 3], [undefined, undefined]],
    [[1, 3], [1, 3]],
    [[1, 0.5], [100, 50]],
    [[1, 3.5], [100, 350]],
    [[0.001, 1], [1, 100]],
    [[Number.NaN, 2], [1, 2]],
    [[10_000, 0.5], [1_000_000, 50]],
    [[1e300, 1], [0x7fff_ffff, 1]],
  ])("%j are written as %j", (weights, written) => {
    expect(weightsOf(...weights)).toEqual(written);
  });

  test("a change of weight or metadata alone is a change of the entry (nacos#8742)", () => {
    const rig = new CatalogueRig();
    rig.put(record("orders", [good, instance("10.0.0.2")]));
    const before = rig.entries();
    expect(rig.put(record("orders", [good, instance("10.0.0.2", { weight: 2 })])))
      .toEqual([{ unit: "service/orders", endpoints: 0 }]);
    const reweighted = rig.entries();
    expect(reweighted).not.toEqual(before);
    rig.put(record("orders", [good, instance("10.0.0.2", { weight: 2, metadata: { version: "v2" } })]));
    expect(rig.entries()).not.toEqual(reweighted);
    expect(
      rig.put(record("orders", [good, instance("10.0.0.2", { weight: 2, metadata: { version: "v2" } })])),
    )
      .toEqual([]);
  });
});

describe("addresses", () => {
  test("have one spelling, and host names are looked up", () => {
    const { addresses, entry } = convertOne(
      ["2001:DB8::7%eth0", "[2001:db8::8]", "::ffff:10.0.0.7", "Node9.Example.com."].map((at) =>
        instance(at)
      ),
    );
    expect(addresses).toEqual(["10.0.0.7", "2001:db8::7", "2001:db8::8", "node9.example.com"]);
    expect(entry?.spec.resolution).toBe("DNS");
    expect(convertOne([instance("2001:db8::8")]).entry?.spec.resolution).toBe("STATIC");
  });

  test("of two clusters that are the same are one endpoint, always the same one (nacos#1470)", () => {
    const here = instance("10.0.0.1", { cluster: "A", metadata: { a: "1" } });
    const there = instance("10.0.0.1", { cluster: "B", metadata: { b: "1" } });
    for (const instances of [[here, there], [there, here]]) {
      const { endpoints, reports } = convertOne(instances);
      expect(endpoints).toMatchObject([{ labels: { a: "1" } }]);
      expect(reports).toEqual([
        expect.stringMatching(/\(cluster B\) has the address and port of .*\(cluster A\)/),
      ]);
    }
  });

  test("that are unhealthy in one cluster and healthy in another have traffic", () => {
    const dead = instance("10.0.0.1", { cluster: "A", healthy: false });
    expect(convertOne([dead, instance("10.0.0.1", { cluster: "B" })])).toMatchObject({
      addresses: ["10.0.0.1"],
      reports: [],
    });
  });

  test("that are in two Nacos clusters are one endpoint, and nothing to report", () => {
    const rig = new CatalogueRig();
    rig.put(...["north", "south"].map((registryId) => record("orders", [good], { registryId })));
    expect(rig.entries()[0]?.spec.endpoints).toMatchObject([{ labels: { "registry-id": "north" } }]);
    expect(rig.reports).toEqual([]);
  });
});

describe("ports", () => {
  const grpc = (port: string) => ({ metadata: { "gRPC_port": port } });

  test("of several protocols are service ports of their own (higress#1748)", () => {
    const { ports, endpoints } = convertOne([
      instance("10.0.0.1", grpc("9090")),
      instance("10.0.0.2", grpc("9091")),
    ]);
    expect(ports).toEqual(["HTTP 80", "HTTP 8080", "GRPC 9090", "GRPC 9091"]);
    expect(endpoints?.map((each) => each.ports)).toEqual([
      { "http-80": 8080, "http-8080": 8080, "grpc-9090": 9090, "grpc-9091": 9090 },
      { "http-80": 8080, "http-8080": 8080, "grpc-9090": 9091, "grpc-9091": 9091 },
    ]);
  });

  test("don't flap with the order of instances (higress-console#518)", () => {
    const instances = [
      instance("10.0.0.1|8081"),
      instance("10.0.0.2", grpc("9090")),
      instance("10.0.0.3", { metadata: { protocol: "tri" } }),
    ];
    const { entry } = convertOne(instances);
    expect(convertOne(instances.toReversed()).entry).toEqual(entry);
    expect(entry?.spec.ports?.map(({ name }) => name)).toEqual([
      "http-80",
      "tcp-8080",
      "http-8081",
      "grpc-9090",
    ]);
  });

  test.each<[metadata: Record<string, string>, ports: readonly string[]]>([
    [{ protocol: "grpc" }, ["GRPC 80", "GRPC 8080"]],
    [{ protocol: "Triple" }, ["GRPC 80", "GRPC 8080"]],
    [{ protocol: "tcp" }, ["TCP 80", "TCP 8080"]],
    [{ protocol: "whatever" }, ["HTTP 80", "HTTP 8080"]],
    [{ "gRPC_port": "8080", "preserved.register.source": "go-zero" }, ["GRPC 80", "GRPC 8080"]],
    [{ "gRPC_port": "0" }, ["HTTP 80", "HTTP 8080"]],
    [{ "gRPC_port": "x" }, ["HTTP 80", "HTTP 8080"]],
    [{ secure: "true" }, ["HTTPS 443", "HTTPS 8080"]],
    [{ secure: "false" }, ["HTTP 80", "HTTP 8080"]],
    [{ secure: "true", protocol: "grpc" }, ["TLS 80", "TLS 8080"]],
  ])("by metadata %j: %j", (metadata, ports) => {
    expect(convertOne([instance("10.0.0.1", { metadata })]).ports).toEqual(ports);
  });

  test("are those of the metadata keys in the configuration", () => {
    const portMetaKeys = [{ key: "admin", protocol: "http" }, { key: "mysql", protocol: "mysql" }];
    const one = instance("10.0.0.1", { metadata: { admin: "8081", mysql: "3306", "gRPC_port": "9090" } });
    const { ports, endpoints } = convertOne([one, good, instance("10.0.0.2")], { portMetaKeys });
    expect(ports).toEqual(
      ["HTTP 80", "HTTP 8080", "HTTP 8081", "MySQL 3306"].sort((a, b) =>
        Number(a.split(" ")[1]) - Number(b.split(" ")[1])
      ),
    );
    expect(endpoints?.[1]?.ports).toEqual({
      "http-80": 8080,
      "mysql-3306": 8080,
      "http-8080": 8080,
      "http-8081": 8080,
    });
  });

  test("of HTTPS beside plain ones are left out, and named", () => {
    const { addresses, reports } = convertOne([good, instance("10.0.0.2", { metadata: { secure: "true" } })]);
    expect(addresses).toEqual(["10.0.0.1"]);
    expect(reports).toEqual([expect.stringMatching(/speaks HTTPS only/)]);
  });

  test("are slime's in its profile, whatever the metadata say", () => {
    const metadata = { protocol: "grpc", "gRPC_port": "9090", secure: "true", "istio.hostname": "other" };
    const { ports, hosts } = convertOne([instance("10.0.0.1", { metadata, weight: 3 })], {}, "slime");
    expect(ports).toEqual(["HTTP 80", "HTTP 8080"]);
    expect(hosts).toEqual(["orders.nacos.svc.cluster.local"]);
  });
});

describe("labels and locality", () => {
  test("leave out what Nacos' clients tell each other, and name the cluster", () => {
    const metadata = {
      "preserved.register.source": "SPRING_CLOUD",
      "preserved.heart.beat.interval": "1",
      version: "v1",
    };
    const { endpoints } = convertOne([instance("10.0.0.1", { cluster: "HZ", metadata })]);
    expect(endpoints?.[0]?.labels).toEqual({ cluster: "HZ", version: "v1" });
  });

  test.each<
    [fields: Partial<NacosInstance>, source: ConfigInput["nacosSource"], locality: string | undefined]
  >([
    [{ cluster: "cn-hangzhou-h" }, {}, "cn-hangzhou/cn-hangzhou-h"],
    [{ cluster: "HZ" }, {}, undefined],
    [{ cluster: "HZ" }, { region: "home" }, "home/HZ"],
    [{ cluster: "HZ", metadata: { region: "r", zone: "z" } }, {}, "r/z"],
    [{ cluster: "DEFAULT" }, { region: "home" }, undefined],
    [{ cluster: "HZ", metadata: { "topology.kubernetes.io/region": "k" } }, {}, "k"],
  ])("%j in a source %j is at %s", (fields, source, locality) => {
    expect(convertOne([instance("10.0.0.1", fields)], source).endpoints?.[0]?.locality).toBe(locality);
  });
});

describe("hosts", () => {
  const named = (at: string, hostname: string) => instance(at, { metadata: { "istio.hostname": hostname } });

  test("have what istio.hostname says in place of the name, as Nacos' own module does", () => {
    const { hosts, entry, endpoints } = convertOne([named("10.0.0.1", "Reviews")]);
    expect(hosts).toEqual(["reviews.nacos.svc.cluster.local"]);
    expect(entry?.metadata.name).toBe("orders.nacos");
    expect(endpoints?.[0]?.labels).toBeUndefined();
    expect(convertOne([named("10.0.0.1", "reviews")], { k8sDomainSuffix: false }).hosts).toEqual([
      "reviews.nacos",
    ]);
  });

  test("are all that instances say while they differ", () => {
    expect(convertOne([named("10.0.0.1", "b"), named("10.0.0.2", "a"), instance("10.0.0.3")]).hosts).toEqual([
      "a.nacos.svc.cluster.local",
      "b.nacos.svc.cluster.local",
      "orders.nacos.svc.cluster.local",
    ]);
  });

  test("are one where the port can't tell hosts apart: the service's own as long as an instance has it", () => {
    const [plain, reviews, ratings] = [
      instance("10.0.0.1", {}),
      named("10.0.0.2", "reviews"),
      named("10.0.0.3", "ratings"),
    ];
    const hostsOf = (...instances: Parameters<typeof convertOne>[0]) =>
      convertOne(instances, { svcProtocol: "tcp" }).hosts;
    expect(hostsOf(plain, reviews)).toHaveLength(1);
    expect(hostsOf(plain, reviews)).toEqual(hostsOf(plain));
    expect(hostsOf(reviews, ratings)).toEqual(hostsOf(ratings));
  });

  test("ignore an istio.hostname that is none, and say so", () => {
    const { hosts, reports } = convertOne([named("10.0.0.1", "a b")]);
    expect(hosts).toEqual(["orders.nacos.svc.cluster.local"]);
    expect(reports).toEqual([expect.stringMatching(/istio\.hostname that is no host name; it is ignored/)]);
  });

  test("that two services ask for are named for both, until one has another", () => {
    const rig = new CatalogueRig();
    rig.put(record("a", [named("10.0.0.1", "reviews")]), record("b", [named("10.0.0.2", "reviews")]));
    rig.entries();
    expect(rig.reports).toEqual([
      expect.stringMatching(/^a\S* has the host reviews\S*, and so has service\/b: /),
      expect.stringMatching(/^b\S* has the host reviews\S*, and so has service\/a: /),
    ]);
    rig.put(record("reviews", [good]));
    rig.entries();
    expect(rig.reports.map((text) => text.replace(/:.*/, ""))).toContainEqual(
      expect.stringMatching(/^reviews.* and so has service\/a, service\/b$/),
    );
    rig.put(record("a", [named("10.0.0.1", "ratings")]), record("reviews", []));
    for (const name of ["a", "reviews"]) rig.catalogue.convert(`service/${name}`);
    expect(rig.reports).toEqual([]);
  });

  test("keep their name if hostnameMetaKey is empty", () => {
    const { hosts, endpoints } = convertOne([named("10.0.0.1", "reviews")], { hostnameMetaKey: "" });
    expect(hosts).toEqual(["orders.nacos.svc.cluster.local"]);
    expect(endpoints?.[0]?.labels).toEqual({ "istio.hostname": "reviews" });
  });

  test("get aliases and metadata from the configuration", () => {
    const { entry } = convertOne([good], {
      serviceHostAliases: [{
        host: "orders.nacos.svc.cluster.local",
        aliases: ["orders.example", "a.example"],
      }],
      serviceAdditionalMetas: { "orders.nacos": { labels: { team: "t" }, annotations: { "a/b": "c" } } },
    });
    expect(entry?.spec.hosts).toEqual(["a.example", "orders.example", "orders.nacos.svc.cluster.local"]);
    expect(entry?.metadata).toMatchObject({
      labels: { registry: "nacos", team: "t" },
      annotations: { "a/b": "c" },
    });
  });
});
