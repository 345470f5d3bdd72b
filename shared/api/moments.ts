import { z } from "zod";
import { resourceKinds } from "../model/manifest.ts";

/** A kind of resource. */
export const ResourceKindName = z.enum(resourceKinds);

const completeSince = z.string().nullable().meta({
  description: "from when on this aggregator keeps changes (RFC 3339); null: it waits for sources",
});
const left = z.int().meta({ description: "how many more there are than are listed" });

/** A place in the entry log. */
export const MomentPlace = z.object({
  at: z.string().meta({ description: "when this aggregator read it (RFC 3339)" }),
  position: z.string().meta({ description: "place in the entry log; sorts as text" }),
});
export type MomentPlace = z.infer<typeof MomentPlace>;

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
  moment: MomentPlace.meta({ description: "the last change that the moment has" }),
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

/** Which moments can be asked for, as places in the entry log that is read now. */
export const Timeline = z.object({
  versions: z.int().meta({ description: "how many changes are kept of each source's record; 0: none" }),
  first: MomentPlace.nullable().meta({ description: "null: no change is kept yet" }),
  last: MomentPlace.nullable().meta({ description: "the last change" }),
  changes: z.int().meta({ description: "how many changes are kept" }),
  parts: z.array(z.int()).meta({
    description: "how many of them lie in equal parts of the way from first to last",
  }),
});
export type Timeline = z.infer<typeof Timeline>;

/** What one source published at a moment. */
export const MomentRecord = z.object({
  kind: ResourceKindName,
  name: z.string().meta({ description: "<namespace>/<name>" }),
  source: z.string(),
  subject: z.string(),
  endpoints: z.int(),
  since: z.enum(["same", "changed", "removed"]).meta({ description: "what became of it until now" }),
});
export type MomentRecord = z.infer<typeof MomentRecord>;

/** The catalogue at a moment: a page of what the sources published, by subject. */
export const RecordPage = z.object({
  completeSince,
  moment: MomentPlace.meta({ description: "the last change that the moment has" }),
  records: z.array(MomentRecord),
  next: z.string().nullable().meta({
    description: "the cursor of the next page; null: this is the last one",
  }),
});
export type RecordPage = z.infer<typeof RecordPage>;

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
