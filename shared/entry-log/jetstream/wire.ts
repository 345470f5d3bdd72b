import { createHash, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { MsgHdrs } from "@nats-io/transport-node";
import { decodeName, decodeSubject, encodeName, encodeSubject, subjectRoot } from "../../model/subject.ts";
import type { Provenance } from "../entry-log.ts";
import { maxEntryBytes } from "../unfit-record.ts";

/** The headers of a stored message; `jetstream.ts` describes them for people who tap the stream. */
export const wireHeaders = {
  /** `delete` marks a tombstone. */
  operation: "Mesh-Operation",
  /** `gzip` when the body, or the join of its parts, is compressed. */
  encoding: "Mesh-Encoding",
  /** `<id> <count> <bytes>` of a body that is stored in parts. */
  parts: "Mesh-Parts",
  /** On a part: the subject of the entry that it belongs to. */
  partOf: "Mesh-Part-Of",
  /** NATS: deduplicates retries, and tells a publisher whether a stored message is its own. */
  id: "Nats-Msg-Id",
  /** NATS: how long the server keeps the message. */
  ttl: "Nats-TTL",
  /** NATS: on the marker that a server leaves in place of what expired. */
  marker: "Nats-Marker-Reason",
  /** NATS: the compare-and-set of a publish. */
  expectedSequence: "Nats-Expected-Last-Subject-Sequence",
  /** NATS: whose sequence that is, if not the message's own subject's: a fence. */
  expectedSubject: "Nats-Expected-Last-Subject-Sequence-Subject",
  /** NATS: the atomic batch that a message is part of, its place there, and `1` on the last one. */
  batch: "Nats-Batch-Id",
  batchSequence: "Nats-Batch-Sequence",
  batchCommit: "Nats-Batch-Commit",
  /** See {@link Provenance}; each written like a resource's name in a subject. */
  unit: "Mesh-Unit",
  member: "Mesh-Member",
  /** W3C Trace Context; only where changes are traced. */
  traceparent: "traceparent",
  /** On a tombstone, in milliseconds since 1970. */
  created: "Mesh-Created",
} as const;

/** Writes where a message comes from into its headers, which don't say so yet. */
export function setProvenance(headers: MsgHdrs, { unit, member, created, traceparent }: Provenance): void {
  headers.append(wireHeaders.unit, encodeName(unit));
  headers.append(wireHeaders.member, encodeName(member));
  if (traceparent !== undefined) headers.append(wireHeaders.traceparent, traceparent);
  const createdMs = created === undefined ? Number.NaN : Date.parse(created);
  if (createdMs >= 0) headers.append(wireHeaders.created, String(createdMs));
}

/** Undoes {@link setProvenance}; undefined if the headers don't say, or say it in another way. */
export function provenanceIn(headers: MsgHdrs | undefined): Provenance | undefined {
  if (headers === undefined) return undefined;
  const [unit, member] = [headers.get(wireHeaders.unit), headers.get(wireHeaders.member)];
  if (unit === "" || member === "") return undefined;
  const decoded = { unit: decodeName(unit), member: decodeName(member) };
  if (decoded.unit === undefined || decoded.member === undefined) return undefined;
  const createdMs = headers.get(wireHeaders.created);
  const traceparent = headers.get(wireHeaders.traceparent);
  return {
    unit: decoded.unit,
    member: decoded.member,
    ...(/^\d{1,13}$/.test(createdMs) && { created: new Date(Number(createdMs)).toISOString() }),
    ...(traceparent !== "" && { traceparent }),
  };
}

/** The kind under which parts are stored, beside the entries of their source. No resource has it. */
export const partKind = "Part";

/** From this size on (bytes) an entry is compressed: below it the server's own compression does as well. */
export const compressFrom = 128 * 1024;

/** What a body must leave free of the server's `max_payload` (bytes), for headers. */
const headroom = 8 * 1024;

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** How an entry's body travels: as it is or compressed, and in how many messages. */
export interface EncodedBody {
  readonly compressed: boolean;
  /** One chunk: the body of the message itself. Several: parts, and the message's own body is empty. */
  readonly chunks: readonly Uint8Array[];
  /** The size of all chunks together, in bytes. */
  readonly bytes: number;
}

/** True if {@link encodeBody} has nothing to do: the entry travels as it is. */
export function travelsAsIs(data: Uint8Array, maxPayload: number): boolean {
  return data.length < compressFrom && data.length <= maxPayload - headroom;
}

/** Compresses a large entry, and cuts it if it is still larger than what the server takes in one message. */
export async function encodeBody(data: Uint8Array, maxPayload: number): Promise<EncodedBody> {
  if (travelsAsIs(data, maxPayload)) return { compressed: false, chunks: [data], bytes: data.length };
  // Level 1 is a fourth of the default's time; on incompressible content all levels give the same.
  const packed = await zip(data, { level: 1 });
  const compressed = packed.length < data.length;
  const body = compressed ? packed : data;
  const size = Math.max(1, maxPayload - headroom);
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < body.length; start += size) chunks.push(body.subarray(start, start + size));
  return { compressed, chunks, bytes: body.length };
}

/** Undoes {@link encodeBody} for a body that is in one piece. @throws Error if it isn't valid gzip or too large. */
export async function decodeBody(body: Uint8Array, compressed: boolean): Promise<Uint8Array> {
  return compressed ? await unzip(body, { maxOutputLength: maxEntryBytes }) : body;
}

/** Where the parts of one entry are: the header {@link wireHeaders.parts} in readable form. */
export interface PartsReference {
  readonly id: string;
  readonly count: number;
  readonly bytes: number;
}

export function formatParts({ id, count, bytes }: PartsReference): string {
  return `${id} ${count} ${bytes}`;
}

/** The reference in a header's value, or undefined if it makes no sense, or is of more than an entry may have. */
export function parseParts(value: string): PartsReference | undefined {
  const match = /^([0-9a-z]+-[0-9a-f]+) (\d{1,6}) (\d{1,12})$/.exec(value);
  if (match === null) return undefined;
  const [, id = "", count = "", bytes = ""] = match;
  return Number(bytes) > maxEntryBytes ? undefined : { id, count: Number(count), bytes: Number(bytes) };
}

/**
 * A new id for one set of parts. It begins with the time, so that a sweep can tell what a crash left behind from
 * what somebody is just about to refer to. Ids are never shared: removing one entry's parts can't harm another's.
 */
export function newPartsId(now: number): string {
  return `${now.toString(36)}-${randomUUID().replaceAll("-", "")}`;
}

/** When {@link newPartsId} made the id, in milliseconds since 1970; 0 if it is no such id. */
export function partsIdTime(id: string): number {
  const time = Number.parseInt(id.split("-")[0] ?? "", 36);
  return Number.isSafeInteger(time) ? time : 0;
}

/**
 * The subject prefix of an entry's parts, or undefined if the entry's subject isn't a resource's:
 *
 *     mesh.entries.Part.<registry>.<source>.<hash of the entry's subject>.<id>.<index>
 *
 * It lies under the entry's own registry and source, so a collector's permissions and read-back filter cover it.
 */
export function partsPrefix(entrySubject: string, id: string): string | undefined {
  const resource = decodeSubject(entrySubject);
  if (resource === undefined) return undefined;
  const { registry, source } = resource;
  const hash = createHash("sha256").update(entrySubject).digest("hex").slice(0, 16);
  return encodeSubject({ kind: partKind, registry, source, namespace: hash, name: id });
}

const partsRoot = `${subjectRoot}.${partKind}.`;

/** The filter that matches the parts of all entries of the same registry and source as this entry's. */
export function partsFilterBeside(entrySubject: string): string {
  const [registry, source] = entrySubject.slice(subjectRoot.length + 1).split(".", 3).slice(1);
  return `${partsRoot}${registry}.${source}.>`;
}

/** True for the subject of a part, which no reader is shown. */
export function isPartSubject(subject: string): boolean {
  return subject.startsWith(partsRoot);
}
