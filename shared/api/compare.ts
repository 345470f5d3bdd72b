import { z } from "zod";
import { Difference } from "./history.ts";
import { Violation } from "./services.ts";

/** What a dry run produced, to be compared with what a source has published. */
export const CompareRequest = z.strictObject({
  source: z.string().meta({ description: "<registry>, or <registry>/<source>" }),
  manifests: z.array(z.unknown()).meta({ description: "resources as meshctl convert -o json prints them" }),
});
export type CompareRequest = z.infer<typeof CompareRequest>;

/** What would become of one resource. */
export const ComparedEntry = z.object({
  kind: z.string(),
  name: z.string().meta({ description: "<namespace>/<name>" }),
  outcome: z.enum(["new", "changed", "same", "gone", "rejected"]).meta({
    description:
      "gone: the source has published it, and the dry run lacks it; rejected: it can't be served as it is",
  }),
  violations: z.array(Violation),
  differences: z.array(Difference),
  left: z.int().meta({ description: "how many more differences there are than are listed" }),
});
export type ComparedEntry = z.infer<typeof ComparedEntry>;

/** What a dry run would change; nothing was published. */
export const Comparison = z.object({
  counts: z.record(z.string(), z.int()),
  entries: z.array(ComparedEntry).meta({ description: "those that differ" }),
});
export type Comparison = z.infer<typeof Comparison>;
