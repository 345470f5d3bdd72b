import type { Manifest, ObjectMeta } from "../model/manifest.ts";
import { checkServiceEntry } from "./validate-service-entry.ts";
import { checkSidecar } from "./validate-sidecar.ts";
import { Findings, quote } from "./violation.ts";
import type { Violation } from "./violation.ts";

/** Annotations that istiod keeps to itself (or to another kind), by name, with the reason. */
const forbiddenAnnotations: readonly (readonly [string, string])[] = [
  ["istio.io/dry-run", "Istio wants it only on an AuthorizationPolicy"],
  ["internal.istio.io/webhook-always-reject", "Istio rejects whatever carries it"],
  ["internal.istio.io/parents", "Istio keeps it for resources that it makes itself"],
  ["internal.istio.io/parent-namespace", "Istio keeps it for resources that it makes itself"],
];

/** M1. Names, namespaces and the contents of labels and annotations are otherwise free. */
function checkMetadata(metadata: ObjectMeta, findings: Findings): void {
  const { annotations } = metadata;
  if (annotations === undefined) return;
  for (const [name, reason] of forbiddenAnnotations) {
    if (!Object.hasOwn(annotations, name)) continue;
    findings.error("M1", `metadata.annotations[${quote(name)}]`, `annotation ${quote(name)}: ${reason}`);
  }
}

/**
 * What a stock istiod has against a manifest: the rules of its package `pkg/config/validation`, checked against the
 * real `istioctl validate` (`test/istio/istioctl.real.test.ts`). No error means that istiod takes it. Errors come
 * first; at most 100 errors and 100 warnings are kept.
 */
export function validateManifest(manifest: Manifest): Violation[] {
  const findings = new Findings();
  checkMetadata(manifest.metadata, findings);
  if (manifest.kind === "ServiceEntry") checkServiceEntry(manifest, findings);
  else checkSidecar(manifest, findings);
  return findings.list();
}
