import { describe, expect, test } from "vitest";
import { mentionedNames } from "./refusals.ts";

describe("mentionedNames()", () => {
  test.each([
    ["shop/orders: host is invalid", ["shop/orders"]],
    ['resource "shop/orders.v1" and ServiceEntry/shop/cart, both', ["shop/orders.v1", "shop/cart"]],
    ["networking.istio.io/v1/ServiceEntry/shop/orders.", ["shop/orders.", "shop/orders"]],
    ["rejected: dubbo/com.acme.Foo:g:1.0: no", ["dubbo/com.acme.Foo:g:1.0:", "dubbo/com.acme.Foo:g:1.0"]],
    ["invalid host", []],
    ["", []],
  ])("%j", (error, names) => {
    expect([...mentionedNames(error)]).toEqual(expect.arrayContaining(names));
  });
});
