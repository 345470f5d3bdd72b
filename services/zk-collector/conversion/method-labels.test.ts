import { describe, expect, test } from "vitest";
import { methodBalancing, methodsLabel, methodsOf } from "./method-labels.ts";

test.each([
  ["get,list,cancel", "cancel.get.list"],
  ["get", "get"],
  ["", ""],
  [",get,,", "get"],
  ["*", "2-a"],
  ["a$b,_c", "_c.a2-4b"],
  ["é", "c-3a-9"],
])("the label of the methods %s", (methods, label) => {
  expect(methodsLabel(methodsOf(methods))).toBe(label);
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
