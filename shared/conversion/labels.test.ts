import { describe, expect, test } from "vitest";
import { readConversionEnvironment } from "../config/mod.ts";
import type { Profile } from "../model/profile.ts";
import { endpointLabels } from "./endpoint-labels.ts";
import type { EndpointLocality } from "./locality.ts";
import { localityOf, slimeLocality } from "./locality.ts";
import { serviceLabels } from "./service-labels.ts";

function labelsOf(
  metadata: Record<string, string>,
  profile: Profile = "slime",
  variables: Record<string, string> = {},
): Record<string, string> {
  return endpointLabels(metadata, {
    ...readConversionEnvironment(variables),
    profile,
    cleansInstanceId: true,
  });
}

describe("endpointLabels()", () => {
  test.each<[key: string, kept: boolean]>([
    ["version", true],
    ["a", true],
    ["Version.2_x-y", true],
    ["example.com/version", true],
    ["EXAMPLE.com/version", true],
    ["n".repeat(63), true],
    ["n".repeat(64), false],
    [`${"p".repeat(253)}/n`, true],
    [`${"p".repeat(254)}/n`, false],
    ["@class", false],
    ["-version", false],
    ["version-", false],
    ["a b", false],
    ["/version", false],
    ["a/b/c", false],
    ["ex_ample/version", false],
    ["", false],
    ["größe", false],
  ])("decides about the key %s: %s", (key, kept) => {
    expect(labelsOf({ [key]: "x" })).toEqual(kept ? { [key]: "x" } : {});
  });

  test.each<[value: string, kept: boolean]>([
    ["", true],
    ["v1", true],
    ["V1.2_x-y", true],
    ["v".repeat(1000), true],
    ["-v1", false],
    ["v1.", false],
    ["a b", false],
    ["a/b", false],
    ["a:b", false],
    ["java.util.Collections$EmptyMap", false],
    ["x\n", false],
  ])("decides about the value %j: %s", (value, kept) => {
    expect(labelsOf({ k: value })).toEqual(kept ? { k: value } : {});
    expect(labelsOf({ k: value }, "slime", { SKIP_VALIDATE_LABEL_VALUE: "true" })).toEqual({ k: value });
  });

  test("checks keys also where values are not checked", () => {
    expect(labelsOf({ "a b": "x" }, "slime", { SKIP_VALIDATE_LABEL_VALUE: "true" })).toEqual({});
  });

  test("takes the colons out of an instance's id, and of nothing else", () => {
    expect(labelsOf({ instanceId: "h:orders:8080" })).toEqual({ instanceId: "h_orders_8080" });
  });

  test("leaves repair to the output stage in the istio profile", () => {
    const metadata = { "a b": "c d", "@class": "x", ["__proto__"]: "y" };
    expect(Object.entries(labelsOf(metadata, "istio"))).toEqual([["a b", "c d"]]);
  });

  test.each<[items: string, expected: Record<string, string>]>([
    ["a=b", { a: "1", b: "1", z: "2" }],
    ["z=a", { a: "2", z: "2" }],
    ["x=b", { a: "1", z: "2" }],
    ["a=b,z=c", { a: "1", b: "1", c: "2", z: "2" }],
    ["toString=b", { a: "1", z: "2" }],
  ])("copies labels: %s", (items, expected) => {
    expect(labelsOf({ z: "2", a: "1" }, "slime", { ENDPOINT_RELABEL_ITEMS: items })).toEqual(expected);
  });

  test("sorts by key", () => {
    expect(Object.keys(labelsOf({ z: "1", a: "1", M: "1" }))).toEqual(["M", "a", "z"]);
  });
});

test("instanceId loses its colons where slime's Nacos source writes it, and is no label elsewhere", () => {
  const labels = (cleansInstanceId: boolean) =>
    endpointLabels({ instanceId: "a:b" }, {
      ...readConversionEnvironment({}),
      profile: "slime",
      cleansInstanceId,
    });
  expect([labels(true), labels(false)]).toEqual([{ instanceId: "a_b" }, {}]);
});

test("ENDPOINT_RELABEL_ITEMS may write @class in the slime profile only", () => {
  const variables = { ENDPOINT_RELABEL_ITEMS: "a=@class" };
  expect(labelsOf({ a: "1" }, "slime", variables)).toEqual({ a: "1", "@class": "1" });
  expect(labelsOf({ a: "1" }, "istio", variables)).toEqual({ a: "1" });
});

describe("localityOf()", () => {
  const beta = "failure-domain.beta.kubernetes.io";
  const stable = "topology.kubernetes.io";
  const subzone = "topology.istio.io/subzone";
  const none = { region: "", zone: "", subzone: "" };
  const same = (locality: string): EndpointLocality => ({ locality, label: locality.replaceAll("/", ".") });

  test.each<[labels: Record<string, string>, expected: EndpointLocality | undefined]>([
    [{}, undefined],
    [{ [`${stable}/region`]: "r", [`${stable}/zone`]: "z", [subzone]: "s" }, same("r/z/s")],
    [{ [`${stable}/region`]: "r", [`${beta}/region`]: "b" }, same("b")],
    [{ [`${stable}/region`]: "r", [`${beta}/region`]: "" }, same("r")],
    [{ [`${stable}/zone`]: "z" }, undefined],
    [{ [`${stable}/region`]: "r", [subzone]: "s" }, same("r/s")],
    [{ "istio-locality": "r.z.s", [`${stable}/region`]: "x" }, same("r/z/s")],
    [{ "istio-locality": "r/z" }, same("r/z")],
    [{ "istio-locality": "r" }, same("r")],
    [{ "istio-locality": "", [`${stable}/region`]: "x" }, same("x")],
    [{ "istio-locality": ".z" }, undefined],
    [{ "istio-locality": "r..s" }, same("r/s")],
  ])("of %j is %j", (labels, expected) => {
    expect(localityOf(labels, none, "slime")).toEqual(expected);
    expect(localityOf(labels, none, "istio")).toEqual(expected);
  });

  test("looks at LOCALITY_LABELS first", () => {
    const custom = { region: "reg", zone: "zon", subzone: "sub" };
    const labels = {
      reg: "1",
      zon: "2",
      sub: "3",
      [`${beta}/region`]: "b",
      [`${stable}/zone`]: "z",
      [subzone]: "s",
    };
    expect(localityOf(labels, custom, "slime")).toEqual(same("1/2/3"));
    expect(localityOf({ zon: "2", [`${beta}/region`]: "b" }, custom, "slime")).toEqual(same("b/2"));
  });

  test("splits a region at its dots in the slime profile only", () => {
    const labels = { [`${stable}/region`]: "eu.west", [`${stable}/zone`]: "z" };
    expect(localityOf(labels, none, "slime")).toEqual({ locality: "eu/west/z", label: "eu.west.z" });
    expect(localityOf(labels, none, "istio")).toEqual({ locality: "eu.west/z", label: "eu.west.z" });
  });

  test.each([
    ["r.z.s", "r/z/s"],
    ["r.z.s.t", "r/z/s/t"],
    ["r..s", "r/s"],
    ["r.x/z.y", "r.x/z.y"],
    [".z", undefined],
    ["", undefined],
  ])("of the label %s is in slime %s", (label, locality) => {
    expect(slimeLocality(label)).toBe(locality);
  });
});

describe("serviceLabels()", () => {
  const endpoints = [{ address: "1" }, { labels: { app: "a", x: "1" } }, { labels: { app: "b", y: "2" } }];

  test.each<[keys: string, expected: Record<string, string>]>([
    ["app", { app: "a" }],
    ["", {}],
    ["y", { y: "2" }],
    ["z", {}],
    ["app:team", { team: "a" }],
    ["app,y", { app: "a", y: "2" }],
    ["x:l,y:l", { l: "1" }],
    ["z:l,y:l", { l: "2" }],
    ["$host", { host: "h1" }],
    ["$host:host", { host: "h1" }],
    ["$host:l,x:l", { l: "1" }],
    ["$other:l", {}],
    ["toString", {}],
    ["app:constructor", { constructor: "a" }],
    ["app:team:append", { team: ",a" }],
    ["x:l,y:l:append", { l: "1" }],
  ])("for SE_LABEL_SELECTOR_KEYS=%s are %j", (keys, expected) => {
    const { seLabelSelectorKeys } = readConversionEnvironment({ SE_LABEL_SELECTOR_KEYS: keys });
    const found = serviceLabels(seLabelSelectorKeys, endpoints, ["h1", "h2"], "slime");
    expect(Object.entries(found)).toEqual(Object.entries(expected));
  });

  test("don't have slime's comma in the istio profile", () => {
    const { seLabelSelectorKeys } = readConversionEnvironment({ SE_LABEL_SELECTOR_KEYS: "app:team:append" });
    expect(serviceLabels(seLabelSelectorKeys, endpoints, [], "istio")).toEqual({ team: "a" });
  });
});
