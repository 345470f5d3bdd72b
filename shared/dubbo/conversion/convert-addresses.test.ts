import { describe, expect, test } from "vitest";
import { addresses, consumer, converted, endpointsOf, provider, rulesOf } from "./conversion-rig.ts";

const istio = rulesOf("istio");

describe("addresses of providers", () => {
  test("have one spelling, without zones", () => {
    const hosts = [
      "[2001:db8::1]",
      "[2001:DB8:0:0:0:0:0:7%eth0]",
      "2001:db8:0:0:0:0:0:2",
      "[::ffff:10.0.0.7]",
      "Order-1.",
    ];
    const providers = hosts.map((host) => provider(`${host}:20880`));
    expect(addresses({ providers }, istio)).toEqual({
      "a.B": ["10.0.0.7", "2001:db8::1", "2001:db8::2", "2001:db8::7", "order-1"],
    });
  });

  test.each<[host: string, reason: RegExp]>([
    ["[fe80::1c23:653e:65a1:6014%en0]", /link-local/],
    ["[fe80::1c23:653e:65a1:6015%25en0]", /link-local/],
    ["[::]", /its own host/],
    ["127.0.0.1", /loopback.*allowLoopback/],
    ["localhost", /loopback/],
    ["[::1]", /loopback/],
    ["224.0.0.1", /a group/],
    ["my_container", /neither/],
  ])("at %s cost nobody else anything, at both levels of registration", (host, reason) => {
    const bad = provider(`${host}:1`);
    for (const level of ["providers", "applicationProviders"] as const) {
      const record = { providers: [provider("10.0.0.1:1")], [level]: [provider("10.0.0.1:1"), bad] };
      const { services, reported } = converted(record, istio);
      expect(services[0]?.manifest.spec).toMatchObject({ resolution: "STATIC", endpoints: [{}] });
      expect(reported).toEqual([{ path: expect.any(String), reason: expect.stringMatching(reason) }]);
    }
  });

  test("may be loopback addresses where the configuration says so", () => {
    const record = { providers: [provider("localhost:1"), provider("127.0.0.1:1")] };
    expect(addresses(record, rulesOf("istio", { allowLoopback: true }))).toEqual({
      "a.B": ["127.0.0.1", "localhost"],
    });
  });

  test("are found by rules in whatever spelling", () => {
    const weights = (configurator: string) =>
      endpointsOf(
        { providers: [provider("[fd00::1]:1"), provider("[fd00::2]:1")], configurators: [configurator] },
        istio,
      ).map(({ weight }) => weight);
    expect(weights("override://[FD00:0::1]:1/a.B?weight=5")).toEqual([5, 100]);
    const listed = "override://0.0.0.0/a.B?configVersion=v3.0&weight=5&providerAddresses=";
    expect(weights(`${listed}10.0.0.1:1 , [FD00:0::1]:1`)).toEqual([5, 100]);
    expect(weights(`${listed}fd00::2`)).toEqual([100, 5]);
  });
});

test("a second path on one port is one endpoint, and nothing to report", () => {
  const other = provider("10.0.0.1:1", "&timestamp=1").replace("/a.B?", "/a.B2?");
  const { services, reported } = converted(
    { providers: [provider("10.0.0.1:1", "&timestamp=1"), other] },
    istio,
  );
  expect(services[0]?.manifest.spec.endpoints).toHaveLength(1);
  expect(reported).toEqual([]);
});

test("two nodes of one start are named, and two starts as what they are", () => {
  const reasons = (first: string, second: string) =>
    converted({ providers: [provider("10.0.0.1:1", first), provider("10.0.0.1:1", second)] }, istio).reported
      .map(({ reason }) => reason);
  expect(reasons("&timestamp=1&x=1", "&timestamp=1&x=2")).toEqual([
    "is registered once more, with other parameters",
  ]);
  expect(reasons("&timestamp=1", "&timestamp=2")).toEqual([
    "is registered once more, by a later start of the same provider",
  ]);
});

test("the newer of two registrations stands for both, also where it is switched off", () => {
  const providers = [
    provider("10.0.0.1:1", "&timestamp=1&a=1&b=2&c=3"),
    provider("10.0.0.1:1", "&timestamp=2&disabled=true"),
    provider("10.0.0.2:1"),
  ];
  expect(addresses({ providers }, istio)).toEqual({ "a.B": ["10.0.0.2"] });
});

describe("providers that speak TLS", () => {
  const ports = (...providers: string[]) =>
    converted({ providers }, istio).services[0]?.manifest.spec.ports?.map(({ name, protocol }) =>
      `${name} ${protocol}`
    );

  test.each([["tri"], ["rest"], ["grpc"], ["http"]])("%s is TCP for the caller's proxy", (protocol) => {
    expect(ports(provider("10.0.0.1:1", "&ssl-enabled=true", protocol))).toEqual([`${protocol}-tls-1 TCP`]);
    expect(ports(provider("10.0.0.1:1", "&ssl-enabled=false", protocol))).not.toEqual([
      expect.stringContaining("TCP"),
    ]);
  });

  test("dubbo is TCP anyway, under its own name", () => {
    expect(ports(provider("10.0.0.1:1", "&ssl-enabled=true"))).toEqual(["dubbo-1 TCP"]);
  });

  test("and others that don't share a port as TCP", () => {
    expect(ports(
      provider("10.0.0.1:1", "&ssl-enabled=true", "tri"),
      provider("10.0.0.2:1", "", "tri"),
      provider("10.0.0.2:2", "", "tri"),
    )).toEqual(["dubbo-1 TCP", "tri-2 GRPC"]);
  });
});

describe("lists", () => {
  const providers = [provider("10.0.7.1:1", "&group=sms"), provider("10.0.7.2:1", "&group=answer")];

  test.each([["sms,answer"], ["sms, answer"], ["sms ,, answer"]])(
    "of groups in a consumer are split as Dubbo does: %j",
    (group) => {
      const { services } = converted({ providers, consumers: [consumer("web", `&group=${group}`)] }, istio);
      expect(services.map(({ key, consumerApplications }) => [key, consumerApplications])).toEqual([
        ["a.B:answer", ["web"]],
        ["a.B:sms", ["web"]],
      ]);
    },
  );

  test("of groups in a rule, too", () => {
    const weighted = (group: string) =>
      converted({
        providers: [...providers, provider("10.0.7.3:1", "&group=sms")],
        configurators: [`override://10.0.7.1:1/a.B?weight=5&group=${group}`],
      }, istio).services.find(({ key }) => key === "a.B:sms")?.manifest.spec.endpoints?.map(({ weight }) =>
        weight
      );
    expect(weighted("x, sms")).toEqual([5, 100]);
    expect(weighted("x, y")).toEqual([undefined, undefined]);
  });

  test("of methods have no white space", () => {
    const methods = [provider("10.0.0.1:1", "&methods=get, list"), provider("10.0.0.2:1", "&methods=get")];
    expect(endpointsOf({ providers: methods }, istio).map(({ labels }) => labels?.["methods"])).toEqual([
      "get.list",
      "get",
    ]);
  });
});

test("location and exportTo are written on an interface's entry", () => {
  const rules = rulesOf("istio", { location: "MESH_INTERNAL", exportTo: ["shop"] });
  expect(converted({ providers: [provider("10.0.0.1:1")] }, rules).services[0]?.manifest.spec)
    .toMatchObject({ location: "MESH_INTERNAL", exportTo: ["shop"] });
});
