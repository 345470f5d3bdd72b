import { z } from "zod";
import { Comparison } from "./compare.ts";

/** An answer of a registry, to be converted as the source's collector would, and compared. */
export const ConvertRequest = z.strictObject({
  source: z.string().meta({ description: "<registry>, or <registry>/<source>" }),
  answer: z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], {
    error: "expected what the registry answered; meshctl convert --diff also reads a registry itself",
  }).meta({
    description: "what meshctl convert takes as input: as text, or as JSON within the body",
  }),
  configuration: z.union([z.string(), z.record(z.string(), z.unknown())]).optional().meta({
    description: "a configuration in the place of the collector's, as text (YAML or JSON) or as JSON",
  }),
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
