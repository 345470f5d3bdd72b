import type { ReasonCode } from "../../../../shared/api/reasons.ts";
import type { Finding, StageName } from "../../../../shared/api/trace.ts";

/** A finding that knows which source it is about. */
export interface PlacedFinding extends Finding {
  readonly source: string | null;
}

/** Makes a finding of the aggregator. */
export function placed(
  stage: StageName,
  code: ReasonCode,
  source: string | null,
  text: string,
  details: Readonly<Record<string, string>> = {},
): PlacedFinding {
  return { stage, code, source, text, details: { ...details } };
}
