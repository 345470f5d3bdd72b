import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isFqdn } from "../../istio/mod.ts";
import type { DubboService } from "./dubbo-host.ts";
import { dubboHost, serviceAnnotations, serviceOfAnnotations } from "./dubbo-host.ts";

function service(name: string, group = "", version = ""): DubboService {
  return { interface: name, group, version };
}

const hash = /^[a-z0-9.-]+\.x-1[a-z2-7]{12}$/;

describe("dubboHost()", () => {
  test.each<[name: string, group: string, version: string, host: string]>([
    ["com.acme.OrderService", "", "", "com.acme.order-service"],
    ["com.acme.OrderService", "blue", "", "com.acme.order-service.blue.g"],
    ["com.acme.OrderService", "", "1.0.0", "com.acme.order-service.1-0-0.v"],
    ["com.acme.OrderService", "blue", "1.0.0", "com.acme.order-service.blue.1-0-0.gv"],
    ["com.acme.OrderService", "a-b", "v1", "com.acme.order-service.a-b.v1.gv"],
    ["com.acme.orderCenter.HTTPApi2", "", "", "com.acme.order-center.h-t-t-p-api2"],
    ["OrderService", "g", "", "order-service.g.g"],
  ])("of %s %s %s is readable", (name, group, version, host) => {
    expect(dubboHost(service(name, group, version))).toBe(host);
  });

  test.each<[what: string, service: DubboService, start: string]>([
    ["a nested class", service("com.acme.Order$Item"), "com.acme.order-item."],
    ["a lower-case type", service("com.acme.orderservice"), "com.acme.orderservice."],
    ["an underscore", service("com.acme.Order_Service"), "com.acme.order-service."],
    ["a capital package", service("Com.acme.OrderService"), "com.acme.order-service."],
    ["a group with capitals", service("com.acme.OrderService", "HSF"), "com.acme.order-service.hsf."],
    [
      "a version with a hyphen",
      service("com.acme.OrderService", "", "1.0-rc"),
      "com.acme.order-service.1.0-rc.",
    ],
    ["no package", service("OrderService"), "order-service."],
    ["a type that is a marker", service("com.acme.G"), "com.acme.g."],
    ["nothing that can be shown", service("服务"), "dubbo."],
    ["no interface", service(""), "dubbo."],
  ])("of %s has a hash", (_what, named, start) => {
    const host = dubboHost(named);
    expect(host).toMatch(hash);
    expect(host.startsWith(start)).toBe(true);
  });

  test("has the suffix behind it, which costs no more than readability if it fits into no name", () => {
    expect(dubboHost(service("com.acme.OrderService"), ".dubbo")).toBe("com.acme.order-service.dubbo");
    expect(dubboHost(service("com.acme.OrderService"), "-dubbo")).toBe("com.acme.order-service-dubbo");
    expect(dubboHost(service("com.acme.OrderService"), "_X!")).toMatch(hash);
  });

  /** Names that come close to each other: of few words, in all cases, with all separators. */
  const word = fc.constantFrom(
    "a",
    "A",
    "b",
    "aB",
    "g",
    "v",
    "gv",
    "Gv",
    "G",
    "V",
    "1",
    "0",
    "x-1",
    "",
    "com",
    "X1",
  );
  const separator = fc.constantFrom(".", "-", "_", "$", ":", "", ".-", "--");
  const near = fc.array(fc.tuple(word, separator), { maxLength: 4 }).map((parts) => parts.flat().join(""));
  const text = fc.oneof(near, fc.string({ unit: "binary" }), fc.string({ minLength: 60, maxLength: 400 }));
  const triple = fc.record({ interface: text, group: text, version: text });

  test("is a host to Istio and a name to Kubernetes, for every service and suffix", () => {
    const kubernetesName = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)+$/;
    fc.assert(
      fc.property(
        triple,
        fc.constantFrom("", ".dubbo", "-x", "_", ".1", ".", "x".repeat(300)),
        (each, suffix) => {
          const host = dubboHost(each, suffix);
          expect(isFqdn(host)).toBe(true);
          expect(host).toMatch(kubernetesName);
          expect(host.length).toBeLessThanOrEqual(253);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("is no other service's", () => {
    fc.assert(
      fc.property(
        fc.array(triple, { minLength: 2, maxLength: 60 }),
        fc.constantFrom("", ".dubbo"),
        (all, suffix) => {
          const services = new Set(
            all.map(({ interface: name, group, version }) => JSON.stringify([name, group, version])),
          );
          const hosts = new Set(all.map((each) => dubboHost(each, suffix)));
          expect(hosts.size).toBe(services.size);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("can be traced back by annotations, letter by letter", () => {
    fc.assert(fc.property(triple, (each) => {
      expect(serviceOfAnnotations(serviceAnnotations(each))).toEqual(each);
    }));
    expect(serviceOfAnnotations({})).toBeUndefined();
    expect(serviceOfAnnotations(undefined)).toBeUndefined();
  });
});
