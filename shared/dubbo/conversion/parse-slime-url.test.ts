import { describe, expect, test } from "vitest";
import type { DubboUrl } from "./dubbo-url.ts";
import type { UrlReader } from "./parse-dubbo-url.ts";
import { slimeConsumerReader, slimeProviderReader } from "./parse-slime-url.ts";

/** A URL with a prototype, so that tests can compare; a reason as it is. */
function read(url: string, reader: UrlReader = slimeProviderReader): unknown {
  const result = reader.url(encodeURIComponent(url));
  return typeof result === "string" ? result : { ...result, parameters: { ...result.parameters } };
}

const place = { protocol: "dubbo", host: "10.0.0.1", port: 20880, path: "a.B", parameters: { x: "1" } };

describe("slimeProviderReader", () => {
  test.each<[url: string, expected: Partial<DubboUrl>]>([
    ["dubbo://10.0.0.1:20880/a.B?x=1", {}],
    ["dubbo://10.0.0.1:20880/shop/a.B?x=a=b", { path: "shop/a.B", parameters: { x: "a=b" } }],
    ["consumer://10.0.0.1:20880/a.B?x=1", { protocol: "consumer" }],
    ["dubbo://10.0.0.1:+80/a.B?x=1", { port: 80 }],
    ["dubbo://10.0.0.1:020880/a.B?x=1", {}],
  ])("reads %s", (url, expected) => {
    expect(read(url)).toEqual({ ...place, ...expected });
  });

  test("leaves a plus as it is", () => {
    expect(slimeProviderReader.url("dubbo%3A%2F%2F10.0.0.1%3A1%2Fa.B%3Fx%3Da+b")).toMatchObject({
      parameters: { x: "a+b" },
    });
  });

  test.each<[query: string, pairs: DubboUrl["pairs"]]>([
    ["x=1&y=2", undefined],
    ["x=1&y=2&x=3", [["x", "1"], ["y", "2"], ["x", "3"]]],
    ["dubbo.tag=gray&y=2", undefined],
    ["dubbo.tag=y%3D1%2Cz%3D2&y=2", [["dubbo.tag", "y%3D1%2Cz%3D2"], ["y", "2"]]],
  ])("keeps the order of %s where it matters", (query, pairs) => {
    const decoded = pairs?.map(([key, value]) => [key, decodeURIComponent(value)]);
    const url = slimeProviderReader.url(`dubbo%3A%2F%2F10.0.0.1%3A1%2Fa.B%3F${query}`);
    expect(typeof url === "string" ? url : url.pairs).toEqual(decoded);
  });

  test.each([
    ["%FF", "\udcff"],
    ["a%C3%A9%C3z", "aé\udcc3z"],
    ["%ED%A0%80", "\udced\udca0\udc80"],
    ["%F0%9F%98%80%F0%9F", "😀\udcf0\udc9f"],
  ])("keeps the bytes of %s, which is no UTF-8", (value, text) => {
    expect(slimeProviderReader.url(`dubbo%3A%2F%2F10.0.0.1%3A1%2Fa.B%3Fx%3D${value}`)).toMatchObject({
      parameters: { x: text },
    });
  });

  test.each([
    ["tri://10.0.0.1:1/a.B?x=1", /protocol other than/],
    ["dubbo://order-1:1/a.B?x=1", /no IPv4 address/],
    ["dubbo://[fd00::1]:1/a.B?x=1", /no IPv4 address/],
    ["dubbo://10.0.0.1:1:2/a.B?x=1", /no usable port/],
    ["dubbo://10.0.0.1:-1/a.B?x=1", /no usable port/],
    ["dubbo://10.0.0.1:0/a.B?x=1", /no usable port/],
    ["dubbo://10.0.0.1:1e3/a.B?x=1", /no usable port/],
    ["dubbo://10.0.0.1/a.B?x=1", /no port/],
    ["consumer://10.0.0.1/a.B?x=1", /no port/],
    ["dubbo://10.0.0.1:1/a.B", /no parameters/],
    ["dubbo://10.0.0.1:1?x=1", /no interface/],
    ["dubbo://10.0.0.1:1/a.B?x=1&", /parameter without "="/],
  ])("skips %s", (url, reason) => {
    expect(read(url)).toMatch(reason);
  });
});

describe("slimeConsumerReader", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["10.0.0.1:20880", "10.0.0.1"],
    ["10.0.0.1:99999", "10.0.0.1"],
    ["web-1", "web-1"],
    ["user@web-1:1", "user@web-1"],
    ["[fd00::1]", "[fd00"],
    ["", ""],
  ])("takes whatever stands in place of the address: %s", (address, host) => {
    for (const protocol of ["consumer", "dubbo"]) {
      expect(read(`${protocol}://${address}/a.B?x=1`, slimeConsumerReader)).toEqual(
        { ...place, protocol, host, port: 0 },
      );
    }
  });

  test.each([
    ["tri://10.0.0.1/a.B?x=1", /protocol other than/],
    ["consumer://10.0.0.1/a.B", /no parameters/],
    ["consumer://10.0.0.1/a.B?x", /parameter without "="/],
  ])("skips %s", (url, reason) => {
    expect(read(url, slimeConsumerReader)).toMatch(reason);
  });
});
