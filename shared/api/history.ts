import { z } from "zod";

/** One thing in which two resources differ. */
export const Difference = z.object({
  path: z.string().meta({
    description: "such as spec.endpoints[10.0.0.7:8080].weight: items of lists by what names them",
  }),
  before: z.unknown().meta({ description: "null: it wasn't there" }),
  after: z.unknown().meta({ description: "null: it isn't there any more" }),
});
export type Difference = z.infer<typeof Difference>;

const differences = {
  differences: z.array(Difference),
  left: z.int().meta({ description: "how many more differences there are than are listed" }),
};

/** One change of what a source publishes. */
export const HistoryChange = z.object({
  at: z.string().meta({ description: "when this aggregator learned of it (RFC 3339)" }),
  change: z.enum(["added", "changed", "removed"]),
  source: z.string(),
  subject: z.string(),
  position: z.string().meta({ description: "place in the entry log; sorts as text" }),
  ...differences,
});
export type HistoryChange = z.infer<typeof HistoryChange>;

/** The changes of a service that are kept, the newest first. */
export const History = z.object({
  name: z.string(),
  keptSince: z.string().nullable().meta({
    description: "when this aggregator began to keep changes (RFC 3339); null: it waits for sources",
  }),
  versions: z.int().meta({ description: "how many changes are kept of each source's record; 0: none" }),
  changes: z.array(HistoryChange),
});
export type History = z.infer<typeof History>;

/** Two states of a service, and what they differ in. */
export const ServiceDiff = z.object({
  name: z.string(),
  before: z.string().meta({ description: "what is compared, in words" }),
  after: z.string().meta({ description: "with what" }),
  ...differences,
});
export type ServiceDiff = z.infer<typeof ServiceDiff>;
