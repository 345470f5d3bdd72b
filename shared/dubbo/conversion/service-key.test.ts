import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { serviceKeyOf } from "../dubbo-service.ts";
import { serviceAnnotations } from "./dubbo-host.ts";
import { serviceKey } from "./service-key.ts";

describe("serviceKey()", () => {
  test.each([
    ["a.B", "", "", "a.B"],
    ["a.B", "g", "", "a.B:g"],
    ["a.B", "", "1.0", "a.B::1.0"],
    ["a.B", "g", "1.0", "a.B:g:1.0"],
  ])("of %s, %s and %s", (name, group, version, key) => {
    expect(serviceKey({ interface: name, group, version }, false)).toBe(key);
    expect(serviceKey({ interface: name, group, version }, true)).toBe(key);
  });

  const text = fc.oneof(fc.stringMatching(/^[ab:%]{0,4}$/), fc.string({ unit: "binary" }));
  const triple = fc.record({ interface: text, group: text, version: text });

  test("is no other service's, where it is exact", () => {
    fc.assert(
      fc.property(triple, triple, (a, b) => {
        expect(serviceKey(a, true) === serviceKey(b, true)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2000 },
    );
  });

  test("is what the aggregator makes of the entry's annotations", () => {
    fc.assert(fc.property(triple, (service) => {
      const metadata = { name: "n", namespace: "dubbo", annotations: serviceAnnotations(service) };
      const entry = {
        apiVersion: "networking.istio.io/v1",
        kind: "ServiceEntry",
        metadata,
        spec: { hosts: [] },
      } as const;
      expect(serviceKeyOf({ ...entry, spec: { hosts: [] } })).toBe(serviceKey(service, true));
    }));
  });
});
