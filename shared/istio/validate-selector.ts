import type { z } from "zod";
import type { WorkloadSelector } from "../model/manifest.ts";
import { quote } from "./violation.ts";
import type { Findings, Rule } from "./violation.ts";

/**
 * The rules about `spec.workloadSelector`, alike for ServiceEntry (S2) and Sidecar (C1). Answers false on an error:
 * istiod then looks at nothing else, and so do we.
 */
export function checkSelector(
  selector: z.infer<typeof WorkloadSelector> | undefined,
  rule: Rule,
  findings: Findings,
): boolean {
  if (selector === undefined) return true;
  const labels = Object.entries(selector.labels ?? {});
  if (labels.length === 0) {
    findings.warning(
      rule,
      "spec.workloadSelector.labels",
      "no labels: the selector selects every workload of the namespace; Istio wants at least one label",
    );
  }
  let usable = true;
  for (const [key, value] of labels) {
    const path = `spec.workloadSelector.labels[${quote(key)}]`;
    if (key === "") {
      findings.error(rule, path, `empty key with the value ${quote(value)}: Istio wants a label key`);
      usable = false;
    }
    if (key.includes("*") || value.includes("*")) {
      const label = quote(`${key}=${value}`);
      findings.error(rule, path, `wildcard in ${label}: Istio compares selectors literally and forbids "*"`);
      usable = false;
    }
  }
  return usable;
}
