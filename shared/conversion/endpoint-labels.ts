import type { LabelCopy } from "../config/mod.ts";
import type { Profile } from "../model/profile.ts";

/** What decides about an endpoint's labels, besides the instance itself. */
export interface LabelRules {
  readonly profile: Profile;
  /** SKIP_VALIDATE_LABEL_VALUE. */
  readonly skipValidateLabelValue: boolean;
  /** ENDPOINT_RELABEL_ITEMS. */
  readonly endpointRelabelItems: readonly LabelCopy[];
}

/** Keys that describe the Java type of the metadata map, not the instance. */
const typeKeys: ReadonlySet<string> = new Set(["@class"]);

const word = "(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const dnsLabel = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?";
const keyForm = new RegExp(`^(?:(${dnsLabel}(?:\\.${dnsLabel})*)/)?(${word})$`);
const valueForm = new RegExp(`^(?:${word})?$`);

function isKey(key: string): boolean {
  const match = keyForm.exec(key);
  return match !== null && (match[1]?.length ?? 0) <= 253 && (match[2]?.length ?? 0) <= 63;
}

/**
 * The labels of an endpoint from an instance's metadata, sorted by key: registries answer them in any order. As slime,
 * an `instanceId` loses its colons. What Kubernetes wouldn't take as a label is dropped in the `slime` profile, as
 * slime does; in the `istio` profile it is kept here and made valid by the output stage.
 */
export function endpointLabels(
  metadata: Readonly<Record<string, string>>,
  rules: LabelRules,
): Record<string, string> {
  const labels: [key: string, value: string][] = [];
  for (const [key, raw] of Object.entries(metadata)) {
    if (typeKeys.has(key)) continue;
    const value = key === "instanceId" ? raw.replaceAll(":", "_") : raw;
    if (rules.profile === "slime" && !isKey(key)) continue;
    if (rules.profile === "slime" && !rules.skipValidateLabelValue && !valueForm.test(value)) continue;
    labels.push([key, value]);
  }
  if (rules.endpointRelabelItems.length > 0) relabel(labels, rules.endpointRelabelItems);
  return Object.fromEntries(labels.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
}

/** Copies labels: in the order of the items, each seeing what the ones before it did. */
function relabel(labels: [key: string, value: string][], items: readonly LabelCopy[]): void {
  const byKey = new Map(labels);
  for (const { from, to } of items) {
    const value = byKey.get(from);
    if (value !== undefined) byKey.set(to, value);
  }
  labels.splice(0, labels.length, ...byKey);
}
