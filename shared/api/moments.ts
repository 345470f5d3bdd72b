import { z } from "zod";
import { resourceKinds } from "../model/manifest.ts";

/** A kind of resource. */
export const ResourceKindName = z.enum(resourceKinds);

const completeSince = z.string().nullable().meta({
  description: "from when on this aggregator keeps changes (RFC 3339); null: it waits for sources",
});
const left = z.int().meta({ description: "how many more there are than are listed" });

/** What became of one record of a source. */
export const MomentRow = z.object({
  kind: ResourceKindName,
  name: z.string().meta({ description: "<namespace>/<name>" }),
  source: z.string(),
  subject: z.string(),
  change: z.enum(["added", "changed", "removed"]),
  endpointsBefore: z.int(),
  endpointsAfter: z.int(),
});
export type MomentRow = z.infer<typeof MomentRow>;

/** One change of one record. */
export const RowChange = z.object({
  at: z.string().meta({ description: "when this aggregator learned of it (RFC 3339)" }),
  position: z.string().meta({ description: "place in the entry log; sorts as text" }),
  ...MomentRow.shape,
});

/** What happened, the newest first. */
export const ChangePage = z.object({ completeSince, changes: z.array(RowChange), left });
export type ChangePage = z.infer<typeof ChangePage>;

/** What all sources' records of two moments differ in. */
export const MomentDiff = z.object({
  completeSince,
  counts: z.object({
    added: z.int(),
    changed: z.int(),
    removed: z.int(),
    unknown: z.int().meta({
      description:
        "records of which more changes happened since then than are kept (history.versions); not listed",
    }),
  }),
  rows: z.array(MomentRow),
  left,
});
export type MomentDiff = z.infer<typeof MomentDiff>;

/** A service as each source published it at a moment. */
export const ServiceMoment = z.object({
  name: z.string(),
  completeSince,
  records: z.array(z.object({
    subject: z.string(),
    state: z.enum(["published", "absent", "unknown"]),
    manifest: z.unknown().meta({ description: "null unless it was published" }),
  })),
});
export type ServiceMoment = z.infer<typeof ServiceMoment>;
