import type { Violation } from "../../shared/istio/mod.ts";
import { normalizeForIstio, orderForSlime, validateManifest } from "../../shared/istio/mod.ts";
import { isServiceEntryManifest } from "../../shared/model/manifest-guard.ts";
import { Manifest } from "../../shared/model/manifest.ts";
import type { Profile } from "../../shared/model/profile.ts";
import type { ResourceId } from "../../shared/model/subject.ts";
import { errorText } from "../../shared/runtime/errors.ts";
import type { CachedResource } from "./cache.ts";
import { encodeResource } from "./encode/encode-resource.ts";

/** What became of a message: a resource to serve, and what is wrong with it. Without a resource it can't be served. */
export interface Presentation {
  readonly resource: CachedResource | undefined;
  readonly violations: readonly Violation[];
}

/**
 * The output stage: turns a message of the stream into what is served. Checks its form, brings it into the profile's
 * order, holds it against Istio's rules and encodes it. In the `istio` profile a resource that breaks a rule is not
 * served, because istiod would drop it without a word; in the `slime` profile it is (a patched istiod may take it).
 */
export function presentResource(
  subject: string,
  id: ResourceId,
  cursor: string,
  data: Uint8Array,
  profile: Profile,
): Presentation {
  const parsed = parseManifest(data, id);
  if (!("manifest" in parsed)) return { resource: undefined, violations: [parsed.violation] };
  const manifest = inProfile(parsed.manifest, profile);
  const errors = validateManifest(manifest).filter((violation) => violation.severity === "error");
  if (errors.length > 0 && profile === "istio") return { resource: undefined, violations: errors };
  const { framed, version } = encodeResource(manifest, cursor);
  const { metadata } = manifest;
  const resource: CachedResource = {
    subject,
    registry: id.registry,
    source: id.source,
    name: `${metadata.namespace}/${metadata.name}`,
    version,
    cursor,
    revision: metadata.labels?.["istio.io/rev"],
    endpoints: manifest.kind === "ServiceEntry" ? manifest.spec.endpoints?.length ?? 0 : 0,
    framed,
  };
  return { resource, violations: errors };
}

function inProfile(manifest: Manifest, profile: Profile): Manifest {
  if (manifest.kind !== "ServiceEntry") return manifest;
  return profile === "istio" ? normalizeForIstio(manifest) : orderForSlime(manifest);
}

function parseManifest(data: Uint8Array, id: ResourceId): { manifest: Manifest } | { violation: Violation } {
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
  if (metadata.name.includes("/") || metadata.namespace.includes("/")) {
    return malformed("metadata.name", "holds a slash, which xDS keeps for the border of namespace and name");
  }
  return { manifest };
}

function malformed(path: string, message: string): { violation: Violation } {
  return { violation: { rule: "M1", severity: "error", path, message } };
}
