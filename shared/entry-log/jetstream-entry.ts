import type { MsgHdrs } from "@nats-io/transport-node";
import { errorText } from "../runtime/errors.ts";
import type { Logger } from "../runtime/log.ts";
import { isForged, lastOf, readDirect } from "./jetstream-direct.ts";
import type { DirectReader, StoredMessage } from "./jetstream-direct.ts";
import { pause } from "../runtime/waiting.ts";
import { decodeBody, isPartSubject, parseParts, partsPrefix, wireHeaders } from "./wire.ts";
import type { PartsReference } from "./wire.ts";

/** What a stored message means. `skip`: nothing to a reader (a part, or replaced meanwhile, or unusable). */
export type Meaning =
  | { readonly type: "put"; readonly data: Uint8Array }
  | { readonly type: "delete" }
  | { readonly type: "skip" };

const skip: Meaning = { type: "skip" };

/** How often missing parts are looked for before the entry is given up: replicas may lag by a moment. */
const joinAttempts = 6;

/**
 * Unpacks stored messages: tombstones, compression, parts. An unusable message is logged and skipped; it never ends a
 * reader.
 */
export class EntryDecoder {
  readonly #reader: DirectReader;
  readonly #log: Logger;

  constructor(reader: DirectReader, log: Logger) {
    this.#reader = reader;
    this.#log = log;
  }

  /** The meaning, at once for all but large entries. @throws MeshError when the signal aborts. */
  decode(message: StoredMessage, signal: AbortSignal): Meaning | Promise<Meaning> {
    const { headers, subject, data } = message;
    if (isPartSubject(subject)) return skip;
    if (headers === undefined) return { type: "put", data };
    if (headers.get(wireHeaders.operation) === "delete" || headers.has(wireHeaders.marker)) {
      return { type: "delete" };
    }
    const parts = headers.get(wireHeaders.parts);
    const compressed = headers.get(wireHeaders.encoding) === "gzip";
    if (parts === "" && !compressed) return { type: "put", data };
    return this.#unpack(message, headers, signal);
  }

  /** True for a message that must not be shown at all. */
  refuses({ headers, subject, sequence }: StoredMessage): boolean {
    if (!isForged(headers)) return false;
    this.#log.error({ subject, sequence }, "skipped a message that is a server's answer, not a publisher's");
    return true;
  }

  async #unpack(message: StoredMessage, headers: MsgHdrs, signal: AbortSignal): Promise<Meaning> {
    const { subject, sequence } = message;
    const parts = headers.get(wireHeaders.parts);
    try {
      let body: Uint8Array | undefined = message.data;
      if (parts !== "") {
        const reference = parseParts(parts);
        if (reference === undefined) throw new Error(`"${parts}" refers to no parts`);
        body = await this.#join(message, reference, signal);
        if (body === undefined) return skip;
      }
      return { type: "put", data: await decodeBody(body, headers.get(wireHeaders.encoding) === "gzip") };
    } catch (error) {
      if (signal.aborted) return skip;
      this.#log.error({ err: error, subject, sequence }, `skipped an unusable entry: ${errorText(error)}`);
      return skip;
    }
  }

  /** The joined parts, or undefined if the entry was replaced meanwhile: then its parts are gone, and a newer comes. */
  async #join(
    { subject, sequence }: StoredMessage,
    reference: PartsReference,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const prefix = partsPrefix(subject, reference.id);
    if (prefix === undefined) throw new Error("not a resource's subject");
    for (let attempt = 1;;) {
      const connection = await this.#reader.link.ready(signal);
      try {
        const body = await this.#collect(prefix, reference, signal);
        if (body !== undefined) return body;
        const last = await lastOf(this.#reader, connection, subject);
        if (last === undefined || last.sequence !== sequence) return undefined;
        attempt++;
      } catch (error) {
        // Unreachable is no reason to give up: the log is patient.
        this.#log.debug({ err: error, subject }, "reading parts failed, trying again");
      }
      if (attempt > joinAttempts) throw new Error(`parts ${reference.id} are missing`);
      await pause(100 * attempt, signal);
      if (signal.aborted) return undefined;
    }
  }

  async #collect(
    prefix: string,
    reference: PartsReference,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const connection = await this.#reader.link.ready(signal);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of readDirect(this.#reader, connection, `${prefix}.*`, 1, signal)) {
      const index = Number(part.subject.slice(prefix.length + 1));
      if (!(index >= 0 && index < reference.count) || chunks[index] !== undefined) continue;
      chunks[index] = part.data;
      bytes += part.data.length;
    }
    return bytes === reference.bytes ? Buffer.concat(chunks) : undefined;
  }
}
