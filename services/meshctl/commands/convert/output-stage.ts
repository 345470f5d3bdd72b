import { compareCodePoints, inProfile, validateManifest } from "../../../../shared/istio/mod.ts";
import type { Violation } from "../../../../shared/istio/mod.ts";
import type { Manifest } from "../../../../shared/model/manifest.ts";
import type { Profile } from "../../../../shared/model/profile.ts";
import { addressedHost } from "../../../../shared/istio/addressed-host.ts";
import type { Addressed } from "../../../../shared/istio/addressed-host.ts";

/** A manifest as the aggregator would serve it, with what is wrong with it. */
export interface StagedManifest {
  readonly manifest: Manifest;
  readonly violations: readonly Violation[];
  /** False if the aggregator would hold it back. */
  readonly served: boolean;
  /**
   * True if the aggregator would give its host a virtual address. Which one is written down where all aggregators look
   * it up, so a dry run can't know it.
   */
  readonly addressed: boolean;
}

/**
 * What the aggregator does to each manifest before it serves it: the profile's order and repairs, then Istio's rules.
 * In the `istio` profile an error keeps it from being served; a slash in its name does in both, because xDS has no way
 * to write it. Sorted by kind, namespace and name.
 */
export function stageManifests(
  manifests: readonly Manifest[],
  profile: Profile,
  addressed: Addressed = "none",
): StagedManifest[] {
  return manifests.map((manifest) => stage(manifest, profile, addressed)).sort((a, b) =>
    byIdentity(a.manifest, b.manifest)
  );
}

function stage(converted: Manifest, profile: Profile, who: Addressed): StagedManifest {
  const { manifest, leftOut } = inProfile(converted, profile);
  const { name, namespace } = manifest.metadata;
  const addressed = manifest.kind === "ServiceEntry" && addressedHost(manifest.spec, who) !== undefined;
  // S5 is that an address is missing.
  const violations = validateManifest(manifest).filter(({ rule }) => !(addressed && rule === "S5"));
  violations.push(...leftOut);
  if (name.includes("/") || namespace.includes("/")) {
    const message =
      `"${namespace}/${name}" holds a slash too many, xDS keeps it for the border of namespace and name`;
    violations.unshift({ rule: "M1", severity: "error", path: "metadata.name", message });
    return { manifest, violations, served: false, addressed: false };
  }
  const hasError = violations.some(({ severity }) => severity === "error");
  const served = profile === "slime" || !hasError;
  return { manifest, violations, served, addressed: addressed && served };
}

function byIdentity(a: Manifest, b: Manifest): number {
  return compareCodePoints(a.kind, b.kind) ||
    compareCodePoints(a.metadata.namespace, b.metadata.namespace) ||
    compareCodePoints(a.metadata.name, b.metadata.name);
}
