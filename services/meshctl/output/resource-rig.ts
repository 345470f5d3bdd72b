import { create, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { ResourceSchema } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";

/** The type that tests of meshctl's clients are about. */
export const typeUrl = "networking.istio.io/v1/ServiceEntry";

const mcp = "type.googleapis.com/istio.mcp.v1alpha1.Resource";

/** Anything, as a server sends it. */
export function anyOf(typeUrl: string, value: Uint8Array): Any {
  return create(AnySchema, { typeUrl, value });
}

/** The body of a ServiceEntry with these hosts. */
export function bodyOf(hosts: readonly string[]): Any {
  const spec = toBinary(ServiceEntrySchema, create(ServiceEntrySchema, { hosts: [...hosts] }));
  return anyOf("type.googleapis.com/istio.networking.v1alpha3.ServiceEntry", spec);
}

/** A resource in istiod's envelope; without hosts it has no body. */
export function wrapped(
  name: string,
  version: string,
  hosts: readonly string[] | undefined,
  cursor = "1",
): Any {
  const metadata = { name, version, annotations: { ResourceVersion: cursor } };
  const body = hosts === undefined ? {} : { body: bodyOf(hosts) };
  return anyOf(mcp, toBinary(ResourceSchema, create(ResourceSchema, { metadata, ...body })));
}

/** Bytes in that envelope that are none. */
export function broken(): Any {
  return anyOf(mcp, Uint8Array.of(255));
}
