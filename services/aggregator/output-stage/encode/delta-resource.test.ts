import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "../../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import type { ServiceEntryManifest } from "../../../../shared/model/manifest.ts";
import { resourceBytes, writeDeltaResource, writeTombstone } from "./delta-resource.ts";
import { encodeResource } from "./encode-resource.ts";
import { WireWriter } from "./wire-writer.ts";

function entry(hosts: readonly string[]) {
  const manifest: ServiceEntryManifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "bücher", namespace: "shop", labels: { a: "b".repeat(300) } },
    spec: { hosts: [...hosts] },
  };
  return { name: "shop/bücher", ...encodeResource(manifest, "s-1") };
}

describe("writeDeltaResource()", () => {
  test.each([0, 1, 10, 1000])("gives the wrapped resource or its body, %i hosts", (count) => {
    const resource = entry(Array.from({ length: count }, (_, index) => `host-${index}.example`));
    const whole = fromBinary(DiscoveryResponseSchema, resource.framed).resources[0];
    const body = fromBinary(ResourceSchema, whole?.value ?? new Uint8Array()).body;
    for (const [form, expected] of [["wrapped", whole], ["bare", body]] as const) {
      const writer = new WireWriter(16);
      writeDeltaResource(writer, resource, form);
      const bytes = writer.finish();
      expect(bytes.length).toBeLessThanOrEqual(resourceBytes(resource));
      const [read] = fromBinary(DeltaDiscoveryResponseSchema, bytes).resources;
      expect(read).toMatchObject({ name: resource.name, version: resource.version });
      expect(read?.resource).toEqual(expected);
    }
  });
});

describe("writeTombstone()", () => {
  test.each([undefined, "canary"])("gives metadata without a body, revision %s", (revision) => {
    const writer = new WireWriter(16);
    writeTombstone(writer, "shop/orders", "s-7", revision);
    const [any] = fromBinary(DiscoveryResponseSchema, writer.finish()).resources;
    const { metadata, body } = fromBinary(ResourceSchema, any?.value ?? new Uint8Array());
    expect(body).toBeUndefined();
    expect(metadata).toMatchObject({
      name: "shop/orders",
      version: "s-7",
      annotations: { ResourceVersion: "s-7" },
      labels: revision === undefined ? {} : { "istio.io/rev": revision },
    });
    expect(metadata?.createTime).toBeDefined();
  });
});
