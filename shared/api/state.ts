import { z } from "zod";
import { Conflict, Rejection } from "./services.ts";

/** The answers of `/api/v1` about the installation: sources, clients, what is held, rejected or in conflict. */

/** A replica of a collector. */
export const CollectorState = z.object({
  member: z.string(),
  status: z.string().meta({ description: "live, lost or left" }),
  lastSignAgeMs: z.int(),
  view: z.string(),
  lastReadAt: z.string().nullable(),
  error: z.string().nullable(),
  failingSince: z.string().nullable(),
  published: z.int(),
  held: z.int(),
  version: z.string(),
  startedAt: z.string(),
});

/** A source: one configured connection to a registry. */
export const SourceState = z.object({
  key: z.string().meta({ description: "<registry>, or <registry>/<source>" }),
  registry: z.string(),
  source: z.string(),
  state: z.string().meta({ description: "synced, waiting, timed-out or not configured" }),
  remark: z.string().nullable(),
  marker: z.object({ at: z.string(), entries: z.int(), held: z.int() }).nullable(),
  resources: z.int(),
  unconfirmed: z.int(),
  held: z.int(),
  unsettled: z.array(z.string()).meta({
    description:
      "Collectors that live and haven't published their share: until they have, there is no new marker",
  }),
  collectors: z.array(CollectorState),
});
export type SourceState = z.infer<typeof SourceState>;

/** All sources. */
export const SourceList = z.object({ sources: z.array(SourceState) });

/** What one client was sent of one type of resource. */
export const ClientType = z.object({
  typeUrl: z.string(),
  sentVersion: z.string().nullable(),
  acknowledgedVersion: z.string().nullable(),
  waitingForAckMs: z.int().nullable(),
  pushes: z.int(),
  bytes: z.int(),
  refusals: z.int(),
  refusedNow: z.array(z.string()),
  lastError: z.string().nullable(),
  lastErrorNames: z.array(z.string()),
});

/** A connected client. */
export const ClientState = z.object({
  id: z.string(),
  node: z.string(),
  address: z.string(),
  revision: z.string().nullable(),
  connectedAt: z.string(),
  dialect: z.string().nullable(),
  listener: z.string(),
  upToDate: z.boolean().meta({
    description: "it has acknowledged all there is, and refuses nothing; always false for long polls",
  }),
  behindMs: z.int().nullable().meta({
    description: "for how long it has lacked a change that it sees; null: it has all, or polls",
  }),
  changesBehind: z.int().nullable().meta({
    description:
      "how many changes came after the last that it is known to have, those of other views among them; null: it has taken nothing yet, or polls",
  }),
  lastRefusal: z.object({
    at: z.string(),
    typeUrl: z.string(),
    message: z.string(),
    names: z.array(z.string()).meta({
      description: "the resources that it concerns, as far as that is known",
    }),
  }).nullable().meta({ description: "what it refused last, also if it has taken all since" }),
  view: z.object({
    revisions: z.array(z.string()),
    namespaces: z.array(z.string()),
    registries: z.array(z.string()),
    shard: z.string().nullable(),
  }),
  types: z.array(ClientType),
});
export type ClientState = z.infer<typeof ClientState>;

/** All clients. */
export const ClientList = z.object({ clients: z.array(ClientState) });

/** Losses that are held back from clients, and by whom. */
export const HeldList = z.object({
  held: z.array(z.object({ source: z.string(), subject: z.string(), name: z.string(), heldMs: z.int() }))
    .meta({
      description: "held by this aggregator",
    }),
  collectors: z.array(z.object({ source: z.string(), member: z.string(), held: z.int() })).meta({
    description: "collectors that hold losses; their own /held names them",
  }),
});
export type HeldList = z.infer<typeof HeldList>;

/** Hosts that several sources claim. */
export const ConflictList = z.object({
  counts: z.record(z.string(), z.int()),
  conflicts: z.array(Conflict),
});

/** Messages that aren't served as they are. */
export const RejectionList = z.object({ rejections: z.array(Rejection) });

/** Something that a person should look at, the worst first. */
export const Notice = z.object({
  severity: z.enum(["problem", "warning"]),
  code: z.string().meta({ description: "a reason code of docs/reasons.md" }),
  text: z.string(),
  command: z.string().meta({ description: "the meshctl line that shows more, or mends it" }),
});
export type Notice = z.infer<typeof Notice>;

/** The installation at a glance. */
export const Overview = z.object({
  version: z.string(),
  open: z.boolean().meta({ description: "clients are served" }),
  entryLog: z.object({ connected: z.boolean(), detail: z.string(), read: z.boolean() }),
  servedStateOf: z.string().nullable(),
  position: z.string().meta({ description: "place of the last change of a service in the entry log" }),
  services: z.int(),
  endpoints: z.int(),
  sources: z.int(),
  clients: z.int(),
  clientsBehind: z.int(),
  clientsRefusing: z.int(),
  furthestBehindMs: z.int().nullable().meta({
    description:
      "for how long the client that is the furthest behind has lacked a change; null: none is behind",
  }),
  totals: z.object({
    read: z.int().meta({ description: "messages read from the entry log" }),
    changes: z.int().meta({ description: "changes of what is served" }),
    pushes: z.int().meta({ description: "responses sent to clients" }),
    acknowledged: z.int().meta({ description: "responses with a change that clients acknowledged" }),
    acknowledgedMs: z.int().meta({
      description: "the times from change to acknowledgement of all of these together",
    }),
  }).meta({ description: "since this aggregator was started: the difference of two answers gives a rate" }),
  held: z.int(),
  rejected: z.int(),
  conflicts: z.int(),
  notices: z.array(Notice),
});
export type Overview = z.infer<typeof Overview>;

/** Why a question isn't answered. */
export const Failure = z.object({ error: z.string() });
