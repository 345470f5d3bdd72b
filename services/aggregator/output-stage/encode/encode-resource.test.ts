import { fromBinary, toJson } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DiscoveryResponseSchema } from "../../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { SidecarSchema } from "../../../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import type { Manifest, ServiceEntryManifest, SidecarManifest } from "../../../../shared/model/manifest.ts";
import { encodeResource, mcpResourceTypeUrl } from "./encode-resource.ts";

function decode(manifest: Manifest, cursor = "c-1") {
  const { framed, version } = encodeResource(manifest, cursor);
  const any = fromBinary(DiscoveryResponseSchema, framed).resources[0];
  expect(any?.typeUrl).toBe(mcpResourceTypeUrl);
  const resource = fromBinary(ResourceSchema, any?.value ?? new Uint8Array());
  const body = resource.body?.value ?? new Uint8Array();
  const spec = manifest.kind === "ServiceEntry"
    ? toJson(ServiceEntrySchema, fromBinary(ServiceEntrySchema, body))
    : toJson(SidecarSchema, fromBinary(SidecarSchema, body));
  return { metadata: resource.metadata, typeUrl: resource.body?.typeUrl, spec, version };
}

const entry: ServiceEntryManifest = {
  apiVersion: "networking.istio.io/v1",
  kind: "ServiceEntry",
  metadata: {
    name: "orders.shop",
    namespace: "shop",
    labels: { registry: "eureka" },
    annotations: { "meshregistry.io/empty-since": "2026-01-01T00:00:00Z", note: "x" },
    creationTimestamp: "2026-01-02T03:04:05.678Z",
  },
  spec: {
    hosts: ["orders.shop.svc.cluster.local"],
    ports: [{ number: 80, protocol: "HTTP", name: "http-80" }],
    resolution: "STATIC",
    endpoints: [{ address: "10.0.0.1", ports: { "http-80": 8080 }, labels: { zone: "a", app: "o" } }],
  },
};

const text = fc.string({ maxLength: 12, unit: "grapheme" });
const labels = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.string({ minLength: 1, maxLength: 8 }),
);
const serviceEntries: fc.Arbitrary<ServiceEntryManifest> = fc.record({
  hosts: fc.array(text, { maxLength: 3 }),
  addresses: fc.array(text, { maxLength: 2 }),
  location: fc.constantFrom("MESH_EXTERNAL", "MESH_INTERNAL"),
  resolution: fc.constantFrom("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
  ports: fc.array(
    fc.record({
      number: fc.nat(65535),
      protocol: text,
      name: text,
      targetPort: fc.nat(65535),
    }),
    { maxLength: 3 },
  ),
  endpoints: fc.array(
    fc.record({
      address: text,
      labels,
      ports: fc.dictionary(
        fc.string({ minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4_294_967_295 }),
      ),
      weight: fc.nat(4_294_967_295),
      network: text,
      locality: text,
      serviceAccount: text,
    }),
    { maxLength: 4 },
  ),
  exportTo: fc.array(text, { maxLength: 2 }),
  subjectAltNames: fc.array(text, { maxLength: 2 }),
}).map((spec) => ({ ...entry, spec }));

/** proto3 JSON leaves out zero values; so must the expectation. */
function withoutZeroes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeroes);
  if (typeof value !== "object" || value === null) return value;
  const zero = (item: unknown) =>
    item === undefined || item === 0 || item === "" || item === "MESH_EXTERNAL" || item === "NONE" ||
    (Array.isArray(item) && item.length === 0) ||
    (typeof item === "object" && item !== null && Object.keys(item).length === 0);
  return Object.fromEntries(
    Object.entries(value).filter(([, item]) => !zero(item)).map(([key, item]) => [key, withoutZeroes(item)]),
  );
}

describe("encodeResource()", () => {
  test("wraps the body in an MCP resource with name, time, labels and cursor", () => {
    const { metadata, typeUrl, spec } = decode(entry, "20260101T000000000Z-0000000000000007");
    expect(typeUrl).toBe("type.googleapis.com/istio.networking.v1alpha3.ServiceEntry");
    expect(metadata?.name).toBe("shop/orders.shop");
    expect(metadata?.labels).toEqual({ registry: "eureka" });
    expect(metadata?.annotations).toEqual({
      note: "x",
      ResourceVersion: "20260101T000000000Z-0000000000000007",
    });
    expect(metadata?.createTime).toMatchObject({ seconds: 1767323045n, nanos: 678_000_000 });
    expect(spec).toEqual(entry.spec);
  });

  test("keeps every annotation that the documents promise in what is served", () => {
    const docs = join(import.meta.dirname, "../../../../docs");
    const pages = ["eureka.md", "zookeeper.md", "zookeeper-applications.md"];
    const text = pages.map((page) => readFileSync(join(docs, page), "utf8")).join("\n");
    const promised = text.match(/[a-z]*\.?meshregistry\.io\/[a-z-]+/g) ?? [];
    expect(new Set(promised)).toContain("registry.meshregistry.io/name");
    const annotations = Object.fromEntries(promised.map((key) => [key, "x"]));
    const { metadata } = decode({ ...entry, metadata: { ...entry.metadata, annotations } }, "s-1");
    expect(metadata?.annotations).toEqual({ ...annotations, ResourceVersion: "s-1" });
  });

  test("is read back by a foreign decoder for any spec", () => {
    fc.assert(fc.property(serviceEntries, (manifest) => {
      expect(decode(manifest).spec).toEqual(withoutZeroes(manifest.spec));
    }));
  });

  test("encodes Sidecars", () => {
    const sidecar: SidecarManifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "Sidecar",
      metadata: { name: "a", namespace: "n" },
      spec: {
        workloadSelector: { labels: { app: "a" } },
        egress: [{
          port: { number: 20880, protocol: "TCP", name: "tcp" },
          hosts: ["*/b.c", "./*"],
          captureMode: "NONE",
        }],
        ingress: [{ port: { number: 80, protocol: "HTTP" }, defaultEndpoint: "127.0.0.1:8080" }],
        outboundTrafficPolicy: {
          mode: "ALLOW_ANY",
          egressProxy: { host: "e.f", subset: "s", port: { number: 1 } },
        },
      },
    };
    expect(decode(sidecar).spec).toEqual(sidecar.spec);
  });

  test("gives the same version whatever the order of map keys, the cursor and the time of creation", () => {
    const endpoint = { address: "10.0.0.1", ports: { "http-80": 8080 }, labels: { app: "o", zone: "a" } };
    const same: ServiceEntryManifest = {
      ...entry,
      metadata: { ...entry.metadata, creationTimestamp: "2020-01-01T00:00:00Z" },
      spec: { ...entry.spec, endpoints: [endpoint] },
    };
    expect(decode(same, "other").version).toBe(decode(entry).version);
  });

  test("gives another version for other content, labels or annotations", () => {
    const versions = [
      entry,
      { ...entry, spec: { ...entry.spec, endpoints: [] } },
      { ...entry, metadata: { ...entry.metadata, labels: { registry: "nacos" } } },
      { ...entry, metadata: { ...entry.metadata, annotations: { note: "y" } } },
      {
        ...entry,
        metadata: { ...entry.metadata, labels: {}, annotations: { registry: "eureka", note: "x" } },
      },
    ].map((manifest) => decode(manifest).version);
    expect(new Set(versions).size).toBe(versions.length);
  });

  test("different labels and annotations have different versions, whatever characters they hold", () => {
    const tricky = fc.string({ maxLength: 4, unit: fc.constantFrom("a", "e", "0", "1", "\0", "\u0001") });
    const maps = fc.dictionary(tricky, tricky, { maxKeys: 3, noNullPrototype: true });
    const versionOf = (labels: Record<string, string>, annotations: Record<string, string>) =>
      encodeResource({ ...entry, metadata: { name: "a", namespace: "b", labels, annotations } }, "c").version;
    fc.assert(
      fc.property(maps, maps, maps, maps, (labels, annotations, otherLabels, otherAnnotations) => {
        const same = isDeepStrictEqual([labels, annotations], [otherLabels, otherAnnotations]);
        expect(versionOf(labels, annotations) === versionOf(otherLabels, otherAnnotations)).toBe(same);
      }),
      { numRuns: 2000 },
    );
    expect(versionOf({ a: "b\0c\0d" }, {})).not.toBe(versionOf({ a: "b", c: "d" }, {}));
    expect(versionOf({ "": "" }, {})).not.toBe(versionOf({}, { "": "" }));
  });
});
