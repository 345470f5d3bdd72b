import { randomUUID } from "node:crypto";
import { headers as createHeaders } from "@nats-io/transport-node";
import type { MsgHdrs } from "@nats-io/transport-node";
import { subjectRoot, syncMarkerKind } from "../../model/subject.ts";
import type { LogRecord, PublishResult } from "../entry-log.ts";
import { lastOf } from "./direct.ts";
import { PartsKeeper } from "./parts.ts";
import type { PublisherContext } from "./parts.ts";
import type { Fate, Outgoing } from "./unit.ts";
import type { Acknowledgement } from "./answer.ts";
import { unfitRecord } from "../unfit-record.ts";
import { Backoff, unlessAborted } from "../../runtime/waiting.ts";
import {
  encodeBody,
  formatParts,
  newPartsId,
  partsPrefix,
  setProvenance,
  travelsAsIs,
  wireHeaders,
} from "./wire.ts";
import type { EncodedBody, PartsReference } from "./wire.ts";

const syncMarkers = `${subjectRoot}.${syncMarkerKind}.`;

/** Smaller than any server's limit: what is assumed before the first connection is up. */
const defaultMaxPayload = 1024 * 1024;

/** {@link EntryLog.publish} over JetStream: encodes records, keeps their order, explains the answers. */
export class Publisher {
  readonly #context: PublisherContext;
  readonly #parts: PartsKeeper;
  /** The last call's encoding: calls enter the pipeline in their order, also when one of them has to compress. */
  #turn: Promise<void> = Promise.resolve();

  constructor(context: PublisherContext) {
    this.#context = context;
    this.#parts = new PartsKeeper(context);
  }

  async publish(records: readonly LogRecord[], signal: AbortSignal): Promise<PublishResult[]> {
    const before = this.#turn;
    const { promise: mine, resolve: finish } = Promise.withResolvers<void>();
    this.#turn = before.then(() => mine);
    const results: Promise<PublishResult>[] = [];
    try {
      await unlessAborted(before, signal, "entry-log-unavailable", "Publishing");
      for (const record of records) {
        const encoded = this.#encode(record);
        const body = encoded instanceof Promise ? await encoded : encoded;
        if (signal.aborted) break;
        const result = this.#send(record, body, signal);
        // Looked at below, when all are sent.
        result.catch(() => {});
        results.push(result);
      }
    } finally {
      finish();
    }
    return await unlessAborted(Promise.all(results), signal, "entry-log-unavailable", "Publishing");
  }

  #encode({ data }: LogRecord): EncodedBody | Promise<EncodedBody> {
    const maxPayload = this.#context.link.current?.info?.max_payload ?? defaultMaxPayload;
    if (data === null) return { compressed: false, chunks: [], bytes: 0 };
    if (travelsAsIs(data, maxPayload)) return { compressed: false, chunks: [data], bytes: data.length };
    return encodeBody(data, maxPayload);
  }

  async #send(record: LogRecord, body: EncodedBody, signal: AbortSignal): Promise<PublishResult> {
    const { subject, expectedSequence, fence } = record;
    const unfit = unfitRecord(record, this.#context.root);
    if (unfit !== undefined) return { status: "rejected", reason: unfit };
    const headers = this.#headersOf(record, body);
    let parts: PartsReference | undefined;
    const fate: Fate = {};
    if (body.chunks.length > 1) {
      parts = { id: newPartsId(Date.now()), count: body.chunks.length, bytes: body.bytes };
      const prefix = partsPrefix(subject, parts.id);
      if (prefix === undefined) {
        return { status: "rejected", reason: "too large, and not a resource's subject" };
      }
      headers.set(wireHeaders.parts, formatParts(parts));
      for (const [index, chunk] of body.chunks.entries()) {
        this.#sendPart(record, `${prefix}.${index}`, chunk, fate, signal);
      }
    }
    const data = parts === undefined ? body.chunks[0] ?? new Uint8Array() : new Uint8Array();
    const barrier = parts !== undefined || subject.startsWith(syncMarkers);
    const acknowledgement = await this.#store({ subject, headers, data, barrier, fence, fate }, signal);
    const result = await this.#explain(record, headers, acknowledgement, signal);
    if (result.status === "stored") this.#parts.onStored(subject, parts);
    else if (parts !== undefined) this.#parts.remove(subject, parts);
    if (result.status !== "conflict" || expectedSequence !== 0) return result;
    // Rare: a deletion is a message as well, until its time is over.
    const last = await this.#lastOf(subject, signal);
    if (last === undefined || !isDeletion(last.headers)) return result;
    return await this.#send({ ...record, expectedSequence: last.sequence }, body, signal);
  }

  #headersOf({ data, expectedSequence, fence, provenance, ttlMs }: LogRecord, body: EncodedBody): MsgHdrs {
    // A header is new here: setting one would look for it first, twice.
    const headers = createHeaders();
    if (expectedSequence !== undefined) {
      headers.append(wireHeaders.expectedSequence, String(expectedSequence));
    }
    if (fence !== undefined) {
      headers.append(wireHeaders.expectedSequence, String(fence.sequence));
      headers.append(wireHeaders.expectedSubject, fence.subject);
    }
    if (provenance !== undefined) setProvenance(headers, provenance);
    if (body.compressed) headers.append(wireHeaders.encoding, "gzip");
    if (data === null) this.#markAsTombstone(headers);
    else if (ttlMs !== undefined) headers.append(wireHeaders.ttl, inSeconds(ttlMs));
    return headers;
  }

  #markAsTombstone(headers: MsgHdrs): void {
    const { watch, tombstoneTtlMs } = this.#context;
    headers.append(wireHeaders.operation, "delete");
    if (watch.facts?.allowsTtl !== false) headers.append(wireHeaders.ttl, inSeconds(tombstoneTtlMs));
  }

  #sendPart(record: LogRecord, subject: string, data: Uint8Array, fate: Fate, signal: AbortSignal): void {
    const headers = createHeaders();
    headers.set(wireHeaders.partOf, record.subject);
    // Whether it was stored is in the fate that it shares with the entry.
    this.#store({ subject, headers, data, barrier: false, fate }, signal).catch(() => {});
  }

  #store(outgoing: Outgoing, signal: AbortSignal): Promise<Acknowledgement> {
    outgoing.headers.set(wireHeaders.id, randomUUID());
    return this.#context.pipeline.send(outgoing, signal);
  }

  async #explain(
    { subject, data, fence, provenance, ttlMs }: LogRecord,
    headers: MsgHdrs,
    acknowledgement: Acknowledgement,
    signal: AbortSignal,
  ): Promise<PublishResult> {
    switch (acknowledgement.type) {
      case "stored":
        this.#context.watch.noteSequence(acknowledgement.sequence);
        if (data !== null && ttlMs === undefined) {
          this.#context.watch.noteStored(subject, acknowledgement.sequence, provenance !== undefined);
        }
        return { status: "stored", sequence: acknowledgement.sequence };
      case "outdated": {
        const { retried } = acknowledgement;
        const own = retried ? await this.#findOwn(subject, headers.get(wireHeaders.id), signal) : undefined;
        if (own !== undefined) return { status: "stored", sequence: own };
        return { status: fence === undefined ? "conflict" : "fenced" };
      }
      case "rejected":
      case "refused":
        return { status: acknowledgement.type, reason: acknowledgement.reason };
    }
  }

  /** The sequence of our own message, if it is the subject's last: an attempt that seemed to fail had succeeded. */
  async #findOwn(subject: string, id: string, signal: AbortSignal): Promise<number | undefined> {
    const last = await this.#lastOf(subject, signal);
    return last?.headers?.get(wireHeaders.id) === id ? last.sequence : undefined;
  }

  async #lastOf(subject: string, signal: AbortSignal) {
    const backoff = new Backoff();
    for (;;) {
      const connection = await this.#context.link.ready(signal);
      try {
        return await lastOf(this.#context, connection, subject);
      } catch {
        await backoff.wait(signal);
      }
    }
  }
}

/** A header's time to live: whole seconds, one at least. */
function inSeconds(milliseconds: number): string {
  return `${Math.max(1, Math.ceil(milliseconds / 1000))}s`;
}

function isDeletion(headers: MsgHdrs | undefined): boolean {
  return headers !== undefined &&
    (headers.get(wireHeaders.operation) === "delete" || headers.has(wireHeaders.marker));
}
