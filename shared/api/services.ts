import { z } from "zod";

/**
 * The answers of `/api/v1` about services, as the aggregator writes them and meshctl and the console read them. The
 * OpenAPI document is made of these schemas, so each field says what it means.
 */

/** What a person should know of a service, in one word each. */
export const ServiceFlag = z.enum(["empty", "conflict", "rejected", "held", "unconfirmed"]).meta({
  description:
    "empty: no endpoint; conflict: several sources claim its host; rejected: a message of it isn't " +
    "served as it is; held: its source lost it and the guard keeps it; unconfirmed: the entry log hasn't shown it " +
    "again since it was reset",
});
export type ServiceFlag = z.infer<typeof ServiceFlag>;

/** A service in a list. */
export const ServiceRow = z.object({
  name: z.string().meta({ description: "<namespace>/<name> of the ServiceEntry that clients get" }),
  hosts: z.array(z.string()),
  sources: z.array(z.string()).meta({ description: "who publishes it: <registry>, or <registry>/<source>" }),
  endpoints: z.int(),
  version: z.string().meta({ description: "hash of the content; equal on all replicas" }),
  position: z.string().meta({ description: "place of its last change in the entry log; sorts as text" }),
  flags: z.array(ServiceFlag),
});
export type ServiceRow = z.infer<typeof ServiceRow>;

/** A page of services. */
export const ServicePage = z.object({
  services: z.array(ServiceRow),
  next: z.string().nullable().meta({
    description: "the cursor of the next page; null: this is the last one",
  }),
  served: z.int().meta({ description: "how many services there are, whatever the filters" }),
});
export type ServicePage = z.infer<typeof ServicePage>;

const Labels = z.record(z.string(), z.string());

/** An endpoint as clients get it. */
export const Endpoint = z.object({
  address: z.string(),
  ports: z.record(z.string(), z.int()).meta({
    description: "port of this endpoint, by name of the service's port",
  }),
  labels: Labels,
  locality: z.string().nullable(),
  network: z.string().nullable(),
  weight: z.int().nullable(),
  serviceAccount: z.string().nullable(),
  source: z.string(),
});
export type Endpoint = z.infer<typeof Endpoint>;

/** A rule that a message breaks. */
export const Violation = z.object({
  rule: z.string(),
  severity: z.string(),
  path: z.string(),
  message: z.string(),
});

/** A message on the stream that isn't served as it is. */
export const Rejection = z.object({
  subject: z.string(),
  kind: z.string(),
  source: z.string(),
  name: z.string(),
  serving: z.string().meta({ description: "what clients get in its place" }),
  until: z.string().nullable().meta({ description: "until when the last good version is served (RFC 3339)" }),
  violations: z.array(Violation),
});
export type Rejection = z.infer<typeof Rejection>;

/** What one source publishes of a service. */
export const ServiceRecord = z.object({
  source: z.string(),
  name: z.string(),
  subject: z.string().meta({ description: "where it lies in the entry log" }),
  position: z.string(),
  endpoints: z.int(),
  inDoubt: z.string().nullable().meta({ description: "unread, unconfirmed or held; null: it is certain" }),
  leftOut: z.string().nullable().meta({ description: "why clients don't get its endpoints; null: they do" }),
  rejection: Rejection.nullable(),
});

/** Whether a client has a service as it is now. */
export const Holder = z.object({
  client: z.string(),
  address: z.string(),
  has: z.enum(["current", "behind", "refused", "not shown", "unknown"]).meta({
    description:
      "current: it has acknowledged this content; behind: not yet; refused: it refuses it; not shown: " +
      "its view leaves it out; unknown: its dialect doesn't tell",
  }),
  version: z.string().nullable().meta({ description: "what it acknowledged last" }),
  detail: z.string(),
});
export type Holder = z.infer<typeof Holder>;

/** One host that several entries claim. */
export const Conflict = z.object({
  host: z.string(),
  mode: z.string(),
  outcome: z.string(),
  why: z.string(),
  claimedBy: z.array(z.object({
    source: z.string(),
    name: z.string(),
    endpoints: z.int(),
    inDoubt: z.string().nullable(),
    leftOut: z.string().nullable(),
  })),
  served: z.array(z.object({ name: z.string(), endpoints: z.int() })),
});
export type Conflict = z.infer<typeof Conflict>;

/** A resource as `kubectl` would apply it. */
export const Manifest = z.record(z.string(), z.unknown());

/** Everything that is known of one service. */
export const ServiceDetail = ServiceRow.extend({
  labels: Labels,
  createdAt: z.string().nullable(),
  location: z.string(),
  resolution: z.string(),
  addresses: z.array(z.string()),
  addressesAreVirtual: z.boolean(),
  exportTo: z.array(z.string()),
  ports: z.array(z.object({
    number: z.int(),
    name: z.string(),
    protocol: z.string(),
    targetPort: z.int().nullable(),
  })),
  endpointList: z.array(Endpoint),
  records: z.array(ServiceRecord),
  conflicts: z.array(Conflict),
  holders: z.array(Holder),
  manifest: Manifest.meta({ description: "the resource as kubectl would apply it" }),
});
export type ServiceDetail = z.infer<typeof ServiceDetail>;
