import { describe, expect, test } from "vitest";
import { profiles } from "../../model/profile.ts";
import { methodBalancing, methodsLabel, methodsOf } from "./method-labels.ts";

test.each([
  ["get,list,cancel", "cancel.get.list"],
  ["get", "get"],
  ["", ""],
  [",get,,", "get"],
  ["*", "2-a"],
  ["a$b,_c", "_c.a2-4b"],
  ["é", "c-3a-9"],
  // By bytes: U+FB00 comes before U+1F600, though its UTF-16 form is behind.
  ["\u{1f600},\ufb00", "e-fa-c8-0.f-09-f9-88-0"],
  // A byte that is no UTF-8.
  ["a\udcff", "af-f"],
])("the label of the methods %s", (methods, label) => {
  for (const profile of profiles) expect(methodsLabel(methodsOf(methods, profile))).toBe(label);
});

test("white space around commas belongs to no method, but for slime", () => {
  expect(methodsLabel(methodsOf("get, list ,,put", "istio"))).toBe("get.list.put");
  expect(methodsLabel(methodsOf("get, list", "slime"))).toBe("2-0list.get");
});

describe("methodBalancing()", () => {
  const orders = { matchLabels: { application: "orders" }, invert: false };
  const carts = { matchLabels: { application: "carts" }, invert: false };
  const notOrders = { matchLabels: { application: "orders" }, invert: true };

  test.each<
    [what: string, selectors: Parameters<typeof methodBalancing>[0], orders: boolean, other: boolean]
  >([
    ["no selectors", [], false, false],
    ["a list of those that are", [orders, carts], true, false],
    ["a list of those that aren't", [notOrders], false, true],
    ["both, where the first counts", [notOrders, carts], false, false],
    ["nobody who isn't", [{ invert: true }], true, true],
    ["nobody who is", [{ invert: false }], false, false],
    ["everybody", [{ matchLabels: {}, invert: false }], true, true],
    ["a selector that can't be", [{ matchLabels: { "no key": "x" }, invert: false }], false, false],
  ])("with %s", (_what, selectors, ofOrders, ofOther) => {
    const balances = methodBalancing(selectors);
    expect([balances({ application: "orders" }), balances({})]).toEqual([ofOrders, ofOther]);
  });
});
