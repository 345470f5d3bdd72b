import { compareCodePoints } from "./code-point-order.ts";
import { isLabelKey, isLabelKeyPrefix, isLabelValue } from "./names.ts";

type Labels = Record<string, string>;

const nameLength = 63;

const notAllowed = /[^-_.A-Za-z0-9]/gu;

/** Replaces each character that a label can't hold by `_`, then cuts what isn't a letter or digit off both ends. */
function repairText(text: string): string {
  return trimEnds(text.replaceAll(notAllowed, "_"));
}

function trimEnds(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && "-_.".includes(text.charAt(start))) start++;
  while (end > start && "-_.".includes(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/**
 * A label value that Istio accepts (S9): the value itself if it is one, else with `_` for each character that isn't
 * allowed and without punctuation at its ends: `a b/c` is `a_b_c`, `(x)` is `x`, `{}` is the empty value.
 */
export function repairLabelValue(value: string): string {
  return isLabelValue(value) ? value : repairText(value);
}

/**
 * A label key that Istio accepts (S9), or undefined if nothing of it is usable. A valid prefix before the first `/`
 * stays a prefix, else it becomes part of the name; a name above 63 characters is cut.
 */
export function repairLabelKey(key: string): string | undefined {
  if (isLabelKey(key)) return key;
  const slash = key.indexOf("/");
  const hasPrefix = slash !== -1 && isLabelKeyPrefix(key.slice(0, slash));
  const name = trimEnds(repairText(hasPrefix ? key.slice(slash + 1) : key).slice(0, nameLength));
  if (name === "") return undefined;
  return hasPrefix ? `${key.slice(0, slash + 1)}${name}` : name;
}

/** The same keys with valid values; the very same object if they are valid already. */
function withValidValues(labels: Labels): Labels {
  let result: Record<string, string> | undefined;
  for (const key in labels) {
    const value = labels[key] ?? "";
    if (isLabelValue(value)) continue;
    result ??= { ...labels };
    result[key] = repairLabelValue(value);
  }
  return result ?? labels;
}

function areKeysValid(labels: Labels): boolean {
  for (const key in labels) {
    if (!isLabelKey(key)) return false;
  }
  return true;
}

/**
 * Labels that Istio accepts; the very same object if they are fine. A label is dropped only if nothing of its key is
 * usable, or if the repaired key is taken: by a valid key, or by one that comes first in code point order.
 */
export function repairLabels(labels: Labels): Labels {
  if (areKeysValid(labels)) return withValidValues(labels);
  const kept = new Map<string, string>();
  const invalid: [string, string][] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (isLabelKey(key)) kept.set(key, repairLabelValue(value));
    else invalid.push([key, value]);
  }
  invalid.sort(([a], [b]) => compareCodePoints(a, b));
  for (const [key, value] of invalid) {
    const name = repairLabelKey(key);
    if (name !== undefined && !kept.has(name)) kept.set(name, repairLabelValue(value));
  }
  return Object.fromEntries(kept);
}
