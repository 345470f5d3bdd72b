import { expect, test } from "vitest";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";
import { decodeResource } from "../output-stage/encode/decode-resource.ts";
import { encodeResource } from "../output-stage/encode/encode-resource.ts";
import { alternateOf } from "./alternate-version.ts";

function resourceOf(metadata: Partial<ServiceEntryManifest["metadata"]>) {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "orders", namespace: "shop", ...metadata },
    spec: { hosts: ["orders.example"], endpoints: [{ address: "10.0.0.1" }] },
  };
  const origin = { subject: "s", registry: "eureka", source: "default", revision: undefined, endpoints: 1 };
  return { ...encodeResource(manifest, "c"), ...origin, name: "shop/orders", cursor: "c" };
}

test.each([
  ["plain", {}],
  ["with a time", { creationTimestamp: "2026-01-02T03:04:05.678Z" }],
  ["of a long name", { name: "x".repeat(200), labels: { a: "b" }, annotations: { c: "d" } }],
])("has the same content under another version, %s", (_, metadata) => {
  const resource = resourceOf(metadata);
  const before = decodeResource("ServiceEntry", resource.framed);
  expect(alternateOf(resource, 0)).toBe(resource);
  const alternate = alternateOf(resource, 1);
  expect(alternate.version).not.toBe(resource.version);
  expect(decodeResource("ServiceEntry", alternate.framed)).toEqual({ ...before, version: alternate.version });
  // Clients with other views still share these bytes.
  expect(decodeResource("ServiceEntry", resource.framed)).toEqual(before);
  expect(alternateOf(resource, 1)).toBe(alternate);
  expect(alternateOf(resource, 2).version).not.toBe(alternate.version);
});
