import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyServiceEntry } from "../../test/istio/arbitrary-manifests.ts";
import { serviceEntry } from "../../test/istio/verdict.ts";
import type { Manifest, Resolution, ServiceEntryManifest, WorkloadEntry } from "../model/manifest.ts";
import { addressFault } from "./endpoint-address.ts";
import { envoyFault } from "./envoy-rules.ts";
import { inProfile } from "./in-profile.ts";
import { repairEndpoints, withoutRejectedEndpoints } from "./repair-endpoints.ts";
import { validateManifest } from "./validate.ts";

const good: WorkloadEntry = { address: "10.0.0.1", ports: { http: 8080 } };

function repaired(endpoints: WorkloadEntry[], resolution: Resolution = "STATIC") {
  const { manifest: { spec }, leftOut } = repairEndpoints(serviceEntry({ endpoints, resolution }));
  return { spec, addresses: spec.endpoints?.map(({ address }) => address), leftOut };
}

function errors(manifest: Manifest): string[] {
  return validateManifest(manifest).filter(({ severity }) => severity === "error").map(({ path }) => path);
}

describe("repairEndpoints()", () => {
  test("answers the very same manifest if nothing is wrong", () => {
    const manifest = serviceEntry({ endpoints: [good, { address: "2001:db8::1" }] });
    expect(repairEndpoints(manifest)).toEqual({ manifest, leftOut: [] });
    expect(repairEndpoints(manifest).manifest).toBe(manifest);
  });

  test.each<[what: string, bad: WorkloadEntry, reason: RegExp]>([
    ["a link-local address", { address: "fe80::1%en0" }, /link-local/],
    ["nobody's address", { address: "0.0.0.0" }, /its own host/],
    ["nobody's address in IPv6", { address: "0::0" }, /its own host/],
    ["the address of a group", { address: "239.1.1.1" }, /group/],
    ["no host's name", { address: "my_container_1" }, /neither/],
    ["no IPv4 address", { address: "10.1.6.300" }, /neither/],
    ["no address", {}, /no address/],
    ["port 0", { address: "10.0.0.2", ports: { http: 0 } }, /S9.*port 0/],
    ["port 70000", { address: "10.0.0.2", ports: { http: 70_000 } }, /port 70000/],
    ["a port that the entry hasn't", { address: "10.0.0.2", ports: { grpc: 1 } }, /S9.*"grpc"/],
    ["a host name in a STATIC entry", { address: "a.b" }, /no IP address/],
    ["a long path", { address: `unix:///${"a".repeat(107)}` }, /more than 107 bytes/],
    ["a path with a NUL", { address: "unix:///a\0b" }, /NUL/],
    ["a path with ports", { address: "unix:///a", ports: { http: 1 } }, /S7/],
  ])("leaves out an endpoint with %s, and it alone", (_what, bad, reason) => {
    const { spec, leftOut } = repaired([good, bad]);
    expect(spec.endpoints).toEqual([good]);
    expect(leftOut).toEqual([{ endpoint: bad, reason: expect.stringMatching(reason) }]);
  });

  test("cuts zones off global addresses, and IPv6 off IPv4", () => {
    const { addresses, leftOut } = repaired([{ address: "2001:db8::7%eth0" }, {
      address: "::ffff:10.0.0.7",
    }]);
    expect({ addresses, leftOut }).toEqual({ addresses: ["2001:db8::7", "10.0.0.7"], leftOut: [] });
  });

  test("makes an entry STATIC whose host names were none", () => {
    expect(repaired([good, { address: "my_container_1" }], "DNS").spec.resolution).toBe("STATIC");
    expect(repaired([good, { address: "[2001:db8::1]" }], "DNS").spec.resolution).toBe("STATIC");
    expect(repaired([good, { address: "a.b" }, { address: "::" }], "DNS").spec.resolution).toBe("DNS");
    expect(repaired([good], "DNS").spec.resolution).toBe("DNS");
  });

  test("never leaves a DNS entry without endpoints: its host would be looked up", () => {
    const { spec, leftOut } = repaired([{ address: "0.0.0.0" }], "DNS");
    expect(spec).toMatchObject({ resolution: "STATIC", endpoints: [] });
    expect(leftOut).toHaveLength(1);
  });

  test("takes an endpoint without an address that is reached through a gateway", () => {
    expect(repaired([{ network: "n2" }]).leftOut).toEqual([]);
  });

  const hasNoEndpointError = (manifest: ServiceEntryManifest) =>
    errors(inProfile(manifest, "istio").manifest).every((path) => !path.startsWith("spec.endpoints["));

  test("leaves nothing about an endpoint for istiod or Envoy to reject, and names what it leaves out", () => {
    fc.assert(
      fc.property(anyServiceEntry, (manifest) => {
        const { spec: { resolution = "NONE", endpoints: given = [] } } = manifest;
        const { manifest: { spec }, leftOut } = repairEndpoints(manifest);
        const endpoints = spec.endpoints ?? [];
        expect(endpoints.length + leftOut.length).toBe(given.length);
        for (const { reason } of leftOut) expect(reason).not.toBe("");
        if (resolution === "NONE" || resolution === "DYNAMIC_DNS") return;
        expect(hasNoEndpointError(manifest)).toBe(true);
        for (const endpoint of endpoints) {
          expect(envoyFault(endpoint, spec.resolution ?? "NONE")).toBeUndefined();
          if ((endpoint.network ?? "") === "") expect(addressFault(endpoint.address ?? "")).toBeUndefined();
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("withoutRejectedEndpoints()", () => {
  test("leaves slime's endpoints alone, but for those that stop everybody's updates", () => {
    const endpoints = ["10.0.0.1", "0.0.0.0", "fe80::1%en0", "2001:DB8::1", "2001:DB8::7%eth0", "fe80::2"]
      .map((address) => ({ address }));
    const { manifest, leftOut } = withoutRejectedEndpoints(serviceEntry({ endpoints }));
    expect(manifest.spec.endpoints?.map(({ address }) => address)).toEqual([
      "10.0.0.1",
      "0.0.0.0",
      "2001:DB8::1",
      "2001:DB8::7",
      "fe80::2",
    ]);
    expect(leftOut).toEqual([{ endpoint: endpoints[2], reason: expect.stringContaining("link-local") }]);
  });

  test("answers the very same manifest otherwise", () => {
    const manifest = serviceEntry({ endpoints: [{ address: "my_container_1" }], resolution: "DNS" });
    expect(withoutRejectedEndpoints(manifest).manifest).toBe(manifest);
  });
});

test("three spellings of one address are one endpoint, with a name in capitals and a final dot", () => {
  const of = (addresses: string[], resolution: Resolution) => {
    const entry = serviceEntry({ resolution, endpoints: addresses.map((address) => ({ address })) });
    const { manifest } = inProfile(entry, "istio");
    return manifest.kind === "ServiceEntry" ? manifest.spec.endpoints : undefined;
  };
  expect(of(["2001:db8::1", "2001:DB8:0::1", "[2001:db8:0:0:0:0:0:1]"], "STATIC")).toEqual([
    { address: "2001:db8::1" },
  ]);
  expect(of(["orders.shop", "Orders.shop", "orders.shop."], "DNS")).toEqual([{ address: "orders.shop" }]);
});
