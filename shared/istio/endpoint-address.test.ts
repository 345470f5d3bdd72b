import fc from "fast-check";
import { isIP } from "node:net";
import { describe, expect, test } from "vitest";
import { addressFault, canonicalAddress, isLoopback } from "./endpoint-address.ts";
import { isIpAddress } from "./ip-address.ts";

describe("canonicalAddress()", () => {
  test.each<[given: string, canonical: string]>([
    ["10.0.0.7", "10.0.0.7"],
    ["::ffff:10.0.0.7", "10.0.0.7"],
    ["::FFFF:0a00:0007", "10.0.0.7"],
    ["0:0:0:0:0:ffff:7f00:1", "127.0.0.1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::7%eth0", "2001:db8::7"],
    ["[2001:db8::7%25eth0]", "2001:db8::7"],
    ["::ffff:10.0.0.7%lo", "10.0.0.7"],
    ["FE80::0:1%en0", "fe80::1%en0"],
    ["Orders.Shop.", "orders.shop"],
    ["unix:///run/A.sock", "unix:///run/A.sock"],
    // What is no address stays for the reports.
    ["My_Container", "My_Container"],
    ["10.1.6.7:8080", "10.1.6.7:8080"],
    ["[10.0.0.1]", "[10.0.0.1]"],
    ["fe80::1%", "fe80::1%"],
    ["010.0.0.1", "010.0.0.1"],
    ["", ""],
  ])("of %j is %j", (given, canonical) => {
    expect(canonicalAddress(given)).toBe(canonical);
  });

  const hextets = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 });

  test("of an IPv6 address is one for all its spellings, and its own", () => {
    fc.assert(fc.property(hextets, fc.boolean(), fc.boolean(), (parts, isPadded, isUpper) => {
      const written = parts.map((part) => part.toString(16).padStart(isPadded ? 4 : 1, "0")).join(":");
      const canonical = canonicalAddress(isUpper ? written.toUpperCase() : written);
      expect(canonical).toBe(canonicalAddress(parts.map((part) => part.toString(16)).join(":")));
      expect(canonicalAddress(canonical)).toBe(canonical);
      expect(isIP(canonical)).not.toBe(0);
    }));
  });

  test("keeps what was an address one, and makes none of what was none", () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV6().map((ip) => `${ip}%eth0`),
      fc.string(),
      fc.domain(),
    );
    fc.assert(fc.property(text, (given) => {
      const canonical = canonicalAddress(given);
      expect(isIpAddress(canonical)).toBe(isIpAddress(given.replace(/^\[(.*:.*)\]$/, "$1")));
    }));
  });
});

describe("addressFault()", () => {
  test.each<[address: string, fault: RegExp | undefined]>([
    ["10.0.0.1", undefined],
    ["2001:db8::1", undefined],
    ["orders.shop", undefined],
    ["my-container", undefined],
    ["unix:///run/a.sock", undefined],
    ["127.0.0.1", undefined],
    ["", /no address/],
    ["my_container_1", /neither an IP address nor a host name \("my_container_1"\)/],
    ["10.1.6.300", /neither/],
    ["10.1.6.7:8080", /neither/],
    ["10.0.0.1 ", /neither/],
    ["[10.0.0.1]", /neither/],
    ["0.0.0.0", /0\.0\.0\.0 .* its own host/],
    ["::", /its own host/],
    ["fe80::1", /link-local/],
    ["fe80::1c23:653e:65a1:6014%en0", /link-local/],
    ["febf::1", /link-local/],
    ["fec0::1", undefined],
    ["224.0.0.1", /a group/],
    ["255.255.255.255", /a group/],
    ["ff02::1", /a group/],
    ["ff:2::1", undefined],
  ])("of %j", (address, fault) => {
    if (fault === undefined) expect(addressFault(canonicalAddress(address))).toBeUndefined();
    else expect(addressFault(canonicalAddress(address))).toMatch(fault);
  });
});

test.each<[address: string, isOwn: boolean]>([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["0:0:0:0:0:0:0:1", true],
  ["::ffff:127.0.0.12", true],
  ["LOCALHOST.", true],
  ["app.localhost", true],
  ["localhost.localdomain", true],
  ["localhost.example.com", false],
  ["127.example.com", false],
  ["10.0.0.1", false],
  ["::2", false],
])("%s is the caller's own host: %s", (address, isOwn) => {
  expect(isLoopback(canonicalAddress(address))).toBe(isOwn);
});
