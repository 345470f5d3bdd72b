import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { DiscoveryResponseSchema } from "../../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { SidecarSchema } from "../../../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import type { ResourceKind } from "../../../../shared/model/manifest.ts";

/** A served resource as an object, for the debug API. */
export interface DecodedResource {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; undefined if the resource has none. */
  readonly creationTimestamp: string | undefined;
  /** proto3 JSON: camelCase, enums by name, zero values left out. */
  readonly spec: JsonValue;
}

/**
 * Undoes `encodeResource`. The bytes are our own, so a failure to decode is a bug and is thrown as it is. `withZeros`
 * writes the zero values of fields, too, as a manifest's form wants some of them.
 */
export function decodeResource(kind: ResourceKind, framed: Uint8Array, withZeros = false): DecodedResource {
  const any = fromBinary(DiscoveryResponseSchema, framed).resources[0];
  const resource = fromBinary(ResourceSchema, any?.value ?? new Uint8Array());
  const { metadata } = resource;
  const fullName = metadata?.name ?? "";
  const slash = fullName.indexOf("/");
  return {
    namespace: fullName.slice(0, slash),
    name: fullName.slice(slash + 1),
    version: metadata?.version ?? "",
    labels: metadata?.labels ?? {},
    annotations: metadata?.annotations ?? {},
    creationTimestamp: metadata?.createTime === undefined
      ? undefined
      : timestampDate(metadata.createTime).toISOString(),
    spec: decodeSpec(kind, resource.body?.value ?? new Uint8Array(), withZeros),
  };
}

function decodeSpec(kind: ResourceKind, body: Uint8Array, alwaysEmitImplicit: boolean): JsonValue {
  switch (kind) {
    case "ServiceEntry":
      return toJson(ServiceEntrySchema, fromBinary(ServiceEntrySchema, body), { alwaysEmitImplicit });
    case "Sidecar":
      return toJson(SidecarSchema, fromBinary(SidecarSchema, body), { alwaysEmitImplicit });
  }
}
