import fc from "fast-check";
import { isIP } from "node:net";
import { describe, expect, test } from "vitest";
import { AddressRange } from "./address-range.ts";

const host = fc.string({ minLength: 1, maxLength: 20 });

describe("AddressRange", () => {
  test.each([
    ["241.0.0.0/30", ["241.0.0.1", "241.0.0.2"]],
    ["241.1.2.3/31", ["241.1.2.2", "241.1.2.3"]],
    ["241.1.2.3/32", ["241.1.2.3"]],
    ["fd00::5/126", ["fd00::5", "fd00::6", "fd00::7"]],
    ["FD00:0:0:1::/127", ["fd00:0:0:1::", "fd00:0:0:1::1"]],
    ["::/126", ["::1", "::2", "::3"]],
  ])("%s has each of its addresses once, without those that nobody should have", (cidr, addresses) => {
    const range = new AddressRange(cidr);
    expect([...range.candidates("a.b")].sort()).toEqual(addresses);
    expect(range.size).toBe(addresses.length);
    expect(addresses.every((address) => range.includes(address))).toBe(true);
  });

  test.each(["241.0.0.0", "241.0.0.0/33", "fd00::/129", "a.b/8", "", "241.0.0.0/-1"])(
    "refuses %j",
    (cidr) => {
      expect(() => new AddressRange(cidr)).toThrow(RangeError);
    },
  );

  test("every host tries all addresses, each once, in an order of its own that never changes", () => {
    fc.assert(fc.property(host, fc.integer({ min: 20, max: 32 }), (name, bits) => {
      const range = new AddressRange(`241.7.0.0/${bits}`);
      const order = [...range.candidates(name)];
      expect(new Set(order).size).toBe(range.size);
      expect(order.every((address) => isIP(address) === 4 && range.includes(address))).toBe(true);
      expect([...new AddressRange(`241.7.0.0/${bits}`).candidates(name)]).toEqual(order);
    }));
  });

  test("of a large IPv6 range the addresses are valid and in it", () => {
    fc.assert(fc.property(host, fc.integer({ min: 1, max: 100 }), (name, bits) => {
      const range = new AddressRange(`fd12:3456:789a:bcde::/${bits}`);
      const candidates = range.candidates(name);
      for (let index = 0; index < 3; index++) {
        const address = candidates.next().value ?? "";
        expect(isIP(address)).toBe(6);
        expect(range.includes(address)).toBe(true);
      }
    }));
  });

  test("steps above 32 bits stay within the range", () => {
    const range = new AddressRange("fd12:3456:789a:bcde::/94");
    const candidates = range.candidates("y");
    for (let index = 0; index < 100; index++) {
      expect(range.includes(candidates.next().value ?? "")).toBe(true);
    }
  });

  test("an address of the other family, or none, is not in a range", () => {
    expect(new AddressRange("241.0.0.0/8").includes("::1")).toBe(false);
    expect(new AddressRange("::/1").includes("1.2.3.4")).toBe(false);
    expect(new AddressRange("241.0.0.0/8").includes("a.b")).toBe(false);
  });

  test("10,000 hosts hardly ever want the same address of the default range", () => {
    const range = new AddressRange("241.0.0.0/8");
    const first = new Set(
      Array.from({ length: 10_000 }, (_, index) => range.candidates(`svc-${index}.shop`).next().value),
    );
    expect(first.size).toBeGreaterThan(9_980);
  });
});
