import { randomUUID } from "node:crypto";
import { headers as createHeaders } from "@nats-io/transport-node";
import type { MsgHdrs } from "@nats-io/transport-node";
import { subjectRoot, syncMarkerKind } from "../model/subject.ts";
import { MeshError } from "../runtime/errors.ts";
import type { LogRecord, PublishResult } from "./entry-log.ts";
import { lastOf } from "./jetstream-direct.ts";
import { PartsKeeper } from "./jetstream-parts.ts";
import type { PublisherContext } from "./jetstream-parts.ts";
import type { Acknowledgement } from "./jetstream-pipeline.ts";
import { unfitSubject } from "./unfit-subject.ts";
import { Backoff, unlessAborted } from "../runtime/waiting.ts";
import { encodeBody, formatParts, newPartsId, partsPrefix, travelsAsIs, wireHeaders } from "./wire.ts";
import type { EncodedBody, PartsReference } from "./wire.ts";

const syncMarkers = `${subjectRoot}.${syncMarkerKind}.`;

/** JetStream's error codes that speak about one record, not about the stream. */
const wrongLastSequence = new Set([10071, 10164]);
const neverStorable = new Set([10054, 10097]);

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
    const { subject, expectedSequence } = record;
    const unfit = unfitSubject(subject, this.#context.root);
    if (unfit !== undefined) return { status: "rejected", reason: unfit };
    const headers = createHeaders();
    if (expectedSequence !== undefined) headers.set(wireHeaders.expectedSequence, String(expectedSequence));
    if (body.compressed) headers.set(wireHeaders.encoding, "gzip");
    if (record.data === null) this.#markAsTombstone(headers);
    let parts: PartsReference | undefined;
    let storedParts: Promise<Acknowledgement[]> = Promise.resolve([]);
    if (body.chunks.length > 1) {
      parts = { id: newPartsId(Date.now()), count: body.chunks.length, bytes: body.bytes };
      const prefix = partsPrefix(subject, parts.id);
      if (prefix === undefined) {
        return { status: "rejected", reason: "too large, and not a resource's subject" };
      }
      headers.set(wireHeaders.parts, formatParts(parts));
      storedParts = Promise.all(
        body.chunks.map((chunk, index) => this.#sendPart(subject, prefix, index, chunk, signal)),
      );
      storedParts.catch(() => {});
    }
    const data = parts === undefined ? body.chunks[0] ?? new Uint8Array() : new Uint8Array();
    const barrier = parts !== undefined || subject.startsWith(syncMarkers);
    const sent = this.#store(subject, headers, data, barrier, signal);
    sent.catch(() => {});
    const failedPart = (await storedParts).find(({ type }) => type !== "stored");
    const acknowledgement = await sent;
    const result = failedPart === undefined
      ? await this.#explain(subject, headers, acknowledgement, signal)
      : await this.#explain(subject, headers, failedPart, signal);
    if (result.status === "stored") this.#parts.onStored(subject, parts);
    else if (parts !== undefined) this.#parts.remove(subject, parts);
    if (result.status !== "conflict" || expectedSequence !== 0) return result;
    // Rare: a deletion is a message as well, until its time is over.
    const last = await this.#lastOf(subject, signal);
    if (last === undefined || !isDeletion(last.headers)) return result;
    return await this.#send({ ...record, expectedSequence: last.sequence }, body, signal);
  }

  #markAsTombstone(headers: MsgHdrs): void {
    const { watch, tombstoneTtlMs } = this.#context;
    headers.set(wireHeaders.operation, "delete");
    if (watch.facts?.allowsTtl !== false) {
      headers.set(wireHeaders.ttl, `${Math.max(1, Math.ceil(tombstoneTtlMs / 1000))}s`);
    }
  }

  #sendPart(subject: string, prefix: string, index: number, data: Uint8Array, signal: AbortSignal) {
    const headers = createHeaders();
    headers.set(wireHeaders.partOf, subject);
    return this.#store(`${prefix}.${index}`, headers, data, false, signal);
  }

  #store(subject: string, headers: MsgHdrs, data: Uint8Array, barrier: boolean, signal: AbortSignal) {
    headers.set(wireHeaders.id, randomUUID());
    return this.#context.pipeline.send({ subject, headers, data, barrier }, signal);
  }

  async #explain(
    subject: string,
    headers: MsgHdrs,
    acknowledgement: Acknowledgement,
    signal: AbortSignal,
  ): Promise<PublishResult> {
    if (acknowledgement.type === "stored") {
      const { sequence } = acknowledgement;
      this.#context.watch.noteSequence(sequence);
      return { status: "stored", sequence };
    }
    if (acknowledgement.type === "unsendable") return { status: "rejected", reason: acknowledgement.reason };
    const { code, text, retried } = acknowledgement;
    if (wrongLastSequence.has(code)) {
      const own = retried ? await this.#findOwn(subject, headers.get(wireHeaders.id), signal) : undefined;
      return own === undefined ? { status: "conflict" } : { status: "stored", sequence: own };
    }
    if (neverStorable.has(code)) return { status: "rejected", reason: `${text} (${code})` };
    throw new MeshError("entry-log-unavailable", `NATS refused ${subject}: ${text} (${code})`);
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

function isDeletion(headers: MsgHdrs | undefined): boolean {
  return headers !== undefined &&
    (headers.get(wireHeaders.operation) === "delete" || headers.has(wireHeaders.marker));
}
