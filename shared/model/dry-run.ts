import { z } from "zod";
import type { Manifest } from "./manifest.ts";

/** A dry run at a collector: what a registry's answer would become. See `trace-question.ts` for its way there. */

/** What a registry's answer was converted to. */
export interface Conversion extends z.infer<typeof SentConversion> {
  readonly manifests: readonly Manifest[];
}

/** The same on its way. What a manifest holds is for its reader to check, one by one: there may be thousands. */
const SentConversion = z.object({
  manifests: z.array(z.unknown()).readonly(),
  /** Records that were left out: where, and why. */
  invalidRecords: z.array(z.object({ path: z.string(), reason: z.string() }).readonly()).readonly(),
  /** Sentences for the user about how the input was understood. */
  notes: z.array(z.string()).readonly(),
}).readonly();

/** Why there is no conversion: the input can't be understood, it costs too much, or something else is wrong. */
export const ConversionFailure = z.object({
  why: z.enum(["input", "cost", "other"]),
  text: z.string(),
}).readonly();
export type ConversionFailure = z.infer<typeof ConversionFailure>;

/** What becomes of a dry run. */
export const DryRunResult = z.union([
  z.object({ conversion: SentConversion }).readonly(),
  z.object({ failure: ConversionFailure }).readonly(),
]);
export type DryRunResult = z.infer<typeof DryRunResult>;

/** The question what an answer would become. Collectors of earlier versions don't answer it. */
export const DryRunQuestion = z.object({
  by: z.literal("dry-run"),
  /** The replica that is to answer: one is enough. */
  member: z.string(),
  /** What the registry answered, as text; absent: the collector reads the registry anew. */
  input: z.string().optional(),
  /** A configuration in the place of the collector's, as text. */
  configuration: z.string().optional(),
});
export type DryRunQuestion = z.infer<typeof DryRunQuestion>;
