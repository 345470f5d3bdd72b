import { describe, expect, test } from "vitest";
import type { EndpointSelectionOptions } from "./endpoint-selection.ts";
import { endpointSelection } from "./endpoint-selection.ts";
import { instanceRelabel } from "./instance-relabel.ts";
import { labelMatcher } from "./label-selector.ts";

const none: EndpointSelectionOptions = {
  endpointSelectors: [],
  servicedEndpointSelectors: {},
  emptyEpSelectorsExcludeAll: false,
  alwaysUseSourceScopedEpSelectors: false,
};

describe("labelMatcher()", () => {
  const expression = (key: string, operator: string, ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });

  test.each([
    [{ matchLabels: {} }, true],
    [{ matchLabels: { zone: "a" } }, true],
    [{ matchLabels: { zone: "a", side: "x" } }, false],
    [expression("zone", "In", "b", "a"), true],
    [expression("side", "In", "a"), false],
    [expression("zone", "NotIn", "a"), false],
    [expression("side", "NotIn", "a"), true],
    [expression("zone", "Exists"), true],
    [expression("toString", "Exists"), false],
    [expression("side", "DoesNotExist"), true],
    [expression("zone", "DoesNotExist"), false],
  ])("%j", (selector, expected) => {
    const matcher = labelMatcher(selector);
    expect(typeof matcher === "function" && matcher({ zone: "a" })).toBe(expected);
  });

  test.each([
    [expression("zone", "Is", "a")],
    [expression("zone", "In")],
    [expression("zone", "Exists", "a")],
    [expression("a zone", "Exists")],
    [{ matchLabels: { zone: "no value!" } }],
    [{ matchLabels: { zone: "x".repeat(64) } }],
    [expression("Acme.com/zone", "DoesNotExist")],
  ])("%j is invalid", (selector) => {
    expect(labelMatcher(selector)).toBe("invalid");
  });

  test("knows no selector from an empty one", () => {
    expect(labelMatcher({})).toBeUndefined();
  });
});

describe("endpointSelection()", () => {
  const zone = (name: string) => ({ matchLabels: { zone: name } });

  function accepts(
    options: Partial<EndpointSelectionOptions>,
    service = "a.B",
    address = "10.0.0.1",
  ): boolean {
    return endpointSelection({ ...none, ...options })(service)({ zone: "a" }, address);
  }

  test.each<[what: string, options: Partial<EndpointSelectionOptions>, expected: boolean]>([
    ["everybody without selectors", {}, true],
    ["nobody without selectors, if so wished", { emptyEpSelectorsExcludeAll: true }, false],
    ["who fulfils one of several", { endpointSelectors: [zone("b"), zone("a")] }, true],
    ["nobody who fulfils none", { endpointSelectors: [zone("b")] }, false],
    ["by a selector that says nothing: as if there were none", { endpointSelectors: [{}] }, true],
    ["by that and another: by the other", { endpointSelectors: [{}, zone("b")] }, false],
    ["by labels that can't be selected by", { endpointSelectors: [zone("!")] }, true],
    ["not by address", { endpointSelectors: [{ excludeIpRanges: { ips: ["10.0.0.1"], cidrs: [] } }] }, false],
    [
      "not by range",
      { endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["x", "10.0.0.0/8"] } }] },
      false,
    ],
    [
      "by another range",
      { endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["11.0.0.0/8"] } }] },
      true,
    ],
    ["by ranges only that can't be read", {
      endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["x"] } }],
    }, true],
    ["nobody by ranges that can't be read, if nobody is taken without selectors", {
      endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["x"] } }],
      emptyEpSelectorsExcludeAll: true,
    }, false],
    ["not by a range with a leading zero", {
      endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["10.0.0.0/08"] } }],
    }, false],
    ["by all of IPv6, being IPv4", {
      endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["::/0"] } }],
    }, true],
    ["not by a range of IPv4 in IPv6's spelling", {
      endpointSelectors: [{ excludeIpRanges: { ips: [], cidrs: ["::ffff:10.0.0.0/104"] } }],
    }, false],
    [
      "not if labels fit and the address is excluded",
      { endpointSelectors: [{ ...zone("a"), excludeIpRanges: { ips: ["10.0.0.1"], cidrs: [] } }] },
      false,
    ],
    ["by a service's own instead", {
      endpointSelectors: [zone("b")],
      servicedEndpointSelectors: { "a.B": [zone("a")] },
    }, true],
    ["by another service's not", { servicedEndpointSelectors: { "a.C": [zone("b")] } }, true],
    ["by both, if so wished", {
      endpointSelectors: [zone("b")],
      servicedEndpointSelectors: { "a.B": [zone("a")] },
      alwaysUseSourceScopedEpSelectors: true,
    }, false],
  ])("takes %s", (_what, options, expected) => {
    expect(accepts(options)).toBe(expected);
  });

  test("takes an IPv4 address for the same in both spellings", () => {
    const endpointSelectors = [{ excludeIpRanges: { ips: [], cidrs: ["10.0.0.0/8", "::/0"] } }];
    const of = endpointSelection({ ...none, endpointSelectors })("a.B");
    expect(["::ffff:10.0.0.1", "::ffff:11.0.0.1", "fd00::1"].map((address) => of({}, address)))
      .toEqual([false, true, false]);
  });

  test("knows IPv6, and lets host names and unknown addresses through", () => {
    const endpointSelectors = [{ excludeIpRanges: { ips: [], cidrs: ["fd00::/8", "0.0.0.0/0"] } }];
    const of = endpointSelection({ ...none, endpointSelectors })("a.B");
    expect(["fd00::1", "fe80::1", "10.0.0.1", "order-1", undefined].map((address) => of({}, address)))
      .toEqual(
        [false, true, false, true, true],
      );
  });

  test("looks for a service under the first name that has selectors", () => {
    const servicedEndpointSelectors = { "a.B": [zone("a")], "a.B:g": [zone("b")] };
    const of = endpointSelection({ ...none, servicedEndpointSelectors });
    expect([of("a.B:g", "a.B"), of("a.B:x", "a.B")].map((filter) => filter({ zone: "a" }, ""))).toEqual([
      false,
      true,
    ]);
  });
});

describe("instanceRelabel()", () => {
  const item = (key: string, targetKey: string, more: object = {}) => ({
    key,
    targetKey,
    overwrite: false,
    createdWithValue: "",
    valuesMapping: {},
    ...more,
  });

  test.each<[what: string, items: ReturnType<typeof item>[], expected: Record<string, string>]>([
    ["copies", [item("a", "c")], { a: "1", b: "2", c: "1" }],
    ["leaves what is there", [item("a", "b")], { a: "1", b: "2" }],
    ["overwrites, if so wished", [item("a", "b", { overwrite: true })], { a: "1", b: "1" }],
    ["maps values", [item("a", "c", { valuesMapping: { 1: "one" } })], { a: "1", b: "2", c: "one" }],
    ["has a value for what isn't there", [item("x", "c", { createdWithValue: "new" })], {
      a: "1",
      b: "2",
      c: "new",
    }],
    ["skips what isn't there", [item("x", "c")], { a: "1", b: "2" }],
    ["goes step by step", [item("a", "c"), item("c", "d")], { a: "1", b: "2", c: "1", d: "1" }],
  ])("%s", (_what, items, expected) => {
    const metadata = { a: "1", b: "2" };
    instanceRelabel({ items })?.(metadata);
    expect(metadata).toEqual(expected);
  });

  test("is nothing for steps without keys", () => {
    expect(instanceRelabel(undefined)).toBeUndefined();
    expect(instanceRelabel({ items: [item("", "a"), item("a", "")] })).toBeUndefined();
  });
});
