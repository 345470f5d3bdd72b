import type { ServiceSelector } from "../../config/mod.ts";
import { labelMatcher } from "../../conversion/label-selector.ts";
import type { Profile } from "../../model/profile.ts";
import { splitList } from "./dubbo-list.ts";

/** The parameter, and the endpoint label, with a provider's methods. */
export const methodsKey = "methods";

/**
 * Methods as a label value, as slime writes them: sorted by their bytes, joined by `.`, and every byte but letters,
 * digits and `_` as its two hexadecimal digits around a `-` (`$` is `2-4`).
 */
export function methodsLabel(methods: Iterable<string>): string {
  return [...methods].filter((method) => method !== "").map(byteText).sort().map(escapeMethod).join(".");
}

/** The methods of a `methods` parameter; slime takes white space around a comma for a part of them. */
export function methodsOf(parameter: string, profile: Profile): string[] {
  return profile === "slime" ? parameter.split(",") : splitList(parameter);
}

/**
 * A text with one character for each byte of its UTF-8 form, so that texts compare as their bytes do. A byte that was no
 * UTF-8 stands in a text as a surrogate (0xff as U+DCFF, see `parse-slime-url.ts`).
 */
function byteText(text: string): string {
  return text.replaceAll(/\P{ASCII}/gu, (character) => {
    const code = character.charCodeAt(0);
    return code >= 0xdc80 && code <= 0xdcff
      ? String.fromCharCode(code - 0xdc00)
      : Buffer.from(character, "utf8").toString("latin1");
  });
}

function escapeMethod(bytes: string): string {
  return bytes.replaceAll(/[^A-Za-z0-9_]/g, (byte) => {
    const hex = byte.charCodeAt(0).toString(16).padStart(2, "0");
    return `${hex.charAt(0)}-${hex.charAt(1)}`;
  });
}

/**
 * Whether a service's load is balanced by method (`methodLbServiceSelectors`): without selectors no service's is. One
 * without `invert` makes the list a list of those that are; else it is a list of those that aren't. `{invert: true}`
 * alone names nobody, so that all are. A selector that Kubernetes wouldn't take matches nothing.
 */
export function methodBalancing(
  selectors: readonly ServiceSelector[],
): (labels: Readonly<Record<string, string>>) => boolean {
  if (selectors.length === 0) return () => false;
  const allowing = selectors.filter(({ invert }) => !invert);
  const matchers = (allowing.length > 0 ? allowing : selectors).map((selector) => labelMatcher(selector));
  return (labels) =>
    matchers.some((matcher) => typeof matcher === "function" && matcher(labels)) === allowing.length > 0;
}
