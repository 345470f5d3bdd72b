import type { ServiceSelector } from "../../../shared/config/mod.ts";
import { labelMatcher } from "../../../shared/conversion/label-selector.ts";

/** The parameter, and the endpoint label, with a provider's methods. */
export const methodsKey = "methods";

/**
 * Methods as a label value, as slime writes them: sorted, joined by `.`, and every byte but letters, digits and `_` as
 * its two hexadecimal digits around a `-` (`$` is `2-4`).
 */
export function methodsLabel(methods: Iterable<string>): string {
  return [...methods].filter((method) => method !== "").sort().map(escapeMethod).join(".");
}

/** The methods of a `methods` parameter. */
export function methodsOf(parameter: string): string[] {
  return parameter.split(",");
}

function escapeMethod(method: string): string {
  if (/^[A-Za-z0-9_]*$/.test(method)) return method;
  let text = "";
  for (const byte of Buffer.from(method, "utf8")) {
    const character = String.fromCharCode(byte);
    const hex = byte.toString(16).padStart(2, "0");
    text += /[A-Za-z0-9_]/.test(character) ? character : `${hex.charAt(0)}-${hex.charAt(1)}`;
  }
  return text;
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
