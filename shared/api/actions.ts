import { z } from "zod";

/** What releasing the held losses of a source would do, what it did, and who did what of late. */

const sourceKey = z.string().max(256).meta({ description: "<registry>, or <registry>/<source>" });

/** What would become of one resource. */
export const HeldEntry = z.object({
  name: z.string().meta({ description: "<namespace>/<name>" }),
  subject: z.string(),
  heldBy: z.string().meta({ description: "aggregator, or the member name of a collector" }),
  heldMs: z.int(),
  outcome: z.enum(["deleted", "emptied", "shrunk"]).meta({
    description:
      "deleted: clients lose the resource; emptied: it stays for a while, without endpoints; shrunk: some endpoints go",
  }),
  endpoints: z.int().meta({ description: "how many it has now" }),
  left: z.int().meta({ description: "how many it would have" }),
  going: z.array(z.string()).meta({ description: "some of the endpoints that would go" }),
});
export type HeldEntry = z.infer<typeof HeldEntry>;

/** What releasing would do. */
export const HeldPreview = z.object({
  source: sourceKey,
  entries: z.array(HeldEntry),
  unnamed: z.int().meta({
    description:
      "losses that collectors hold and haven't named: they didn't answer, or hold too many to list",
  }),
  clients: z.int().meta({ description: "how many clients would be told" }),
});
export type HeldPreview = z.infer<typeof HeldPreview>;

/** The body of a request to release. */
export const ReleaseQuestion = z.strictObject({ source: sourceKey });

/** What was asked for; collectors carry it out at their next comparison. */
export const Released = z.object({
  source: sourceKey,
  released: z.int().meta({ description: "resources that this aggregator held" }),
  collectors: z.array(z.object({ member: z.string(), held: z.int() })).meta({
    description: "the living collectors, and how many losses each held when it was asked",
  }),
});
export type Released = z.infer<typeof Released>;

/** An action that somebody asked for, at any replica. */
export const Action = z.object({
  at: z.string(),
  by: z.string().meta({ description: "the address, and the user that a proxy names" }),
  action: z.enum(["release", "retire"]),
  source: sourceKey,
  detail: z.string(),
});
export type Action = z.infer<typeof Action>;

/** The actions of a month, the newest first, at most 200. */
export const ActionList = z.object({ actions: z.array(Action) });
export type ActionList = z.infer<typeof ActionList>;
