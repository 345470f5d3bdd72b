import { describe, expect, test } from "vitest";
import type { ServiceEntrySpec } from "../model/manifest.ts";
import { addressedHost, whoIsAddressed } from "./addressed-host.ts";

function spec(
  protocols: readonly (string | undefined)[],
  more: Partial<ServiceEntrySpec> = {},
): ServiceEntrySpec {
  const ports = protocols.map((protocol, index) => ({
    number: 80 + index,
    name: `p${index}`,
    ...(protocol !== undefined && { protocol }),
  }));
  return { hosts: ["Orders.shop"], resolution: "STATIC", ports, ...more };
}

describe("addressedHost", () => {
  test.each<readonly [string, ServiceEntrySpec, boolean, boolean]>([
    ["TCP", spec(["TCP"]), true, true],
    ["TCP in another case", spec(["tcp"]), true, true],
    ["TCP beside HTTP", spec(["HTTP", "TCP"]), true, true],
    ["no protocol, which the proxy guesses", spec([undefined]), true, true],
    ["TLS, which needs no server name", spec(["TLS"]), true, true],
    ["MySQL", spec(["MySQL"]), true, true],
    ["HTTP", spec(["HTTP"]), false, true],
    ["gRPC", spec(["GRPC", "grpc-web", "HTTP2"]), false, true],
    ["no port", spec([]), false, true],
    ["an address of its own", spec(["TCP"], { addresses: ["10.0.0.1"] }), false, false],
    ["resolution NONE", spec(["TCP"], { resolution: "NONE" }), false, false],
    ["no resolution, which is NONE", { hosts: ["a.b"], ports: spec(["TCP"]).ports }, false, false],
    ["DYNAMIC_DNS", spec(["TLS"], { resolution: "DYNAMIC_DNS" }), false, false],
    ["a wildcard", spec(["TCP"], { hosts: ["*.shop"] }), false, false],
    ["several hosts", spec(["TLS"], { hosts: ["a.b", "c.d"] }), false, false],
    ["no host", spec(["TCP"], { hosts: [] }), false, false],
  ])("%s", (_what, entry, auto, always) => {
    expect(addressedHost(entry, "not-http")).toBe(auto ? "orders.shop" : undefined);
    expect(addressedHost(entry, "all")).toBe(always ? "orders.shop" : undefined);
    expect(addressedHost(entry, "none")).toBeUndefined();
  });

  test("auto is nobody in the slime profile", () => {
    expect(whoIsAddressed("auto", "istio")).toBe("not-http");
    expect(whoIsAddressed("auto", "slime")).toBe("none");
    expect(whoIsAddressed("always", "slime")).toBe("all");
    expect(whoIsAddressed("never", "istio")).toBe("none");
  });
});
