import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ChangePrinter } from "./change-printer.ts";
import type { Change, ShownResource } from "./resource.ts";

const now = new Date(2026, 0, 2, 3, 4, 5, 67);
const origin = { version: "v2" };

function entry(addresses: readonly string[], spec: object = {}, metadata: object = {}): ShownResource {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "orders", namespace: "shop", ...metadata },
    spec: {
      hosts: ["orders.shop"],
      ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
      resolution: "STATIC",
      endpoints: addresses.map((address) => ({ address, ports: { "http-80": 8080 } })),
      ...spec,
    },
  };
}

const added = (resource: ShownResource): Change => ({ change: "added", resource, origin });
const updated = (before: ShownResource, resource: ShownResource): Change => ({
  change: "updated",
  before,
  resource,
  origin,
});
const wide = (...changes: readonly Change[]) => new ChangePrinter("wide").text(changes, now);
/** The last column of an update's line. */
const detailOf = (before: ShownResource, after: ShownResource) =>
  /80\/HTTP\S* +(.*)\n$/.exec(wide(updated(before, after)))?.[1];

describe("wide lines", () => {
  const base = entry(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);

  test("tell time, sign, kind, name, hosts, ports and endpoints", () => {
    expect(wide(added(base))).toBe(
      "03:04:05.067  +  ServiceEntry  shop/orders  orders.shop  80/HTTP  endpoints 3\n",
    );
    expect(wide({ change: "deleted", resource: base, origin })).toBe(
      "03:04:05.067  -  ServiceEntry  shop/orders  orders.shop  80/HTTP  gone\n",
    );
  });

  test("keep their columns from one call to the next", () => {
    const printer = new ChangePrinter("wide");
    const long = entry([], {}, { name: "a-rather-long-name" });
    const column = (text: string) => text.indexOf("80/HTTP");
    expect(column(printer.text([added(base)], now))).toBeLessThan(column(printer.text([added(long)], now)));
    expect(column(printer.text([added(base)], now))).toBe(column(printer.text([added(long)], now)));
  });

  test.each([
    ["one more", entry(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"]), "endpoints 3→4 (+10.0.0.9)"],
    ["one for another", entry(["10.0.0.1", "10.0.0.2", "10.0.0.9"]), "endpoints 3 (+10.0.0.9,-10.0.0.3)"],
    ["none left", entry([]), "endpoints 3→0 (-10.0.0.1,-10.0.0.2,-10.0.0.3)"],
    [
      "many",
      entry(["10.0.0.1", "10.0.0.2", "10.0.0.3", ...[4, 5, 6, 7, 8, 9].map((last) => `10.0.0.${last}`)]),
      "endpoints 3→9 (+10.0.0.4,+10.0.0.5,+10.0.0.6,+10.0.0.7,+2 more)",
    ],
    [
      "a label of one",
      entry([], {
        endpoints: ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((address, index) => ({
          address,
          ports: { "http-80": 8080 },
          ...(index === 1 ? { labels: { zone: "b" } } : {}),
        })),
      }),
      "endpoints 3 (~10.0.0.2)",
    ],
    [
      "an endpoint of the same address",
      entry([], {
        endpoints: [8080, 8081].map((port) => ({ address: "10.0.0.1", ports: { "http-80": port } })),
      }),
      "endpoints 3→2 (+10.0.0.1:8081,-10.0.0.2,-10.0.0.3)",
    ],
    [
      "resolution",
      entry(["10.0.0.1", "10.0.0.2", "10.0.0.3"], { resolution: "DNS" }),
      "endpoints 3, resolution (STATIC→DNS)",
    ],
    [
      "a port",
      entry(["10.0.0.1", "10.0.0.2", "10.0.0.3"], {
        ports: [{ number: 80, protocol: "HTTP", name: "http-80" }, {
          number: 81,
          protocol: "TCP",
          name: "tcp",
        }],
      }),
      "endpoints 3, ports (+81/TCP)",
    ],
    [
      "labels",
      entry(["10.0.0.1", "10.0.0.2", "10.0.0.3"], {}, { labels: { app: "x" } }),
      "endpoints 3, labels (+app=x)",
    ],
    [
      "nothing but the version",
      entry(["10.0.0.1", "10.0.0.2", "10.0.0.3"], {}, { annotations: { ResourceVersion: "7" } }),
      "endpoints 3, same content, new version",
    ],
  ])("say what changed: %s", (_, after, detail) => {
    expect(detailOf(base, after)).toBe(detail);
  });

  test("count the egress hosts of a Sidecar, and show other kinds by name", () => {
    const sidecar = (...hosts: string[]): ShownResource => ({
      apiVersion: "networking.istio.io/v1",
      kind: "Sidecar",
      metadata: { name: "a", namespace: "shop" },
      spec: { workloadSelector: { labels: { app: "a" } }, egress: [{ hosts }] },
    });
    expect(wide(updated(sidecar("*/x"), sidecar("*/x", "*/y")))).toMatch(
      /Sidecar +shop\/a +- +- +egress hosts 1→2 \(\+\*\/y\)$/m,
    );
    const other: ShownResource = { ...sidecar(), kind: "Gateway", spec: { "@type": "x", value: "AA==" } };
    expect(wide(added(other))).toMatch(/\+ +Gateway +shop\/a +- +-$/m);
    expect(wide(updated(other, { ...other, spec: { "@type": "x", value: "AQ==" } }))).toContain(
      "value (AA==→AQ==)",
    );
  });
});

describe("whole manifests", () => {
  test("JSON: one object per line, the change in front", () => {
    const text = new ChangePrinter("json").text([added(entry(["10.0.0.1"])), added(entry([]))], now);
    const lines = text.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^{"change":"added","version":"v2","apiVersion":/);
    expect(JSON.parse(lines[0] ?? "")).toEqual({ change: "added", ...origin, ...entry(["10.0.0.1"]) });
  });

  test("YAML: documents that kubectl takes, the change in a comment", () => {
    const text = new ChangePrinter("yaml").text([added(entry(["10.0.0.1"]))], now);
    expect(text).toMatch(/^---\n# added at \S+Z, version v2\napiVersion: /);
    expect(parse(text)).toEqual(entry(["10.0.0.1"]));
    const labels = { zone: "a" };
    const shared = entry([], { endpoints: ["10.0.0.1", "10.0.0.2"].map((address) => ({ address, labels })) });
    const plain = new ChangePrinter("yaml").text([added(shared)], now);
    expect(plain).not.toMatch(/[&*]a1/);
    expect(parse(plain)).toEqual(shared);
  });
});
