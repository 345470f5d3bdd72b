import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskAddress, maskUserInfo } from "./mask.ts";

describe("maskUserInfo()", () => {
  test.each([
    ["http://user:pass@host:8761/eureka", "http://***@host:8761/eureka"],
    ["http://user:pa#ss@host", "http://***@host"],
    ["http://user:pa/ss@host/eureka", "http://***@host/eureka"],
    ["http://admin:123@4t@a.example:8761/eureka", "http://***@a.example:8761/eureka"],
    ["user:pa/ss@host", "***@host"],
    ["user:pa://ss@host", "***@host"],
    ["a@://host", "***@://host"],
    ["http:user:pass@host", "***@host"],
    ["nats://token@n:4222", "nats://***@n:4222"],
    ["http://u:p@a/eureka,http://u:p@b/eureka", "http://***@b/eureka"],
    [
      "zookeeper://z:2181?username=u&password=p&backup=y:2181",
      "zookeeper://z:2181?username=u&password=***&backup=y:2181",
    ],
    ["http://host/eureka?accessToken=abc#x", "http://host/eureka?accessToken=***#x"],
    ["http://host:8761/eureka", "http://host:8761/eureka"],
    ["", ""],
  ])("%s becomes %s", (text, masked) => {
    expect(maskUserInfo(text)).toBe(masked);
  });

  test.each([
    ["http://user:pa", "http://user:***"],
    ["user:pa ss", "user:***"],
    ["http://user:12 34", "http://user:12 34"],
    ["http://host:8761/eureka", "http://host:8761/eureka"],
    ["host:2181/chroot", "host:2181/chroot"],
    ["10.0.0.1:2181,10.0.0.2:2181", "10.0.0.1:2181,10.0.0.2:2181"],
    ["xds://[::1]:16010", "xds://[::1]:16010"],
    ["2409:8c28:e00::110:2181", "2409:8c28:e00::110:2181"],
    [":8081", ":8081"],
    ["zookeeper://10.0.0.1:2181?backup=10.0.0.2:2181", "zookeeper://10.0.0.1:2181?backup=10.0.0.2:2181"],
    ["http://user:pass@host", "http://***@host"],
  ])("as an address, %s becomes %s", (text, masked) => {
    expect(maskAddress(text)).toBe(masked);
  });

  test("whatever a password is made of, nothing of it is left", () => {
    const awkward = fc.string({ unit: fc.constantFrom(..."ab#/?@:,[]%&\\ \"'\n*!|>{}$".split("")) });
    const prefix = fc.constantFrom(
      "http://user:",
      "user:",
      "nats://",
      "http:/user:",
      "://user:",
      " http://u:",
    );
    fc.assert(
      fc.property(
        prefix,
        awkward,
        awkward,
        fc.constantFrom("host", "host:80/eureka?a=b"),
        (start, a, b, host) => {
          expect(maskUserInfo(`${start}${a}hunter${b}@${host}`)).not.toContain("hunter");
        },
      ),
    );
  });
});
