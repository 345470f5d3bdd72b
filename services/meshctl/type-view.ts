import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DiscoveryResponse } from "../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import { ResourceSchema } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import type { Resource } from "../../protos/gen/istio/mcp/v1alpha1/resource_pb.ts";
import { ServiceEntrySchema } from "../../protos/gen/istio/networking/v1alpha3/service_entry_pb.ts";
import { SidecarSchema } from "../../protos/gen/istio/networking/v1alpha3/sidecar_pb.ts";
import { compareCodePoints } from "../../shared/istio/mod.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import { isSameContent } from "./resource.ts";
import type { Change, ShownResource } from "./resource.ts";
import { splitTypeUrl } from "./type-url.ts";

/** What a response changed, and what is odd about it. */
export interface AppliedResponse {
  readonly changes: readonly Change[];
  /** How many resources the response had. */
  readonly count: number;
  /** Sentences about resources that istiod would not take as they are. */
  readonly problems: readonly string[];
}

/** One resource as it was sent: kept encoded, because a large catalogue is mostly never looked at again. */
interface Known {
  readonly bytes: Uint8Array;
  readonly version: string;
}

const mcpResource = "istio.mcp.v1alpha1.Resource";

/**
 * What an istiod holds of one type: each response replaces the whole, and what is missing is deleted. Survives
 * reconnects, so that afterwards only real changes show.
 */
export class TypeView {
  readonly typeUrl: string;
  #known = new Map<string, Known>();

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  /** Applies a response by istiod's rules: what can't be decoded counts as missing. Changes are sorted by name. */
  apply({ resources }: DiscoveryResponse): AppliedResponse {
    const before = this.#known;
    const problems: string[] = [];
    const changes: Change[] = [];
    const now = new Map<string, Known>();
    for (const [index, any] of resources.entries()) {
      const envelope = openEnvelope(any);
      if (typeof envelope === "string") {
        problems.push(`resource ${index + 1} of ${this.typeUrl}: ${envelope}; istiod would skip it`);
        continue;
      }
      const { name, version } = envelope;
      if (now.has(name)) problems.push(`${name} comes twice in one response; the later one wins`);
      now.set(name, { bytes: any.value, version });
    }
    for (const [name, known] of now) {
      const change = this.#compare(name, known, before.get(name), problems);
      if (change !== undefined) changes.push(change);
    }
    for (const [name, known] of before) {
      if (now.has(name)) continue;
      changes.push({ change: "deleted", resource: this.#show(known), origin: { version: known.version } });
    }
    this.#known = now;
    changes.sort((a, b) => byName(a.resource, b.resource));
    return { changes, count: now.size, problems };
  }

  #compare(name: string, now: Known, before: Known | undefined, problems: string[]): Change | undefined {
    if (before === undefined) {
      return { change: "added", resource: this.#show(now), origin: { version: now.version } };
    }
    const sameVersion = now.version === before.version;
    if (sameVersion && Buffer.compare(now.bytes, before.bytes) === 0) return undefined;
    const [resource, old] = [this.#show(now), this.#show(before)];
    if (sameVersion && isSameContent(resource, old)) return undefined;
    if (sameVersion && now.version !== "") {
      problems.push(`${name} has other content under the same version ${now.version}: istiod ignores it`);
    }
    return { change: "updated", resource, before: old, origin: { version: now.version } };
  }

  #show({ bytes }: Known): ShownResource {
    return showResource(this.typeUrl, fromBinary(ResourceSchema, bytes));
  }
}

function byName({ metadata: a }: ShownResource, { metadata: b }: ShownResource): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.name, b.name);
}

/** Name and version of a resource, or what is wrong with it. */
function openEnvelope(any: Any): { readonly name: string; readonly version: string } | string {
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
  if (name.split("/").length !== 2) return `has the name "${name}", not namespace/name`;
  if (resource.body === undefined) return `${name} has no body`;
  const spec = decodeBody(resource.body);
  return spec instanceof Error
    ? `${name} has a body that can't be decoded (${errorText(spec)})`
    : { name, version };
}

function showResource(typeUrl: string, { metadata, body }: Resource): ShownResource {
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
