import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { validateManifest } from "../../../shared/istio/mod.ts";
import type { SpringInstance } from "../../../shared/dubbo/applications/application-node.ts";
import { decodeApplicationNode } from "../../../shared/dubbo/applications/application-node.ts";
import { dubboHost } from "../../../shared/dubbo/conversion/dubbo-host.ts";
import { recordedTree, rulesOf } from "../../../shared/dubbo/applications/recorded-tree-rig.ts";
import type { InvalidRecord } from "../../../shared/dubbo/conversion/registry-records.ts";
import { convertSpringService, springHost } from "./spring-service.ts";

const plain: SpringInstance = {
  kind: "spring",
  path: "/services/shop/1",
  name: "shop",
  registeredName: "shop",
  id: "1",
  host: "10.0.0.1",
  port: 8080,
  sslPort: undefined,
  metadata: {},
  registeredAtMs: 1,
  status: "UP",
  enabled: true,
};

function convert(instances: readonly Partial<SpringInstance>[], source: object = {}, name = "shop") {
  const reported: InvalidRecord[] = [];
  const rules = rulesOf(source);
  const all = instances.map((given, index) => (
    {
      ...plain,
      registeredName: name,
      id: String(index),
      path: `/services/shop/${index}`,
      host: `10.0.0.${index + 1}`,
      ...given,
    }
  ));
  const [entry] = convertSpringService(name, all, rules, (record) => reported.push(record));
  return { entry, endpoints: entry?.spec.endpoints, reported };
}

describe("convertSpringService", () => {
  it("converts what a real application registered", () => {
    const instances = recordedTree("spring-cloud-zookeeper").flatMap(({ path, data }) => {
      const decoded = decodeApplicationNode({ path, data: Buffer.from(data ?? "") }, () => {});
      return decoded?.kind === "spring" ? [decoded] : [];
    });
    const { entry, reported } = convert(instances, {}, "catalog");
    expect(entry).toEqual({
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "catalog", namespace: "dubbo", labels: { registry: "zookeeper" } },
      spec: {
        hosts: ["catalog"],
        ports: [
          { number: 80, protocol: "HTTP", name: "http-80" },
          { number: 18082, protocol: "HTTP", name: "http-18082" },
        ],
        resolution: "STATIC",
        endpoints: [{
          address: "192.0.2.2",
          ports: { "http-80": 18082, "http-18082": 18082 },
          labels: { version: "1.1", zone: "hz-b" },
        }],
      },
    });
    expect(reported).toEqual([]);
  });

  it("takes host names, which are resolved", () => {
    const { entry } = convert([{}, { host: "shop-1.internal" }]);
    expect(entry?.spec.resolution).toBe("DNS");
  });

  it("leaves out instances that aren't up, or are switched off", () => {
    const { endpoints, reported } = convert([{ status: "OUT_OF_SERVICE" }, {}, { enabled: false }]);
    expect(endpoints?.map(({ address }) => address)).toEqual(["10.0.0.2"]);
    expect(reported).toEqual([]);
    expect(convert([{ status: "DOWN" }]).entry).toBeUndefined();
    expect(convert([]).entry).toBeUndefined();
  });

  it("is HTTPS if all instances are, HTTP otherwise", () => {
    const secure = convert([{ sslPort: 8443 }, { port: undefined, sslPort: 8443 }]);
    expect(secure.entry?.spec.ports?.map(({ number, protocol }) => [number, protocol]))
      .toEqual([[443, "HTTPS"], [8443, "HTTPS"]]);
    const mixed = convert([{ sslPort: 8443 }, {}, { port: undefined, sslPort: 8443 }]);
    expect(mixed.entry?.spec.ports?.map(({ number, protocol }) => [number, protocol]))
      .toEqual([[80, "HTTP"], [8080, "HTTP"]]);
    expect(mixed.endpoints?.map(({ address }) => address)).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(mixed.reported.map(({ path }) => path)).toEqual(["/services/shop/2"]);
  });

  it("takes the protocol that all instances say", () => {
    const protocols = (words: readonly string[]) =>
      convert(words.map((protocol) => ({ metadata: { protocol } }))).entry?.spec.ports?.map(({ protocol }) =>
        protocol
      );
    expect(protocols(["grpc", "GRPC"])).toEqual(["GRPC", "GRPC"]);
    expect(protocols(["tcp"])).toEqual(["TCP"]);
    expect(protocols(["grpc", "http"])).toEqual(["HTTP", "HTTP"]);
    expect(protocols(["carrier-pigeon"])).toEqual(["HTTP", "HTTP"]);
  });

  it("shows the ports that the source says", () => {
    const numbers = (source: object) => convert([{}], source).entry?.spec.ports?.map(({ number }) => number);
    expect(numbers({ svcPort: 9000 })).toEqual([8080, 9000]);
    expect(numbers({ instancePortAsSvcPort: false })).toEqual([80]);
  });

  it("weighs instances if all say what they weigh", () => {
    const weights = (texts: readonly (string | undefined)[]) =>
      convert(texts.map((weight) => ({ metadata: weight === undefined ? {} : { weight } }))).endpoints
        ?.map(({ address, weight }) => [address, weight]);
    expect(weights(["1", "3"])).toEqual([["10.0.0.1", 1], ["10.0.0.2", 3]]);
    expect(weights(["0", "3"])).toEqual([["10.0.0.2", 3]]);
    expect(weights(["3", undefined])).toEqual([["10.0.0.1", undefined], ["10.0.0.2", undefined]]);
    expect(weights(["0", "0"])).toEqual([["10.0.0.1", undefined], ["10.0.0.2", undefined]]);
  });

  it("takes the later of two registrations of one address: a crashed instance's node outlives it", () => {
    const { endpoints } = convert([
      { host: "10.0.0.1", registeredAtMs: 5, metadata: { version: "2" } },
      { host: "10.0.0.1", registeredAtMs: 4, metadata: { version: "1" } },
    ]);
    expect(endpoints?.map(({ labels }) => labels)).toEqual([{ version: "2" }]);
  });

  it("names the registration that a later one took the place of, whatever that one's state", () => {
    const old = { host: "10.0.0.1", registeredAtMs: 4 };
    const later = { host: "10.0.0.1", registeredAtMs: 5 };
    const reason = "has the address and port of /services/shop/1, which was registered later";
    expect(convert([old, later]).reported).toEqual([{ path: "/services/shop/0", reason }]);
    const down = convert([old, { ...later, status: "OUT_OF_SERVICE" }, {}]);
    expect(down.endpoints?.map(({ address }) => address)).toEqual(["10.0.0.3"]);
    expect(down.reported).toEqual([{ path: "/services/shop/0", reason: `${reason} and is out of service` }]);
    const secure = convert([{ ...old, sslPort: 8443 }, { ...later, port: undefined, sslPort: 8443 }]);
    expect(secure.reported).toEqual([{ path: "/services/shop/0", reason }]);
  });

  it("takes an instance that is registered below two roots once, and says nothing of it", () => {
    const { endpoints, reported } = convert([{ host: "10.0.0.1", id: "a" }, { host: "10.0.0.1", id: "a" }]);
    expect([endpoints?.length, reported]).toEqual([1, []]);
  });

  it("gives addresses one spelling, and leaves out those that no proxy can use", () => {
    const hosts = ["2001:DB8::7%eth0", "Shop-1.Internal.", "::ffff:10.0.0.9"];
    expect(convert(hosts.map((host) => ({ host }))).endpoints?.map(({ address }) => address))
      .toEqual(["10.0.0.9", "2001:db8::7", "shop-1.internal"]);
    const bad = ["fe80::1%en0", "localhost", "127.0.0.1", "::", "my_host", "10.1.6.300"];
    const { endpoints, entry, reported } = convert([{}, ...bad.map((host) => ({ host }))]);
    expect([endpoints?.length, entry?.spec.resolution]).toEqual([1, "STATIC"]);
    expect(reported.map(({ path }) => path)).toEqual(bad.map((_, index) => `/services/shop/${index + 1}`));
    expect(convert([{ host: "localhost" }], { allowLoopback: true }).endpoints?.[0]?.address).toBe(
      "localhost",
    );
  });

  it("knows the locality by the metadata that Spring's own clients read", () => {
    const locality = (metadata: Record<string, string>, source: object = {}) =>
      convert([{ metadata }], source).endpoints?.[0]?.locality;
    expect(locality({ zone: "us-west-2b" })).toBe("us-west-2/us-west-2b");
    expect(locality({ zone: "z1" }, { region: "home" })).toBe("home/z1");
    expect(locality({ zone: "z1" })).toBeUndefined();
  });

  it("selects and relabels as the source says", () => {
    const { endpoints } = convert([{ metadata: { zone: "a" } }, { metadata: { zone: "b" } }], {
      endpointSelectors: [{ matchLabels: { area: "b" } }],
      instanceMetaRelabel: { items: [{ key: "zone", targetKey: "area" }] },
    });
    expect(endpoints?.map(({ labels }) => labels)).toEqual([{ area: "b", zone: "b" }]);
  });

  it("reports addresses that are none", () => {
    const { endpoints, reported } = convert([{}, { host: "0.0.0.0" }, { host: "not a host" }]);
    expect(endpoints).toHaveLength(1);
    expect(reported.map(({ path }) => path)).toEqual(["/services/shop/1", "/services/shop/2"]);
  });

  it("says the name of a host that is another", () => {
    const { entry } = convert([{}], {}, "team/shop");
    expect(entry?.metadata.annotations).toEqual({ "registry.meshregistry.io/name": "team/shop" });
    expect(entry?.spec.hosts[0]).toMatch(/^team-shop-x[a-z2-7]{8}$/);
  });
});

describe("springHost", () => {
  it("is the name, where that can be", () => {
    expect(springHost("order-service", "istio")).toBe("order-service");
    expect(springHost("com.acme/x", "slime")).toBe("com.acme/x");
  });

  it("is one that Istio takes, no other name's, and no Dubbo interface's", () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-z0-9./-]{1,12}$/),
      fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 300 })
        .map((codes) => String.fromCharCode(...codes)),
    );
    const rules = rulesOf();
    fc.assert(fc.property(name, name, (a, b) => {
      const host = springHost(a, "istio");
      expect(host).not.toContain(".");
      if (a !== b) expect(springHost(b, "istio")).not.toBe(host);
      expect(convertSpringService(a, [plain], rules, () => {}).map(validateManifest)).toEqual([[]]);
      expect(dubboHost({ interface: a, group: "", version: "" })).toContain(".");
    }));
  });
});
