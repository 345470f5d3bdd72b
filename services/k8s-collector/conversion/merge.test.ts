import { describe, expect, test } from "vitest";
import { convertRaw, service, slice } from "./conversion-rig.ts";
import type { RawCluster } from "./conversion-rig.ts";
import { withRecalled } from "./recalled.ts";

const east: RawCluster = { service: service(), slices: [slice("a", ["10.0.0.1"])] };
const west = (spec: Parameters<typeof service>[0] = {}, more: Partial<RawCluster> = {}): RawCluster => ({
  service: service(spec, { creationTimestamp: "2026-02-02T00:00:00Z" }),
  slices: [slice("a", ["10.1.0.1"])],
  ...more,
});

/** Addresses with the clusters that they are of. */
function endpointsOf({ entries }: ReturnType<typeof convertRaw>): string[][] {
  return entries.map(({ spec: { endpoints = [] } }) =>
    endpoints.map(({ address, labels }) => `${address} ${labels?.["topology.istio.io/cluster"]}`)
  );
}

describe("one Service in two clusters", () => {
  test("is one entry with the endpoints of both", () => {
    const both = convertRaw({ east, west: west({}, { network: "net-west" }) });
    expect(endpointsOf(both)).toEqual([["10.0.0.1 east", "10.1.0.1 west"]]);
    expect(both.entries[0]?.spec.endpoints?.map(({ network }) => network)).toEqual([undefined, "net-west"]);
    expect(both.reports).toEqual([]);
    expect(convertRaw({ west: west({}, { network: "net-west" }), east })).toEqual(both);
  });

  test("may have one address in both, which are two hosts then", () => {
    const same = convertRaw({ east, west: west({}, { slices: [slice("a", ["10.0.0.1"])], network: "n" }) });
    expect(endpointsOf(same)).toEqual([["10.0.0.1 east", "10.0.0.1 west"]]);
  });

  test("or one entry for each, under hosts of their own", () => {
    const { entries } = convertRaw({
      East: { ...east, domain: "east.cluster.local" },
      west: west({}, { domain: "west.cluster.local" }),
    }, { isMerged: false });
    expect(entries.map(({ metadata: { name }, spec: { hosts } }) => [name, ...hosts])).toEqual([
      ["orders.east", "orders.shop.svc.east.cluster.local"],
      ["orders.west", "orders.shop.svc.west.cluster.local"],
    ]);
  });

  test("has the hosts of both where their domains differ", () => {
    const { entries } = convertRaw({ east, west: west({}, { domain: "west.example" }) });
    expect(entries[0]?.spec.hosts).toEqual(["orders.shop.svc.cluster.local", "orders.shop.svc.west.example"]);
  });

  test.each<[Parameters<typeof service>[0], string]>([
    [
      { ports: [{ name: "http", port: 80, appProtocol: "grpc" }] },
      "port 80 (http, GRPC) conflicts with port 80 (http, HTTP)",
    ],
    [{ ports: [{ name: "grpc", port: 80 }] }, "port 80 (grpc, GRPC) conflicts with port 80 (http, HTTP)"],
    [{ type: "ExternalName", externalName: "x.example" }, "it is an ExternalName, and no ExternalName"],
  ])("that conflict: of the younger one nothing is taken, and that is said: %j", (spec, reason) => {
    const found = convertRaw({ west: west(spec), east });
    expect(endpointsOf(found)).toEqual([["10.0.0.1 east"]]);
    expect(found.reports).toEqual([
      `west: Service shop/orders: ${reason} ${
        reason.startsWith("port") ? "of" : "in"
      } cluster east: its endpoints are left out; make the two Services equal`,
    ]);
  });

  test("whose port has another name or number: it is called as the older Service says", () => {
    const renamed = convertRaw({
      east,
      west: west({ ports: [{ name: "http-web", port: 80 }] }, {
        slices: [slice("a", ["10.1.0.1"], { portNumbers: { "http-web": 9000 } })],
      }),
    });
    expect(renamed.entries[0]?.spec.ports).toEqual([{ number: 80, name: "http", protocol: "HTTP" }]);
    expect(renamed.entries[0]?.spec.endpoints?.map(({ ports }) => ports)).toEqual([{ http: 8080 }, {
      http: 9000,
    }]);
    expect(renamed.reports).toEqual([
      "west: Service shop/orders: port 80 (http-web) is port 80 (http) in cluster east, and is called so",
    ]);
    const renumbered = convertRaw({ east, west: west({ ports: [{ name: "http", port: 8000 }] }) });
    expect(renumbered.entries[0]?.spec.ports).toEqual([{ number: 80, name: "http", protocol: "HTTP" }]);
    expect(renumbered.reports).toHaveLength(1);
  });

  test("of which one has a further port", () => {
    const ports = [{ name: "http", port: 80 }, { name: "tcp-admin", port: 90 }];
    const found = convertRaw({
      east,
      west: west({ ports }, {
        slices: [slice("a", ["10.1.0.1"], { portNumbers: { http: 1, "tcp-admin": 2 } })],
      }),
    });
    expect(found.entries[0]?.spec.ports?.map(({ number }) => number)).toEqual([80, 90]);
    expect(found.reports).toEqual([
      "east: Service shop/orders: it lacks port 90 (tcp-admin) of the same Service in other clusters: calls of it that reach its endpoints fail",
    ]);
  });
});

describe("the MCS API", () => {
  const exported = { multiClusterServices: true };

  test("takes Services with an export, for all clusters", () => {
    const one = convertRaw({ east: { ...east, exportedAt: "2026-03-01T00:00:00Z" }, west: west() }, exported);
    expect(endpointsOf(one)).toEqual([["10.0.0.1 east"]]);
    expect(one.entries[0]?.spec.hosts).toEqual(["orders.shop.svc.clusterset.local"]);
    expect(convertRaw({ east, west: west() }, exported).entries).toEqual([]);
  });

  test("may keep their own hosts beside it", () => {
    const { entries } = convertRaw({ east: { ...east, exportedAt: "x" } }, {
      ...exported,
      clusterLocalHosts: true,
    });
    expect(entries[0]?.spec.hosts).toEqual([
      "orders.shop.svc.cluster.local",
      "orders.shop.svc.clusterset.local",
    ]);
  });

  test("lets the oldest export decide, not the oldest Service", () => {
    const found = convertRaw({
      east: { ...east, exportedAt: "2026-03-02T00:00:00Z" },
      west: west({ ports: [{ name: "http", port: 80, appProtocol: "grpc" }] }, {
        exportedAt: "2026-03-01T00:00:00Z",
      }),
    }, exported);
    expect(endpointsOf(found)).toEqual([["10.1.0.1 west"]]);
    expect(found.reports[0]).toMatch(/^east: .* conflicts with port 80 \(http, GRPC\) of cluster west/);
  });
});

describe("withRecalled", () => {
  const published = convertRaw({ east, west: west({}, { domain: "west.example" }) }).entries[0];
  const current = convertRaw({ east }).entries[0];
  const isMissing = (id: string) => id === "west";

  test("keeps what was published of a cluster that can't be read", () => {
    expect(withRecalled(current, published, isMissing)).toEqual(published);
    expect(withRecalled(current, published, () => false)).toBe(current);
    expect(withRecalled(current, undefined, isMissing)).toBe(current);
  });

  test("also where no other cluster has the Service", () => {
    const left = withRecalled(undefined, published, isMissing);
    expect(left?.spec.endpoints?.map(({ address }) => address)).toEqual(["10.1.0.1"]);
    expect(withRecalled(undefined, published, () => false)).toBeUndefined();
  });

  test("with the ports that only it has", () => {
    const ports = [{ name: "http", port: 80 }, { name: "tcp-admin", port: 90 }];
    const slices = [slice("a", ["10.1.0.1"], { portNumbers: { http: 1, "tcp-admin": 2 } })];
    const more = convertRaw({ east, west: west({ ports }, { slices }) }).entries[0];
    expect(withRecalled(current, more, isMissing)?.spec).toEqual(more?.spec);
  });
});
