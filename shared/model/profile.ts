/**
 * How resources look: `istio` is what every stock istiod takes; `slime` is byte-compatible with slime and needs an
 * istiod that is patched for it.
 */
export const profiles = ["istio", "slime"] as const;
export type Profile = (typeof profiles)[number];
