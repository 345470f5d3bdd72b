import { isLabelKey, isLabelValue } from "../istio/mod.ts";

/** A Kubernetes label selector as the configuration has it. Without either key it is no selector at all. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[]
    | undefined;
}

/** Tells whether labels fulfil a selector. */
export type LabelMatcher = (labels: Readonly<Record<string, string>>) => boolean;

/**
 * Compiles a selector: all its conditions must hold, and one without conditions matches everything. Undefined if there
 * is no selector; `"invalid"` if Kubernetes wouldn't take it (an unknown operator, values where none belong, …).
 */
export function labelMatcher(selector: LabelSelector): LabelMatcher | "invalid" | undefined {
  const { matchLabels, matchExpressions } = selector;
  if (matchLabels === undefined && matchExpressions === undefined) return undefined;
  const conditions: LabelMatcher[] = [];
  for (const [key, value] of Object.entries(matchLabels ?? {})) {
    if (!isSelectorKey(key) || !isSelectorValue(value)) return "invalid";
    conditions.push((labels) => labels[key] === value);
  }
  for (const { key, operator, values } of matchExpressions ?? []) {
    const condition = isSelectorKey(key) && values.every(isSelectorValue)
      ? expression(key, operator, new Set(values))
      : undefined;
    if (condition === undefined) return "invalid";
    conditions.push(condition);
  }
  return (labels) => conditions.every((condition) => condition(labels));
}

/** Kubernetes wants prefixes in lower case, other than Istio. */
function isSelectorKey(key: string): boolean {
  return isLabelKey(key) && !/[A-Z].*\//.test(key);
}

/** Kubernetes limits values to 63 characters, other than Istio. */
function isSelectorValue(value: string): boolean {
  return value.length <= 63 && isLabelValue(value);
}

function expression(key: string, operator: string, values: ReadonlySet<string>): LabelMatcher | undefined {
  if ((operator === "In" || operator === "NotIn") === (values.size === 0)) return undefined;
  switch (operator) {
    case "In":
      return (labels) => hasOneOf(labels, key, values);
    case "NotIn":
      return (labels) => !hasOneOf(labels, key, values);
    case "Exists":
      return (labels) => Object.hasOwn(labels, key);
    case "DoesNotExist":
      return (labels) => !Object.hasOwn(labels, key);
    default:
      return undefined;
  }
}

function hasOneOf(
  labels: Readonly<Record<string, string>>,
  key: string,
  values: ReadonlySet<string>,
): boolean {
  const value = labels[key];
  return value !== undefined && values.has(value);
}
