import type { Config } from "../config/mod.ts";
import type { ShrinkPolicy } from "./shrink-guard.ts";

/** The limits of the mass-deletion guard as the configuration has them. */
export function shrinkPolicyOf({ guard }: Pick<Config, "guard">): ShrinkPolicy {
  const { maxShrinkPercent, minEndpoints, holdTime } = guard;
  return { maxShrinkPercent, minEndpoints, holdTimeMs: holdTime };
}
