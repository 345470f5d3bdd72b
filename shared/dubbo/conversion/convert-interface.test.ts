import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addresses,
  consumer,
  converted,
  endpointsOf,
  provider,
  recordOf,
  rulesOf,
} from "./conversion-rig.ts";
import { registeredInstances } from "./convert-interface.ts";

const istio = rulesOf("istio");
const slime = rulesOf("slime");

describe("convertInterface() in the slime profile", () => {
  test("makes slime's entry", () => {
    const { services, reported } = converted({
      name: "com.acme.Order%24Item",
      providers: [
        "dubbo://10.0.0.2:20880/x?application=app&group=g&methods=list,get&pid=1&dubbo.tag=gray&u=a:b,c&bad=a b&timestamp=5",
        "dubbo://10.0.0.1:20881/x?application=app&group=g&methods=get,list&pid=2&@class=x&no key=x&timestamp=6",
      ],
    }, slime);
    expect(reported).toEqual([]);
    expect(services.map(({ key, manifest }) => ({ key, manifest }))).toEqual([{
      key: "com.acme.Order%24Item:g",
      manifest: {
        apiVersion: "networking.istio.io/v1",
        kind: "ServiceEntry",
        metadata: {
          name: "com.acme.Order%24Item:g",
          namespace: "dubbo",
          labels: { registry: "zookeeper", path: "com.acme.Order%24Item" },
          annotations: { "meshregistry.io/methods": "get.list" },
        },
        spec: {
          hosts: ["com.acme.Order%24Item:g"],
          ports: [
            { number: 20880, protocol: "DUBBO", name: "dubbo-20880" },
            { number: 20881, protocol: "DUBBO", name: "dubbo-20881" },
          ],
          resolution: "STATIC",
          endpoints: [
            {
              address: "10.0.0.1",
              ports: { "dubbo-20880": 20881, "dubbo-20881": 20881 },
              labels: { application: "app", group: "g" },
            },
            {
              address: "10.0.0.2",
              ports: { "dubbo-20880": 20880, "dubbo-20881": 20880 },
              labels: { application: "app", dubboTag: "gray", group: "g", u: "a_b_c" },
            },
          ],
        },
      },
    }]);
  });

  test("takes dubbo:// at IPv4 addresses only, switched off or not, twice if it is there twice", () => {
    const readable = {
      providers: [
        provider("10.0.0.1:1", "&disabled=true&weight=0"),
        provider("10.0.0.1:1", "&enabled=false&timestamp=2"),
        provider("order-1:1"),
        provider("[fd00::1]:1"),
        provider("10.0.0.3:1", "", "tri"),
      ],
      applicationProviders: [provider("10.0.0.4:1")],
      configurators: ["override://0.0.0.0/a.B?weight=5"],
    };
    expect(addresses(readable, slime)).toEqual({ "a.B": ["10.0.0.1", "10.0.0.1"] });
    expect(converted(readable, slime).reported.map(({ reason }) => reason)).toHaveLength(3);
    expect(endpointsOf(readable, slime).every(({ weight }) => weight === undefined)).toBe(true);
  });

  test("takes group and version from labels: of a value that is none, nothing is left", () => {
    expect(addresses({
      providers: [
        provider("10.0.0.1:1", "&group=a:b"),
        provider("10.0.0.2:1", "&group=a_b"),
        provider("10.0.0.3:1", "&group=(a)&default.group=d"),
        provider("10.0.0.4:1", "&version=1.0"),
      ],
    }, slime)).toEqual({
      "a.B::1.0": ["10.0.0.4"],
      "a.B:a_b": ["10.0.0.1", "10.0.0.2"],
      "a.B:d": ["10.0.0.3"],
    });
  });

  test("puts the host's suffix behind the key, on the host only", () => {
    const [service] =
      converted({ providers: [provider("10.0.0.1:1")] }, rulesOf("slime", { hostSuffix: ".dubbo" }))
        .services;
    expect([service?.manifest.metadata.name, service?.manifest.spec.hosts]).toEqual(["a.B", ["a.B.dubbo"]]);
  });

  test("looks for selectors under the interface alone, and shows registered instances all the same", () => {
    const servicedEndpointSelectors = {
      "a.B:g": [{ matchLabels: { zone: "none" } }],
      "a.B": [{ matchLabels: { zone: "a" } }],
    };
    const rules = rulesOf("slime", { servicedEndpointSelectors });
    const readable = {
      providers: [
        provider("10.0.0.1:1", "&group=g&zone=a"),
        provider("10.0.0.2:1", "&group=g&zone=b"),
        provider("10.0.0.3:1", "&group=h&zone=b"),
      ],
    };
    expect(addresses(readable, rules)).toEqual({ "a.B:g": ["10.0.0.1"] });
    const registered = registeredInstances(recordOf(readable), rules);
    expect([...registered].map(([key, instances]) => [key, instances.map(({ address }) => address)])).toEqual(
      [
        ["a.B:g", ["10.0.0.1", "10.0.0.2"]],
        ["a.B:h", ["10.0.0.3"]],
      ],
    );
    expect(registered.get("a.B:h")?.[0]).toEqual({
      interface: "a.B",
      address: "10.0.0.3",
      port: 1,
      metadata: { application: "app", interface: "a.B", side: "provider", group: "h", zone: "b" },
    });
  });

  test("doesn't know wildcards of consumers", () => {
    const [service] = converted({
      providers: [provider("10.0.0.1:1", "&group=g")],
      consumers: [consumer("web", "&group=g"), consumer("any", "&group=*"), consumer("none")],
    }, slime).services;
    expect(service?.consumerApplications).toEqual(["web"]);
  });
});

describe("convertInterface() in both profiles", () => {
  test.each([["istio", istio], ["slime", slime]] as const)(
    "names applications once, sorted (%s)",
    (_profile, rules) => {
      const [service] = converted({
        providers: [
          provider("10.0.0.1:1").replace("=app", "=z"),
          provider("10.0.0.2:1"),
          provider("10.0.0.3:1"),
        ],
        consumers: [
          consumer("web"),
          consumer("api"),
          consumer("web"),
          "consumer://10.1.0.1/a.B?interface=a.B",
        ],
      }, rules).services;
      expect([service?.providerApplications, service?.consumerApplications]).toEqual([["app", "z"], [
        "api",
        "web",
      ]]);
    },
  );

  test("relabels, so that group and version may change", () => {
    const instanceMetaRelabel = {
      items: [
        {
          key: "env",
          targetKey: "group",
          overwrite: true,
          createdWithValue: "",
          valuesMapping: { prod: "blue" },
        },
      ],
    };
    // slime relabels providers only.
    for (const [profile, consumers] of [["istio", ["app", "web"]], ["slime", ["app"]]] as const) {
      const rules = rulesOf(profile, { instanceMetaRelabel });
      const readable = {
        providers: [provider("10.0.0.1:1", "&env=prod&group=x"), provider("10.0.0.2:1", "&group=y")],
        consumers: [consumer("web", "&env=prod"), consumer("app", "&group=blue")],
      };
      expect(addresses(readable, rules)).toEqual({ "a.B:blue": ["10.0.0.1"], "a.B:y": ["10.0.0.2"] });
      expect(converted(readable, rules).services[0]?.consumerApplications).toEqual(consumers);
    }
  });

  test("labels the entry with the application, and says where methods differ", () => {
    const source = {
      singleAppService: true,
      methodLbServiceSelectors: [{ matchLabels: { application: "app" } }],
    };
    const labels = (...methods: string[]) => {
      const providers = methods.map((each, index) => provider(`10.0.0.${index + 1}:1`, `&methods=${each}`));
      const [service] = converted({ providers }, rulesOf("slime", source)).services;
      return [
        service?.manifest.metadata.labels,
        service?.manifest.spec.endpoints?.map((endpoint) => endpoint.labels?.["methods"]),
      ];
    };
    const common = { registry: "zookeeper", path: "a.B", application: "app" };
    expect(labels("a,b", "b,a")).toEqual([common, [undefined, undefined]]);
    expect(labels("a,b", "a")).toEqual([{ ...common, "istio.io/dubbomethodequal": "false" }, ["a.b", "a"]]);
  });

  test("takes labels of the entry from its endpoints, and the locality", () => {
    const rules = rulesOf("slime", {}, { SE_LABEL_SELECTOR_KEYS: "zone", LOCALITY_LABELS: "region,zone" });
    const [service] = converted({ providers: [provider("10.0.0.1:1", "&region=r&zone=z")] }, rules).services;
    expect(service?.manifest.metadata.labels).toEqual({ registry: "zookeeper", path: "a.B", zone: "z" });
    expect(service?.manifest.spec.endpoints?.[0]).toMatchObject({
      locality: "r/z",
      labels: { "istio-locality": "r.z" },
    });
  });

  test("several tags are labels", () => {
    expect(endpointsOf({ providers: [provider("10.0.0.1:1", "&dubbo.tag=a=1,b=2,c")] }, slime)[0]?.labels)
      .toMatchObject({ a: "1", b: "2" });
  });

  test("parameters count one after the other, repeated ones and tags too", () => {
    const labels = (query: string) =>
      endpointsOf({ providers: [provider("10.0.0.1:1", query)] }, slime)[0]?.labels;
    expect(labels("&a=0&dubbo.tag=a=1,b=2&b=3&dubbo.tag=gray")).toMatchObject(
      { a: "1", b: "3", dubboTag: "gray" },
    );
    expect(labels("&a=1&a=2")).toMatchObject({ a: "2" });
  });

  test("the locality is that of the label after the relabelling", () => {
    const instanceMetaRelabel = {
      items: [{
        key: "cell",
        targetKey: "istio-locality",
        overwrite: true,
        createdWithValue: "",
        valuesMapping: {},
      }],
    };
    const providers = [provider("10.0.0.1:1", "&cell=a.b&istio-locality=x.y")];
    expect(endpointsOf({ providers }, rulesOf("slime", { instanceMetaRelabel }))).toMatchObject(
      [{ locality: "a/b", labels: { "istio-locality": "a.b" } }],
    );
  });

  test("no methods and no methods label are the same", () => {
    const providers = [provider("10.0.0.1:1", "&methods="), provider("10.0.0.2:1")];
    expect(endpointsOf({ providers }, slime).map(({ labels }) => labels?.["methods"])).toEqual(
      [undefined, undefined],
    );
  });

  test("a consumer's tags may say whose consumer it is, and its address is of no interest", () => {
    const [service] = converted({
      providers: [provider("10.0.0.1:1")],
      consumers: [
        "consumer://web-1:99999/a.B?application=web",
        "dubbo:///a.B?dubbo.tag=application=app,x=y",
      ],
    }, slime).services;
    expect(service?.consumerApplications).toEqual(["app", "web"]);
  });

  test("is the same for the same names in another order", () => {
    const hosts = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:2"];
    const providers = hosts.flatMap((host) =>
      ["&timestamp=1", "&timestamp=2&pid=7", "&x=1"].map((more) => provider(host, more))
    );
    fc.assert(fc.property(fc.shuffledSubarray(providers, { minLength: providers.length }), (shuffled) => {
      for (const rules of [istio, slime]) {
        const expected = JSON.stringify(converted({ providers }, rules).services);
        expect(JSON.stringify(converted({ providers: shuffled }, rules).services)).toBe(expected);
      }
    }));
  });
});
