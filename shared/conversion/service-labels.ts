import type { LabelSelectorKey } from "../config/mod.ts";
import type { WorkloadEntry } from "../model/manifest.ts";
import type { Profile } from "../model/profile.ts";

/**
 * Labels that a ServiceEntry takes over from its endpoints (SE_LABEL_SELECTOR_KEYS): the first endpoint, in the order
 * given, that has the key decides. `$host` stands for the first host and comes last. The first item for a label wins.
 * Slime's `append` doesn't append; in its profile the value gets slime's comma.
 */
export function serviceLabels(
  keys: readonly LabelSelectorKey[],
  endpoints: readonly WorkloadEntry[],
  hosts: readonly string[],
  profile: Profile,
): Record<string, string> {
  const labels = new Map<string, string>();
  const plainFirst = [
    ...keys.filter((item) => !item.key.startsWith("$")),
    ...keys.filter((item) => item.key === "$host"),
  ];
  for (const { key, label, append } of plainFirst) {
    if (labels.has(label)) continue;
    const value = key === "$host" ? hosts[0] : firstValue(endpoints, key);
    if (value !== undefined) labels.set(label, append && profile === "slime" ? `,${value}` : value);
  }
  return Object.fromEntries(labels);
}

function firstValue(endpoints: readonly WorkloadEntry[], key: string): string | undefined {
  for (const { labels } of endpoints) {
    if (labels !== undefined && Object.hasOwn(labels, key)) return labels[key];
  }
  return undefined;
}
