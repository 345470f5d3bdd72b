import { z } from "zod";

const Collector = z.looseObject({
  member: z.string(),
  status: z.string(),
  error: z.string().nullable(),
  /** Why nothing that it publishes is stored; absent: an older aggregator. */
  unpublished: z.string().nullish(),
  held: z.number(),
});

/** A source, as `/meshregistry/sources` shows it. */
export const Source = z.looseObject({
  registry: z.string(),
  source: z.string(),
  remark: z.string().nullable(),
  state: z.string(),
  resources: z.number(),
  unconfirmed: z.number(),
  held: z.number(),
  /** Absent: an older aggregator. */
  marker: z.looseObject({ at: z.string() }).nullish(),
  unsettled: z.array(z.string()).default([]),
  collectors: z.array(Collector),
});
export type Source = z.infer<typeof Source>;

/** `/meshregistry/sources`. */
export const Sources = z.looseObject({
  open: z.boolean(),
  entryLog: z.looseObject({
    connected: z.boolean(),
    detail: z.string(),
    read: z.boolean(),
    /** Why nothing is stored though it can be reached; absent: an older aggregator. */
    unstored: z.string().nullish(),
    /** What is odd about its settings; absent: nothing. */
    warnings: z.array(z.string()).optional(),
  }),
  sources: z.record(z.string(), Source),
  servedStateOf: z.string().nullable(),
});
export type Sources = z.infer<typeof Sources>;

/** A long poll has no versions that are on their way. */
const ClientType = z.looseObject({
  typeUrl: z.string(),
  sentVersion: z.string().nullish(),
  acknowledgedVersion: z.string().nullish(),
  refusedNow: z.array(z.unknown()).default([]),
  lastError: z.string().nullish(),
});

/** `/meshregistry/clients?detail=1`. */
export const Clients = z.array(z.looseObject({
  id: z.string().nullable(),
  address: z.string(),
  dialect: z.string().nullable(),
  connectedAt: z.string(),
  types: z.array(ClientType),
}));

/** `/meshregistry/collectors/REGISTRY/held`. */
export const Held = z.looseObject({
  held: z.array(z.looseObject({ subject: z.string(), heldMs: z.number() })),
});

/** `/meshregistry/rejected`, by name. */
export const Rejected = z.record(z.string(), z.unknown());

/** `POST …/held/release`. */
export const Released = z.looseObject({});

/** A host in `/meshregistry/conflicts`. */
export const Conflict = z.looseObject({
  outcome: z.string().nullable(),
  why: z.string(),
  claimedBy: z.array(
    z.looseObject({ source: z.string(), endpoints: z.union([z.number(), z.array(z.string())]) }),
  ),
});

export type Conflict = z.infer<typeof Conflict>;

/** `/meshregistry/conflicts`. */
export const Conflicts = z.looseObject({
  counts: z.record(z.string(), z.number()),
  hosts: z.record(z.string(), Conflict),
});

/** `/meshregistry/conflicts?host=`. */
export const HostConflict = Conflict.extend({ host: z.string() });
