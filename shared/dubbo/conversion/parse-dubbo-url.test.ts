import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DubboUrl } from "./dubbo-url.ts";
import { canonicalAddress } from "../../istio/mod.ts";
import { parseDubboUrl } from "./parse-dubbo-url.ts";
import { slimeConsumerReader, slimeProviderReader } from "./parse-slime-url.ts";
import { threadCpuMs } from "../../runtime/cpu-time-rig.ts";

/** As Java's URLEncoder writes it. */
function form(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  ).replaceAll("%20", "+");
}

/** A URL with a prototype, so that tests can compare; a reason as it is. */
function read(url: string): unknown {
  const result = parseDubboUrl(form(url));
  return typeof result === "string" ? result : { ...result, parameters: { ...result.parameters } };
}

const place = { protocol: "dubbo", host: "10.0.0.1", port: 20880, path: "a.B", parameters: {} };

describe("parseDubboUrl()", () => {
  test.each<[url: string, expected: Partial<DubboUrl>]>([
    ["dubbo://10.0.0.1:20880/a.B", {}],
    ["dubbo://10.0.0.1:20880/a.B?", {}],
    ["DUBBO://10.0.0.1:20880/a.B", {}],
    ["tri://10.0.0.1:50051/a.B", { protocol: "tri", port: 50051 }],
    ["dubbo://user:secret@10.0.0.1:20880/a.B", {}],
    ["dubbo://10.0.0.1:20880/shop/a.B", { path: "shop/a.B" }],
    ["dubbo://10.0.0.1:20880/a.B#part?x=1", { parameters: { x: "1" } }],
    ["dubbo://10.0.0.1:20880?x=1", { path: "", parameters: { x: "1" } }],
    ["dubbo://[fd00:9::1]:20891/a.B", { host: "fd00:9::1", port: 20891 }],
    ["dubbo://fd00:9::1:20891/a.B", { host: "fd00:9::1", port: 20891 }],
    ["dubbo://order-1.shop:20880/a.B", { host: "order-1.shop" }],
    ["consumer://10.0.0.1/a.B", { protocol: "consumer", port: 0 }],
    ["consumer://fd00:9::1/a.B", { protocol: "consumer", host: "fd00:9::1", port: 0 }],
    ["consumer://[fd00:9::1]/a.B", { protocol: "consumer", host: "fd00:9::1", port: 0 }],
    ["dubbo://10.0.0.1:20880/a.B?a=1&a=2&b&c=&d=x=y&&=z;e=3", {
      parameters: { a: "2", b: "", c: "", d: "x=y", e: "3" },
    }],
    ["dubbo://10.0.0.1:20880/a.B?text=a b+c%26&__proto__=x", {
      parameters: Object.fromEntries([["text", "a b+c%26"], ["__proto__", "x"]]),
    }],
  ])("reads %s", (url, expected) => {
    expect(read(url)).toEqual({ ...place, ...expected });
  });

  test("reads names that are encoded otherwise", () => {
    expect(parseDubboUrl("dubbo://10.0.0.1:20880/a.B?x=%31")).toMatchObject({ parameters: { x: "1" } });
    expect(parseDubboUrl("dubbo%3a%2f%2f10.0.0.1%3a20880%2fa.B%3fx%3d%c3%a9")).toMatchObject({
      parameters: { x: "é" },
    });
    // Not UTF-8: what can be read is.
    expect(parseDubboUrl("dubbo%3A%2F%2F10.0.0.1%3A20880%2Fa.B%3Fx%3D%FF%26y%3D1")).toMatchObject({
      parameters: { x: "\ufffd", y: "1" },
    });
  });

  test.each([
    ["10.0.0.1:20880/a.B", /no protocol/],
    ["://10.0.0.1:20880/a.B", /no protocol/],
    ["dubbo://10.0.0.1:0/a.B", /no usable port \(0\)/],
    ["dubbo://10.0.0.1:65536/a.B", /no usable port \(65536\)/],
    ["dubbo://10.0.0.1:+1/a.B", /no usable port/],
    ["dubbo://10.0.0.1:/a.B", /no usable port/],
    ["dubbo://:20880/a.B", /no usable address/],
    ["dubbo://[fd00::1:20880/a.B", /no usable (address|port)/],
    ["dubbo://[fd00::1]x:20880/a.B", /no usable address/],
  ])("says what is wrong with %s", (url, reason) => {
    expect(read(url)).toMatch(reason);
  });

  test("says what is wrong with names that aren't encoded, or too long", () => {
    expect(parseDubboUrl("dubbo%3A%2")).toMatch(/not percent-encoded/);
    expect(parseDubboUrl("dubbo%3A%zz")).toMatch(/not percent-encoded/);
    expect(parseDubboUrl(form(`dubbo://10.0.0.1:1/a.B?x=${"x".repeat(2 ** 20)}`))).toMatch(
      /has 1048\d\d\d characters, more than the 65536/,
    );
  });

  test("takes long rows of separators in its stride", () => {
    const startMs = threadCpuMs();
    for (const row of ["&", "=", "a&", ";", "a=&"]) {
      expect(parseDubboUrl(`dubbo://10.0.0.1:1/a.B?${row.repeat(20_000)}`)).toMatchObject({ path: "a.B" });
    }
    expect(threadCpuMs() - startMs).toBeLessThan(1000);
  });

  const parameter = fc.tuple(
    fc.string({ unit: "grapheme", minLength: 1 }).filter((key) => !/[&;=]/.test(key)),
    fc.string({ unit: "grapheme" }).filter((value) => !/[&;]/.test(value)),
  );

  test("reads whatever a client can write", () => {
    fc.assert(fc.property(
      fc.constantFrom("dubbo", "tri", "rest"),
      fc.oneof(fc.ipV4(), fc.ipV6().map((address) => `[${address}]`), fc.domain()),
      fc.integer({ min: 1, max: 65_535 }),
      fc.array(parameter),
      (protocol, host, port, parameters) => {
        const query = parameters.map(([key, value]) => `${key}=${value}`).join("&");
        expect(read(`${protocol}://${host}:${port}/com.acme.Order$Item?${query}`)).toEqual({
          protocol,
          host: canonicalAddress(host),
          port,
          path: "com.acme.Order$Item",
          parameters: Object.fromEntries(parameters),
        });
      },
    ));
  });

  test("never throws", { timeout: 30_000 }, () => {
    const piece = fc.constantFrom(
      "dubbo",
      "%3A",
      ":",
      "%2F%2F",
      "//",
      "/",
      "?",
      "%3F",
      "&",
      "%26",
      "=",
      "%",
      "[",
      "]",
      "@",
      "+",
      "%FF",
    );
    fc.assert(fc.property(
      fc.array(fc.oneof(piece, fc.string({ unit: "binary" }))).map((pieces) => pieces.join("")),
      (name) => {
        for (const parse of [parseDubboUrl, slimeProviderReader.url, slimeConsumerReader.url]) {
          const url = parse(name);
          if (typeof url !== "string") expect(url.port).toBeLessThan(65_536);
        }
      },
    ));
  });
});
