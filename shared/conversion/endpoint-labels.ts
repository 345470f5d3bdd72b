import type { LabelCopy } from "../config/mod.ts";
import type { Profile } from "../model/profile.ts";

/** What decides about an endpoint's labels, besides the instance itself. */
export interface LabelRules {
  readonly profile: Profile;
  /** SKIP_VALIDATE_LABEL_VALUE. */
  readonly skipValidateLabelValue: boolean;
  /** `instanceId` loses its colons, as in slime's Nacos source; without, it is a label value like any other. */
  readonly cleansInstanceId: boolean;
  /** ENDPOINT_RELABEL_ITEMS. */
  readonly endpointRelabelItems: readonly LabelCopy[];
}

/** The Java type of the metadata map: it says nothing of the instance. */
const javaType = "@class";

/** No key of a JavaScript object. */
const noKey = "__proto__";

const word = "(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const dnsLabel = "[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?";
const keyForm = new RegExp(`^(?:(${dnsLabel}(?:\\.${dnsLabel})*)/)?(${word})$`);
const valueForm = new RegExp(`^(?:${word})?$`);

function isKey(key: string): boolean {
  const match = keyForm.exec(key);
  return match !== null && (match[1]?.length ?? 0) <= 253 && (match[2]?.length ?? 0) <= 63;
}

/**
 * The labels of an endpoint from an instance's metadata, sorted by key: registries answer them in any order. What Kubernetes wouldn't take as a label is dropped in the `slime` profile, as
 * slime does; in the `istio` profile it is kept here and made valid by the output stage.
 */
export function endpointLabels(
  metadata: Readonly<Record<string, string>>,
  rules: LabelRules,
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const key of Object.keys(metadata).sort()) {
    if (key === javaType || key === noKey) continue;
    const raw = metadata[key] ?? "";
    const value = rules.cleansInstanceId && key === "instanceId" ? raw.replaceAll(":", "_") : raw;
    if (rules.profile === "slime" && !isKey(key)) continue;
    if (rules.profile === "slime" && !rules.skipValidateLabelValue && !valueForm.test(value)) continue;
    labels[key] = value;
  }
  for (const { from, to } of rules.endpointRelabelItems) {
    if (!Object.hasOwn(labels, from) || to === noKey) continue;
    if (to !== javaType || rules.profile === "slime") labels[to] = labels[from] ?? "";
  }
  return labels;
}
