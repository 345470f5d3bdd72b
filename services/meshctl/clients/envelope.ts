import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Resource as DeltaResource } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import type { Resource } from "../../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { SidecarSchema } from "../../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { ShownResource } from "../output/resource.ts";
import { splitTypeUrl } from "./type-url.ts";

/** A resource as a server sent it. */
export interface SentResource {
  /** `<namespace>/<name>`. */
  readonly name: string;
  /** What clients compare; empty if the server has none. */
  readonly version: string;
  /** An `istio.mcp.v1alpha1.Resource`: encoded, because most of a large catalogue is never looked at again. */
  readonly bytes: Uint8Array;
}

const mcpResource = "istio.mcp.v1alpha1.Resource";
const bodies = "istio.networking.v1alpha3.";

/** Opens what the dialects put around a body. Answers what is wrong with it, if it can't be used. */
export function openEnvelope(any: Any): SentResource & { readonly hasBody: boolean } | string {
  if (messageName(any.typeUrl) !== mcpResource) {
    return `is ${any.typeUrl || "of no type"}, not ${mcpResource}`;
  }
  let resource: Resource;
  try {
    resource = fromBinary(ResourceSchema, any.value);
  } catch (error) {
    return `can't be decoded (${errorText(error)})`;
  }
  const { name = "", version = "" } = resource.metadata ?? {};
  if (!isFullName(name)) return `has the name "${name}", not namespace/name`;
  const spec = resource.body === undefined ? undefined : decodeBody(resource.body);
  return spec instanceof Error
    ? `${name} has a body that can't be decoded (${errorText(spec)})`
    : { name, version, bytes: any.value, hasBody: resource.body !== undefined };
}

/**
 * Opens a resource of the Delta protocol, which has name and version of its own, around an `istio.mcp.v1alpha1.Resource`
 * or a bare body. Answers what is wrong with it, if it can't be used; `problems` are what is merely odd.
 */
export function openDeltaResource(
  { name, version, resource }: DeltaResource,
): { readonly sent: SentResource; readonly problems: readonly string[] } | string {
  if (resource === undefined) return `${name || "without a name"} has no content`;
  if (messageName(resource.typeUrl).startsWith(bodies)) {
    if (!isFullName(name)) return `has the name "${name}", not namespace/name`;
    const spec = decodeBody(resource);
    if (spec instanceof Error) return `${name} has a body that can't be decoded (${errorText(spec)})`;
    const wrapped = create(ResourceSchema, { metadata: { name, version }, body: resource });
    return { sent: { name, version, bytes: toBinary(ResourceSchema, wrapped) }, problems: [] };
  }
  const envelope = openEnvelope(resource);
  if (typeof envelope === "string") return envelope;
  if (!envelope.hasBody) return `${envelope.name} has no body`;
  const problems: string[] = [];
  if (name !== envelope.name) {
    problems.push(
      `the resource "${name}" has the name ${envelope.name} inside; it can be removed by the former only`,
    );
  }
  if (version !== envelope.version && envelope.version !== "") {
    problems.push(`${name} has the version "${version}" outside and "${envelope.version}" inside`);
  }
  // Without a name of its own there is only the inner one to know it by.
  return { sent: { name: name || envelope.name, version, bytes: envelope.bytes }, problems };
}

/** Decodes a resource, to show it as one of the type that was asked for. */
export function showResource(typeUrl: string, bytes: Uint8Array): ShownResource {
  const { metadata, body } = fromBinary(ResourceSchema, bytes);
  const [namespace = "", name = ""] = (metadata?.name ?? "").split("/");
  const spec = body === undefined ? undefined : decodeBody(body);
  const { labels = {}, annotations = {}, createTime } = metadata ?? {};
  return {
    ...splitTypeUrl(typeUrl),
    metadata: {
      name,
      namespace,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(createTime === undefined ? {} : { creationTimestamp: timestampDate(createTime).toISOString() }),
    },
    spec: spec instanceof Error ? undefined : spec,
  };
}

function isFullName(name: string): boolean {
  return name.split("/").length === 2;
}

/** The spec in Istio's JSON; its type and its bytes for the kinds that we have no form of. */
function decodeBody({ typeUrl, value }: Any): unknown {
  try {
    switch (messageName(typeUrl)) {
      case "istio.networking.v1alpha3.ServiceEntry":
        return toJson(ServiceEntrySchema, fromBinary(ServiceEntrySchema, value));
      case "istio.networking.v1alpha3.Sidecar":
        return toJson(SidecarSchema, fromBinary(SidecarSchema, value));
      default:
        // Enough to see that it changed.
        return { "@type": typeUrl, value: Buffer.from(value).toString("base64") };
    }
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Only what follows the last slash of an Any's type URL counts. */
function messageName(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}
