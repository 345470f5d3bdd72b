/** Envoy adds up the weights of a locality in 32 bits, and refuses a cluster where that isn't enough. */
const largestSum = 0xffff_ffff;

/** Istio takes whole numbers: broken weights count in parts of a hundred. */
const fraction = 100;

/** The largest weight that each of so many endpoints may have. */
export function largestWeight(endpoints: number): number {
  return Math.floor(largestSum / Math.max(1, endpoints));
}

/**
 * Weights above 0 as Istio takes them, in the same order: whole numbers in about the same proportions, 1 at the least.
 * Undefined if all are the same, where none need be said.
 */
export function wholeWeights(weights: readonly number[]): number[] | undefined {
  if (weights.every((weight) => weight === weights[0])) return undefined;
  const factor = weights.every(Number.isInteger) ? 1 : fraction;
  const largest = largestWeight(weights.length);
  return weights.map((weight) => Math.min(Math.max(1, Math.round(weight * factor)), largest));
}
