import type { Violation } from "../../../shared/istio/mod.ts";
import { inProfile, validateManifest } from "../../../shared/istio/mod.ts";
import { isServiceEntryManifest } from "../../../shared/model/manifest-guard.ts";
import { takeManifest } from "../../../shared/model/manifest-bytes.ts";
import { illFormedName, Manifest, networkingApiVersion } from "../../../shared/model/manifest.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { Profile } from "../../../shared/model/profile.ts";
import type { ResourceId } from "../../../shared/model/subject.ts";
import { errorText } from "../../../shared/runtime/errors.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";
import { hostClaimOf } from "../conflicts/host-claim.ts";
import { decodeResource } from "./encode/decode-resource.ts";
import { encodeResource } from "./encode/encode-resource.ts";

/** A resource that may be served, before it is encoded: only its virtual addresses may be missing. */
export interface PreparedResource {
  readonly subject: string;
  readonly registry: string;
  readonly source: string;
  readonly cursor: string;
  readonly manifest: Manifest;
}

/** What became of a message: a resource that may be served, and what is wrong with it. */
export interface Preparation {
  readonly prepared: PreparedResource | undefined;
  readonly violations: readonly Violation[];
}

/** What became of a message: a resource to serve, and what is wrong with it. Without a resource it can't be served. */
export interface Presentation {
  readonly resource: CachedResource | undefined;
  readonly violations: readonly Violation[];
}

/**
 * The output stage: turns a message of the stream into what may be served. Checks its form, brings it into the
 * profile's, which leaves out endpoints that Envoy rejects, and holds it against Istio's rules. In the `istio` profile
 * a resource that breaks a rule is not served, because istiod would drop it without a word; in the `slime` profile it
 * is (a patched istiod may take it).
 */
export function prepareResource(
  subject: string,
  id: ResourceId,
  cursor: string,
  data: Uint8Array,
  profile: Profile,
): Preparation {
  const parsed = parseManifest(data, id);
  if (!("manifest" in parsed)) return { prepared: undefined, violations: [parsed.violation] };
  return prepareManifest(subject, id, cursor, parsed.manifest, profile);
}

/** {@link prepareResource} of a manifest whose form is known to be right. */
export function prepareManifest(
  subject: string,
  { registry, source }: ResourceId,
  cursor: string,
  given: Manifest,
  profile: Profile,
): Preparation {
  const { manifest, leftOut } = inProfile(given, profile);
  const errors = validateManifest(manifest).filter((violation) => violation.severity === "error");
  const violations = [...errors, ...leftOut];
  if (errors.length > 0 && profile === "istio") return { prepared: undefined, violations };
  return { prepared: { subject, registry, source, cursor, manifest }, violations };
}

/** Encodes what {@link prepareResource} gave. A ServiceEntry gets the addresses, unless there are none. */
export function encodePrepared(
  prepared: PreparedResource,
  addresses: readonly string[] = [],
): CachedResource {
  const { subject, registry, source, cursor } = prepared;
  const manifest = withAddresses(prepared.manifest, addresses);
  const { framed, version } = encodeResource(manifest, cursor);
  const { metadata } = manifest;
  return {
    subject,
    registry,
    source,
    name: `${metadata.namespace}/${metadata.name}`,
    version,
    cursor,
    revision: metadata.labels?.["istio.io/rev"],
    endpoints: manifest.kind === "ServiceEntry" ? manifest.spec.endpoints?.length ?? 0 : 0,
    claim: hostClaimOf(manifest),
    framed,
  };
}

/** The whole output stage for a resource that needs no virtual address, or is shown without. */
export function presentResource(
  subject: string,
  id: ResourceId,
  cursor: string,
  data: Uint8Array,
  profile: Profile,
): Presentation {
  const { prepared, violations } = prepareResource(subject, id, cursor, data, profile);
  return { resource: prepared && encodePrepared(prepared), violations };
}

/**
 * The manifest of a served resource, without our own bookkeeping and, if `virtual`, without its addresses: preparing
 * and encoding it again gives the same version. Undefined if it can't be one. For what is rare: the state on disk, and
 * an address that changes.
 */
export function manifestOf(kind: ResourceKind, framed: Uint8Array, virtual: boolean): Manifest | undefined {
  const decoded = decodeResource(kind, framed, true);
  const { name, namespace, labels, annotations, creationTimestamp, spec } = decoded;
  const parsed = Manifest.safeParse({
    apiVersion: networkingApiVersion,
    kind,
    metadata: { name, namespace, labels, annotations, ...(creationTimestamp && { creationTimestamp }) },
    spec,
  });
  if (!parsed.success || parsed.data.kind !== "ServiceEntry" || !virtual) return parsed.data;
  const { addresses: _virtual, ...others } = parsed.data.spec;
  return { ...parsed.data, spec: others };
}

function withAddresses(manifest: Manifest, addresses: readonly string[]): Manifest {
  if (manifest.kind !== "ServiceEntry" || addresses.length === 0) return manifest;
  return { ...manifest, spec: { ...manifest.spec, addresses: [...addresses] } };
}

function parseManifest(data: Uint8Array, id: ResourceId): { manifest: Manifest } | { violation: Violation } {
  const own = takeManifest(data);
  if (own !== undefined) return named(own, id);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch (error) {
    return malformed("", errorText(error));
  }
  if (isServiceEntryManifest(json)) return named(json, id);
  const parsed = Manifest.safeParse(json);
  if (parsed.success) return named(parsed.data, id);
  const [issue] = parsed.error.issues;
  return malformed(issue?.path.join(".") ?? "", issue?.message ?? "has another form");
}

/** The manifest, unless it is not the one that its subject names. */
function named(manifest: Manifest, id: ResourceId): { manifest: Manifest } | { violation: Violation } {
  const { kind, metadata } = manifest;
  if (kind !== id.kind || metadata.name !== id.name || metadata.namespace !== id.namespace) {
    return malformed("metadata", `names ${kind} ${metadata.namespace}/${metadata.name}, unlike its subject`);
  }
  const ill = illFormedName(manifest);
  if (ill !== undefined) return malformed("metadata.name", ill);
  if (metadata.name.includes("/") || metadata.namespace.includes("/")) {
    return malformed("metadata.name", "holds a slash, which xDS keeps for the border of namespace and name");
  }
  return { manifest };
}

function malformed(path: string, message: string): { violation: Violation } {
  return { violation: { rule: "M1", severity: "error", path, message } };
}
