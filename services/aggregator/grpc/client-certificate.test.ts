import { describe, expect, test } from "vitest";
import { refusalOf } from "./client-certificate.ts";

const istiod = "spiffe://cluster.local/ns/istio-system/sa/istiod";

describe("refusalOf", () => {
  test.each([
    ["no list", "DNS:anything", []],
    ["no list, no names", undefined, []],
    ["a URI", `DNS:a.example, URI:${istiod}`, [istiod]],
    ["a DNS name in other letters", "DNS:Istiod.Example", ["istiod.example"]],
    ["one of several", `URI:spiffe://x/y, URI:${istiod}`, ["z", istiod]],
  ])("lets in: %s", (_, names, allowed) => {
    expect(refusalOf(names, allowed)).toBeUndefined();
  });

  test.each([
    ["no names", undefined, "none"],
    ["another URI", "URI:spiffe://x/y", "spiffe://x/y"],
    ["an address or mail that reads the same", `IP Address:127.0.0.1, email:${istiod}`, "none"],
    ["a URI in other letters", `URI:${istiod.toUpperCase()}`, istiod.toUpperCase()],
    ["a longer URI", `URI:${istiod}2`, `${istiod}2`],
    ["a name that hides in another", `DNS:"a, URI:${istiod}"`, `a, URI:${istiod}`],
    ["a name that hides behind a quote", `DNS:"a\\", URI:${istiod}"`, `a", URI:${istiod}`],
  ])("refuses: %s", (_, names, found) => {
    expect(refusalOf(names, [istiod])).toBe(
      `certificate's names aren't in xds.tls.allowedSans, it has ${found}`,
    );
  });
});
