import { describe, expect, test } from "vitest";
import { addresses, consumer, converted, endpointsOf, provider, rulesOf } from "./conversion-rig.ts";

const istio = rulesOf("istio");

describe("convertInterface() in the istio profile", () => {
  test("makes an entry that Istio takes, with the service in annotations", () => {
    const [service] = converted({
      name: "com.acme.OrderService",
      providers: [provider("10.0.0.1:20880", "&group=blue&version=1.0.0&methods=get")],
    }, rulesOf("istio", { hostSuffix: ".dubbo" })).services;
    expect(service?.key).toBe("com.acme.OrderService:blue:1.0.0");
    expect(service?.manifest.metadata).toEqual({
      name: "com.acme.order-service.blue.1-0-0.gv",
      namespace: "dubbo",
      labels: { registry: "zookeeper", path: "com.acme.OrderService" },
      annotations: {
        "dubbo.meshregistry.io/interface": "com.acme.OrderService",
        "dubbo.meshregistry.io/group": "blue",
        "dubbo.meshregistry.io/version": "1.0.0",
        "meshregistry.io/methods": "get",
      },
    });
    expect(service?.manifest.spec).toMatchObject({
      hosts: ["com.acme.order-service.blue.1-0-0.gv.dubbo"],
      ports: [{ number: 20880, protocol: "TCP", name: "dubbo-20880" }],
      resolution: "STATIC",
    });
  });

  test.each([
    ["tri", "GRPC"],
    ["grpc", "GRPC"],
    ["rest", "HTTP"],
    ["http", "HTTP"],
    ["hessian", "HTTP"],
    ["thrift", "TCP"],
  ])("%s:// is %s", (protocol, expected) => {
    const [service] = converted({ providers: [provider("10.0.0.1:50051", "", protocol)] }, istio).services;
    expect(service?.manifest.spec.ports).toEqual([{
      number: 50051,
      protocol: expected,
      name: `${protocol}-50051`,
    }]);
  });

  test("a protocol that is no label has none in the port's name", () => {
    const [service] = converted({ providers: [provider("10.0.0.1:1", "", "x_y")] }, istio).services;
    expect(service?.manifest.spec.ports).toEqual([{ number: 1, protocol: "TCP", name: "tcp-1" }]);
  });

  test("a process with several protocols is one endpoint, and nobody is lost who has one only", () => {
    const [service] = converted({
      providers: [
        provider("10.0.0.1:20880"),
        provider("10.0.0.1:50051", "", "tri"),
        provider("10.0.0.2:20880"),
        provider("10.0.0.1:20881"),
        provider("10.0.0.1:50052", "", "tri"),
      ],
    }, istio).services;
    expect(service?.manifest.spec.ports).toEqual([
      { number: 20880, protocol: "TCP", name: "dubbo-20880" },
      { number: 20881, protocol: "TCP", name: "dubbo-20881" },
      { number: 50051, protocol: "GRPC", name: "tri-50051" },
      { number: 50052, protocol: "GRPC", name: "tri-50052" },
    ]);
    const ports = (dubbo: number, tri: number) => ({
      "dubbo-20880": dubbo,
      "dubbo-20881": dubbo,
      "tri-50051": tri,
      "tri-50052": tri,
    });
    expect(service?.manifest.spec.endpoints?.map(({ address, ports: own }) => [address, own])).toEqual([
      ["10.0.0.1", ports(20880, 50051)],
      ["10.0.0.1", ports(20881, 50052)],
      ["10.0.0.2", ports(20880, 20880)],
    ]);
  });

  test("a port number with two protocols is TCP", () => {
    const [service] = converted({
      providers: [
        provider("10.0.0.1:1"),
        provider("10.0.0.1:1", "", "tri"),
        provider("10.0.0.2:1", "", "tri"),
      ],
    }, istio).services;
    expect(service?.manifest.spec.ports).toEqual([{ number: 1, protocol: "TCP", name: "dubbo-1" }]);
    expect(service?.manifest.spec.endpoints?.map(({ address, ports }) => [address, ports])).toEqual([
      ["10.0.0.1", { "dubbo-1": 1 }],
      ["10.0.0.2", { "dubbo-1": 1 }],
    ]);
  });

  test("the source's port is in front of all", () => {
    const rules = rulesOf("istio", { svcPort: 80, instancePortAsSvcPort: false });
    const [service] =
      converted({ providers: [provider("10.0.0.1:50051", "", "tri"), provider("10.0.0.1:20880")] }, rules)
        .services;
    expect(service?.manifest.spec).toMatchObject({
      ports: [{ number: 80, protocol: "TCP", name: "dubbo-80" }],
      endpoints: [{ address: "10.0.0.1", ports: { "dubbo-80": 20880 } }],
    });
  });

  test("IPv6 and host names are endpoints; one name makes it DNS", () => {
    const spec = (...hosts: string[]) =>
      converted({ providers: hosts.map((host) => provider(host)) }, istio).services[0]?.manifest.spec;
    expect(spec("[fd00::1]:1", "10.0.0.1:1")).toMatchObject({
      resolution: "STATIC",
      endpoints: [{ address: "10.0.0.1" }, { address: "fd00::1" }],
    });
    expect(spec("order-1.shop:1", "10.0.0.1:1", "[fd00::1]:1")?.resolution).toBe("DNS");
  });

  test.each<[what: string, weights: (string | undefined)[], expected: (number | undefined)[]]>([
    ["no weights", [undefined, undefined], [undefined, undefined]],
    ["the same weights", ["200", "200"], [undefined, undefined]],
    ["different weights", ["200", undefined], [200, 100]],
    ["one without weight", ["0", "5"], [undefined]],
    ["nobody with weight", ["0", "-1"], [undefined, undefined]],
    ["what is no number", ["many", "5"], [100, 5]],
    ["more than Envoy adds up", ["2147483647", "2147483647", "1", "9999999999"], [
      1_073_741_823,
      1_073_741_823,
      1,
      1_073_741_823,
    ]],
  ])("weighs %s", (_what, weights, expected) => {
    const providers = weights.map((weight, index) =>
      provider(`10.0.0.${index + 1}:1`, weight === undefined ? "" : `&weight=${weight}`)
    );
    expect(endpointsOf({ providers }, istio).map(({ weight }) => weight)).toEqual(expected);
  });

  test("leaves out who is switched off", () => {
    expect(addresses({
      providers: [
        provider("10.0.0.1:1", "&disabled=true"),
        provider("10.0.0.2:1", "&enabled=false"),
        provider("10.0.0.3:1", "&enabled=false&disabled=false"),
        provider("10.0.0.4:1", "&enabled=true"),
      ],
    }, istio)).toEqual({ "a.B": ["10.0.0.3", "10.0.0.4"] });
    expect(addresses({ providers: [provider("10.0.0.1:1", "&disabled=true")] }, istio)).toEqual({});
  });

  test("heeds rules: weights, switches and tags", () => {
    const configured = (...configurators: string[]) =>
      endpointsOf({
        providers: [provider("10.0.0.1:1", "&version=1"), provider("10.0.0.2:1", "&version=1")],
        configurators,
      }, istio).map(({ address, weight, labels }) => [address, weight, labels?.["dubboTag"]]);
    const plain = (address: string) => [address, undefined, undefined];
    expect(configured("override://10.0.0.1:1/a.B?version=1&weight=5")).toEqual([
      ["10.0.0.1", 5, undefined],
      ["10.0.0.2", 100, undefined],
    ]);
    expect(
      configured(
        "override://0.0.0.0/a.B?version=1&disabled=true&application=app",
        "override://10.0.0.1:1/a.B?version=1&disabled=false",
      ),
    )
      .toEqual([plain("10.0.0.1")]);
    expect(configured("override://10.0.0.1:1/a.B?version=1&dubbo.tag=gray")).toEqual([
      ["10.0.0.1", undefined, "gray"],
      plain("10.0.0.2"),
    ]);
  });

  test("knows that a consumer may ask for any group or version, or several groups", () => {
    const { services } = converted({
      providers: [provider("10.0.0.1:1", "&group=g&version=1"), provider("10.0.0.2:1", "&group=h&version=2")],
      consumers: [
        consumer("all", "&group=*&version=*"),
        consumer("lists", "&group=x,g&version=*"),
        consumer("second", "&group=h&version=2"),
        consumer("none"),
      ],
    }, istio);
    expect(services.map(({ consumerApplications }) => consumerApplications)).toEqual([["all", "lists"], [
      "all",
      "second",
    ]]);
  });

  test("keeps apart what slime mixes: groups that differ in punctuation", () => {
    expect(Object.keys(addresses({
      providers: ["a:b", "a_b", "a,b", "(a)"].map((group, index) =>
        provider(`10.0.0.${index}:1`, `&group=${group}`)
      ),
    }, istio))).toEqual(["a.B:(a)", "a.B:a%3Ab", "a.B:a,b", "a.B:a_b"]);
  });

  test("knows a provider at both levels of registration for one; the interface's has the last word", () => {
    const readable = {
      providers: [provider("10.0.0.1:1", "&zone=a")],
      applicationProviders: [
        provider("10.0.0.1:1", "&zone=b"),
        provider("10.0.0.2:1", "&zone=b"),
        provider("10.0.0.1:1", "", "tri"),
        provider("10.0.0.1:1", "&group=other"),
      ],
    };
    const { services, reported } = converted(readable, istio);
    expect(
      services.map(({ manifest }) =>
        manifest.spec.endpoints?.map(({ address, labels }) => [address, labels?.["zone"]])
      ),
    )
      .toEqual([[["10.0.0.1", "a"], ["10.0.0.2", "b"]], [["10.0.0.1", undefined]]]);
    expect(reported).toEqual([]);
  });
});
