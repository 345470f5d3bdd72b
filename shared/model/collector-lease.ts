import { z } from "zod";
import { readJson } from "./read-json.ts";
import { encodeToken } from "./subject.ts";

/**
 * The bucket in which the replicas of all collectors keep their leases, in the notation of NATS' key-value stores:
 *
 *     lease.<registry>.<source>.<member>    a replica's sign of life, renewed every second
 *     release.<registry>.<source>           the last request to let held losses go
 *
 * Replicas read it to share the work, aggregators to tell which collectors a source has.
 */

/** How often a lease is renewed, in milliseconds. */
export const leaseRenewalMs = 1000;

/** A replica that hasn't renewed its lease for this time has lost it, in milliseconds. */
export const leaseDurationMs = 3500;

/** How a replica's view of the registry is: `ready` replicas share the work, `stale` ones have lost the registry. */
export const ViewState = z.enum(["reading", "ready", "stale"]);
export type ViewState = z.infer<typeof ViewState>;

/** A replica's sign of life, with what it knows of its source. */
export const CollectorLease = z.object({
  registry: z.string(),
  source: z.string(),
  member: z.string(),
  /** Of the program, for people. */
  version: z.string(),
  /** RFC 3339. */
  startedAt: z.string(),
  state: ViewState,
  /** When the registry was last read well, RFC 3339; null: never. */
  lastReadAt: z.string().nullable(),
  /** Why the registry can't be read now; null if it can. */
  error: z.string().nullable(),
  /** Since when (RFC 3339) it can't be read; null if it can. */
  failingSince: z.string().nullable(),
  /** The id of the term under which the replica has published everything of its share; empty: not yet. */
  settledTerm: z.string(),
  /** Resources of the source on the stream, as this replica sees it. */
  published: z.number().int(),
  /** Losses that the guard holds. */
  held: z.number().int(),
  /** Why the entry log takes nothing of what the replica publishes; absent: it does, or an older program. */
  unpublished: z.string().optional(),
  /** Replicas of the term that haven't published their share under it, as this one knows; absent: an older program. */
  unsettled: z.array(z.string()).optional(),
  /** Those of them for which the replica has waited so long that a person should look. */
  stuck: z.array(z.string()).optional(),
});
export type CollectorLease = z.infer<typeof CollectorLease>;

/** A request to release the held losses of a source, on all replicas and aggregators. */
export const ReleaseRequest = z.object({
  id: z.string(),
  /** Who asked, for the log. */
  by: z.string(),
  /** RFC 3339. */
  at: z.string(),
});
export type ReleaseRequest = z.infer<typeof ReleaseRequest>;

/** The subject of a replica's lease; `root` is that of the bucket. */
export function leaseSubject(root: string, registry: string, source: string, member: string): string {
  return `${root}.lease.${[registry, source, member].map(encodeToken).join(".")}`;
}

/** The filter that matches the leases of one source. */
export function leaseFilter(root: string, registry: string, source: string): string {
  return `${root}.lease.${encodeToken(registry)}.${encodeToken(source)}.*`;
}

/** The subject of the requests to release what a source holds. */
export function releaseSubject(root: string, registry: string, source: string): string {
  return `${root}.release.${encodeToken(registry)}.${encodeToken(source)}`;
}

/** The lease in a message; undefined for what isn't one (a newer program's may have more keys, never other types). */
export function readLease(data: Uint8Array): CollectorLease | undefined {
  return CollectorLease.safeParse(readJson(data)).data;
}

/** The request in a message; undefined for what isn't one. */
export function readReleaseRequest(data: Uint8Array): ReleaseRequest | undefined {
  return ReleaseRequest.safeParse(readJson(data)).data;
}
