import type { LabelSelectorKey } from "../config/mod.ts";
import type { WorkloadEntry } from "../model/manifest.ts";

/**
 * Labels that a ServiceEntry takes over from its endpoints (SE_LABEL_SELECTOR_KEYS): the first endpoint, in the order
 * given, that has the key decides. `$host` stands for the first host. The first item for a label wins.
 */
export function serviceLabels(
  keys: readonly LabelSelectorKey[],
  endpoints: readonly WorkloadEntry[],
  hosts: readonly string[],
): Record<string, string> {
  const labels: Record<string, string> = {};
  const plainFirst = [
    ...keys.filter((item) => !item.key.startsWith("$")),
    ...keys.filter((item) => item.key === "$host"),
  ];
  for (const { key, label } of plainFirst) {
    if (labels[label] !== undefined) continue;
    const value = key === "$host"
      ? hosts[0]
      : endpoints.find((endpoint) => endpoint.labels?.[key] !== undefined)?.labels?.[key];
    if (value !== undefined) labels[label] = value;
  }
  return labels;
}
