import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { safeHost } from "./dns-name.ts";
import { isFqdn } from "./names.ts";

const label = fc.stringMatching(/^[a-z0-9](?:[-a-z0-9]{0,20}[a-z0-9])?$/);
const validHost = fc.tuple(
  fc.array(label, { maxLength: 5 }),
  fc.stringMatching(/^[a-z][-a-z0-9]{0,20}[a-z0-9]$/),
)
  .map(([labels, last]) => [...labels, last].join("."));
const serviceName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom("a", "B", "1", ".", "-", "_", ":", "/", "*", "服"), maxLength: 12 }),
  fc.string({ unit: fc.constantFrom("a", "1", "."), minLength: 200, maxLength: 400 }),
  fc.constantFrom("com.foo.Bar:group:1.0.0", "ORDER_SERVICE", "1.2.3.4", "", "\ud800", "\udc00", "a.1."),
);

describe("safeHost()", () => {
  test("answers a lower-case host that Istio accepts, for any name", () => {
    fc.assert(fc.property(serviceName, (name) => {
      const host = safeHost(name);
      expect([host, isFqdn(host), host.toLowerCase()]).toEqual([host, true, host]);
    }));
  });

  test("keeps valid lower-case hosts", () => {
    fc.assert(fc.property(validHost, (host) => {
      expect(safeHost(host)).toBe(host);
    }));
  });

  test("keeps what it made", () => {
    fc.assert(fc.property(serviceName, (name) => {
      expect(safeHost(safeHost(name))).toBe(safeHost(name));
    }));
  });

  test("tells any two names apart", () => {
    fc.assert(fc.property(fc.uniqueArray(serviceName, { maxLength: 50 }), (names) => {
      expect(new Set(names.map((name) => safeHost(name))).size).toBe(names.length);
    }));
  });

  test("leaves a host in its domain, and numbers out of the end", () => {
    expect(
      ["service a.eureka.svc.cluster.local", "北京.eureka", "a_b.7", "a.b."].map((name) => safeHost(name)),
    )
      .toEqual([
        expect.stringMatching(/^service-a-x[a-z2-7]{8}\.eureka\.svc\.cluster\.local$/),
        expect.stringMatching(/^service-x[a-z2-7]{8}\.eureka$/),
        expect.stringMatching(/^a-b-x[a-z2-7]{8}\.n7$/),
        expect.stringMatching(/^a-x[a-z2-7]{8}\.b$/),
      ]);
  });

  test("makes hosts that are no longer than asked", () => {
    fc.assert(fc.property(serviceName, fc.integer({ min: 64, max: 255 }), (name, longest) => {
      const host = safeHost(name, longest);
      expect([host.length <= longest, isFqdn(host)]).toEqual([true, true]);
    }));
  });

  test("tells 50,000 names apart that differ only in what has to be replaced", () => {
    const hosts = Array.from(
      { length: 50_000 },
      (_, index) => safeHost(`svc${String.fromCodePoint(0x4e00 + index)}`),
    );
    expect(new Set(hosts).size).toBe(hosts.length);
  });

  test("stays the same from release to release", () => {
    expect(["Order_Service", "com.foo.Bar:group:1.0.0", "10.0.0.1", ""].map((name) => safeHost(name)))
      .toMatchInlineSnapshot(`
        [
          "order-service-xgewexxor",
          "com-xlhsrupsf.foo.bar-group-1.0.n0",
          "10-xixltklcj.0.0.n1",
          "service-xdqecy44u",
        ]
      `);
  });
});
