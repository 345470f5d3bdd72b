import { largestWeight } from "../../conversion/endpoint-weights.ts";
import type { DubboUrl } from "./dubbo-url.ts";
import { parameterOf } from "./dubbo-url.ts";

const defaultWeight = 100;

/** A provider's weight as Dubbo reads it: 100 if it has none or no number, 0 at the least. */
export function weightOf(url: DubboUrl): number {
  const text = parameterOf(url, "weight");
  if (text === "" || !/^[-+]?[0-9]{1,10}$/.test(text)) return defaultWeight;
  return Math.max(0, Number(text));
}

/** Weights as Istio takes them; undefined if all are the same, where none need be said. */
export function endpointWeights(urls: readonly DubboUrl[]): number[] | undefined {
  const weights = urls.map(weightOf);
  if (weights.every((weight) => weight === weights[0])) return undefined;
  const largest = largestWeight(weights.length);
  return weights.map((weight) => Math.min(weight, largest));
}

/** Whether a provider is switched off: `disabled` has the last word, where there is one. */
export function isSwitchedOff({ parameters: { disabled, enabled } }: DubboUrl): boolean {
  return disabled === undefined || disabled === "" ? enabled === "false" : disabled === "true";
}
