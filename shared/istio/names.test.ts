import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCidr, isIpAddress } from "./ip-address.ts";
import {
  isFqdn,
  isLabel,
  isLabelKey,
  isLabelValue,
  isPartialWildcard,
  isPortProtocol,
  isWildcardHost,
  parseProtocol,
} from "./names.ts";

const longest = `${"a.".repeat(127)}a`;

describe("isFqdn() and isWildcardHost()", () => {
  test.each(["com.foo.Bar", "com.foo.Bar.group.v1", "SVC.NS", "Bar", "foo.com.", longest])(
    "accept %s",
    (host) => {
      expect([isFqdn(host), isWildcardHost(host)]).toEqual([true, true]);
    },
  );

  test.each([
    "com.foo.Bar:group:1.0.0",
    "com.foo.Bar.1.0.0",
    "a.123",
    "1.2.3.4",
    "foo_bar.com",
    "-a.b",
    "a..b",
    "foo*.com",
    "a.*.com",
    "",
    ".",
    `${"a".repeat(64)}.b`,
    `${longest}a`,
    "a\n",
  ])("reject %j", (host) => {
    expect([isFqdn(host), isWildcardHost(host)]).toEqual([false, false]);
  });

  test("only isWildcardHost() accepts a wildcard or a number as first label", () => {
    for (const host of ["*", "*.foo.com", "*foo.com", "*-foo.com", "123"]) {
      expect([isFqdn(host), isWildcardHost(host)]).toEqual([false, true]);
    }
  });

  test("isPartialWildcard() is true without a dot after the star", () => {
    expect(["*", "*.a", "a", "*a", "*-a.b"].map(isPartialWildcard)).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe("labels", () => {
  test("isLabel() takes 63 characters and no more", () => {
    expect([isLabel("a".repeat(63)), isLabel("a".repeat(64)), isLabel("")]).toEqual([true, false, false]);
  });

  test("isLabelValue() means what the regular expression of Kubernetes means", () => {
    const pattern = /^(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
    const near = fc.string({
      unit: fc.constantFrom("a", "Z", "0", "-", "_", ".", "/", "é", "\n"),
      maxLength: 6,
    });
    fc.assert(fc.property(fc.oneof(near, fc.string({ unit: "binary" })), (text) => {
      expect(isLabelValue(text)).toBe(pattern.test(text));
    }));
  });

  test("isLabelKey() takes a prefix of 253 and a name of 63 characters", () => {
    const prefix = `${"a.".repeat(126)}a`;
    expect(isLabelKey(`${prefix}/${"a".repeat(63)}`)).toBe(true);
    expect(isLabelKey(`${prefix}a/a`)).toBe(false);
    expect(isLabelKey(`a/${"a".repeat(64)}`)).toBe(false);
    for (const key of ["", "/", "a/", "/a", "a_b/c", "a/b/c", "a..b/c", "_a"]) {
      expect(isLabelKey(key)).toBe(false);
    }
  });

  test("isLabelKey() answers the same when asked again", () => {
    for (const key of ["again/a", "again/a", "again:a", "again:a"]) {
      expect(isLabelKey(key)).toBe(!key.includes(":"));
    }
  });
});

describe("parseProtocol()", () => {
  test("ignores case and knows nothing of Dubbo", () => {
    expect(parseProtocol("gRPC-Web")).toBe("grpc-web");
    for (const name of ["DUBBO", "tri", "thrift", "hbone", "constructor", "http "]) {
      expect([parseProtocol(name), isPortProtocol(name)]).toEqual([undefined, false]);
    }
    expect([parseProtocol(""), isPortProtocol("")]).toEqual([undefined, true]);
  });
});

describe("isIpAddress() and isCidr()", () => {
  test.each(["0.0.0.0", "255.255.255.255", "::", "::ffff:1.2.3.4", "fe80::1%eth0", "2001:db8::1"])(
    "accept %s",
    (text) => {
      expect(isIpAddress(text)).toBe(true);
      expect(isCidr(`${text}/32`)).toBe(!text.includes("%"));
    },
  );

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4%a",
    "::%",
    "[::1]",
    "a.b",
    ":",
  ])(
    "reject %j",
    (text) => {
      expect(isIpAddress(text)).toBe(false);
      expect(isCidr(`${text}/32`)).toBe(false);
    },
  );

  test("isCidr() reads the bits as Go does", () => {
    expect(["1.2.3.4/0", "1.2.3.4/32", "::/128"].map(isCidr)).toEqual([true, true, true]);
    expect(["1.2.3.4/33", "1.2.3.4/08", "::/129", "1.2.3.4", "1.2.3.4/", "1.2.3.4/8/8", "::/+8"].some(isCidr))
      .toBe(false);
  });
});
