import fc from "fast-check";
import { expect, test } from "vitest";
import { manifestBytes, takeManifest } from "../../shared/model/manifest-bytes.ts";
import type { Manifest } from "../../shared/model/manifest.ts";
import { anyManifest } from "../../test/istio/arbitrary-manifests.ts";
import { presentResource } from "./present.ts";

const present = (manifest: Manifest, bytes: Uint8Array) =>
  presentResource(
    "mesh.entries.a",
    { ...manifest.metadata, kind: manifest.kind, registry: "eureka", source: "default" },
    "s-1",
    bytes,
    "istio",
  );

test("a manifest that was made in this process becomes what its bytes from another one become", () => {
  fc.assert(fc.property(anyManifest, (manifest) => {
    const bytes = manifestBytes(manifest);
    expect(present(manifest, bytes)).toEqual(present(manifest, Buffer.from(bytes)));
  }));
});

test("it is handed on once: who reads the same bytes again parses them", () => {
  const manifest: Manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "a", namespace: "b" },
    spec: { hosts: ["a.b"] },
  };
  const bytes = manifestBytes(manifest);
  expect(takeManifest(bytes)).toBe(manifest);
  expect(takeManifest(bytes)).toBeUndefined();
  expect(takeManifest(Buffer.from(bytes))).toBeUndefined();
});
