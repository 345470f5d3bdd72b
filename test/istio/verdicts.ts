import type { Verdict } from "./verdict.ts";
import { serviceEntryVerdicts } from "./verdicts-service-entry.ts";
import { sidecarVerdicts } from "./verdicts-sidecar.ts";

export type { Verdict };

/** Good and bad manifests of every rule, with what a stock istiod thinks of each. */
export const verdicts: readonly Verdict[] = [...serviceEntryVerdicts, ...sidecarVerdicts];
