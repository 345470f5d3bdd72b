import { z } from "zod";
import { Comparison } from "./compare.ts";

/** An answer of a registry, a configuration or both: what the source's collector would make of them, to be compared. */
export const ConvertRequest = z.strictObject({
  source: z.string().meta({ description: "<registry>, or <registry>/<source>" }),
  answer: z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
    error: "expected text, or an object or a list",
  }).optional().meta({
    description:
      "what meshctl convert takes as input: as text, or as JSON within the body; absent: the collector reads its registry anew, which takes the operator's token",
  }),
  configuration: z.union([z.string(), z.record(z.string(), z.unknown())], {
    error: "expected text, or an object",
  }).optional().meta({
    description: "a configuration in the place of the collector's, as text (YAML or JSON) or as JSON",
  }),
}).refine(({ answer, configuration }) => answer !== undefined || configuration !== undefined, {
  path: ["answer"],
  error: "give a registry's answer, a configuration or both",
});
export type ConvertRequest = z.infer<typeof ConvertRequest>;

/** What a registry's answer would change; nothing was published. */
export const Converted = Comparison.extend({
  invalidRecords: z.array(z.object({ path: z.string(), reason: z.string() })).meta({
    description: "records that were left out: where, and why",
  }),
  moreInvalidRecords: z.int().meta({ description: "how many more there are than are listed" }),
  notes: z.array(z.string()).meta({ description: "how the answer was understood" }),
});
export type Converted = z.infer<typeof Converted>;
