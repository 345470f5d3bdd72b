import type { CompareRequest } from "../../../shared/api/compare.ts";
import type { ConvertRequest } from "../../../shared/api/convert.ts";

/** What the API is asked for a pasted text. */
export type DryRunQuestion =
  | { readonly path: "/compare"; readonly body: CompareRequest }
  | { readonly path: "/convert"; readonly body: ConvertRequest };

/**
 * The question for a text: to compare, if it has resources of Istio (an array of them, as `meshctl convert -o json`
 * prints it, one of them, or a body of `/api/v1/compare`), else to convert it as an answer of the source's registry. Without a text
 * the registry is read anew.
 * What each of them holds is the aggregator's to check.
 * @throws SyntaxError if it begins as JSON and is none
 */
export function dryRunQuestion(source: string, text: string, configuration: string): DryRunQuestion {
  const given: unknown = /^\s*[[{]/.test(text) ? JSON.parse(text) : undefined;
  const manifests = manifestsIn(given);
  if (manifests !== undefined) return { path: "/compare", body: { source, manifests: [...manifests] } };
  const more = configuration.trim() === "" ? {} : { configuration };
  const answer = text.trim() === "" ? {} : { answer: text };
  return { path: "/convert", body: { source, ...answer, ...more } };
}

function manifestsIn(given: unknown): readonly unknown[] | undefined {
  if (typeof given === "object" && given !== null && "manifests" in given && Array.isArray(given.manifests)) {
    return given.manifests;
  }
  const items: readonly unknown[] = Array.isArray(given) ? given : [given];
  return items.length > 0 && items.every(isOfIstio) ? items : undefined;
}

function isOfIstio(item: unknown): boolean {
  return typeof item === "object" && item !== null && "apiVersion" in item &&
    typeof item.apiVersion === "string" && item.apiVersion.startsWith("networking.istio.io/");
}
