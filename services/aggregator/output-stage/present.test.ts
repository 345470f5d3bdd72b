import fc from "fast-check";
import { expect, test } from "vitest";
import { handOver, manifestBytes, takeManifest } from "../../../shared/model/manifest-bytes.ts";
import type { Manifest } from "../../../shared/model/manifest.ts";
import { envoyFault } from "../../../shared/istio/envoy-rules.ts";
import { profiles } from "../../../shared/model/profile.ts";
import { anyManifest, anyServiceEntry } from "../../../test/istio/arbitrary-manifests.ts";
import { encodeSubject } from "../../../shared/model/subject.ts";
import { prepareResource, presentResource } from "./present.ts";

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
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(JSON.parse(JSON.stringify(manifest)));
    handOver(manifest, bytes);
    expect(present(manifest, bytes)).toEqual(present(manifest, Buffer.from(bytes)));
  }));
});

test("nothing that Envoy rejects is ever served, in either profile", () => {
  fc.assert(
    fc.property(anyServiceEntry, fc.constantFrom(...profiles), (manifest, profile) => {
      const { prepared } = prepareResource(
        "mesh.entries.a",
        { ...manifest.metadata, kind: manifest.kind, registry: "eureka", source: "default" },
        "s-1",
        Buffer.from(JSON.stringify(manifest)),
        profile,
      );
      if (prepared?.manifest.kind !== "ServiceEntry") return;
      const { spec: { endpoints = [], resolution = "NONE" } } = prepared.manifest;
      for (const endpoint of endpoints) expect(envoyFault(endpoint, resolution)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

test("it is handed on once: who reads the same bytes again parses them", () => {
  const manifest: Manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "a", namespace: "b" },
    spec: { hosts: ["a.b"] },
  };
  const bytes = manifestBytes(manifest);
  handOver(manifest, bytes);
  expect(takeManifest(bytes)).toBe(manifest);
  expect(takeManifest(bytes)).toBeUndefined();
  expect(takeManifest(Buffer.from(bytes))).toBeUndefined();
});

test("two resources are never served under one name, whatever characters their names hold", () => {
  const unit = fc.constantFrom("a", "b", "/", "\0", "\ud800", "\ud801", "\udc00", "\ufffd", "\u{1F600}");
  const part = fc.string({ minLength: 1, maxLength: 3, unit });
  const onTheWire = (namespace: string, name: string) => {
    const manifest: Manifest = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name, namespace },
      spec: { hosts: ["a.b"], ports: [{ number: 80, protocol: "HTTP", name: "http" }] },
    };
    const id = { kind: "ServiceEntry", namespace, name, registry: "eureka", source: "default" };
    const data = Buffer.from(JSON.stringify(manifest));
    const { resource } = presentResource(encodeSubject(id), id, "s-1", data, "slime");
    return resource === undefined ? undefined : Buffer.from(resource.name).toString("hex");
  };
  fc.assert(
    fc.property(part, part, part, part, (namespace, name, otherNamespace, otherName) => {
      const [one, other] = [onTheWire(namespace, name), onTheWire(otherNamespace, otherName)];
      const areSame = namespace === otherNamespace && name === otherName;
      if (one !== undefined && one === other) expect(areSame).toBe(true);
    }),
    { numRuns: 2000, examples: [["n", "a\ud800", "n", "a\ud801"]] },
  );
  expect(onTheWire("n", "a\ud800")).toBeUndefined();
  expect(onTheWire("n", "a\u{1F600}")).toBeDefined();
});
