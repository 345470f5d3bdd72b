import type { MsgHdrs } from "@nats-io/transport-node";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import { isForged, lastOf, readDirect } from "./direct.ts";
import type { DirectReader, StoredMessage } from "./direct.ts";
import { pause } from "../../runtime/waiting.ts";
import { decodeBody, isPartSubject, parseParts, partsPrefix, wireHeaders } from "./wire.ts";
import type { PartsReference } from "./wire.ts";

/** What a stored message means. `skip`: nothing to a reader (a part, or replaced meanwhile). */
export type Meaning =
  | { readonly type: "put"; readonly data: Uint8Array }
  | { readonly type: "delete" }
  | { readonly type: "unusable"; readonly reason: string }
  | { readonly type: "skip" };

const skip: Meaning = { type: "skip" };

/** How often missing parts are looked for before the entry is given up: replicas may lag by a moment. */
const joinAttempts = 6;

/**
 * Unpacks stored messages: tombstones, compression, parts. An unusable message is logged; it never ends a reader.
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

  /** {@link decode} for what a consumer delivered. (What a direct get returns always has the headers of an answer.) */
  decodeDelivered(message: StoredMessage, signal: AbortSignal): Meaning | Promise<Meaning> {
    if (!isForged(message.headers)) return this.decode(message, signal);
    if (isPartSubject(message.subject)) return skip;
    return this.#unusable(message, "the message is a server's answer, not a publisher's");
  }

  async #unpack(message: StoredMessage, headers: MsgHdrs, signal: AbortSignal): Promise<Meaning> {
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
      return signal.aborted ? skip : this.#unusable(message, errorText(error));
    }
  }

  #unusable({ subject, sequence }: StoredMessage, reason: string): Meaning {
    this.#log.error({ subject, sequence }, `an entry can't be unpacked, it counts as missing: ${reason}`);
    return { type: "unusable", reason };
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
