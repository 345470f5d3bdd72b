import { randomUUID } from "node:crypto";
import { headers as createHeaders } from "@nats-io/transport-node";
import { subjectRoot } from "../../model/subject.ts";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import { lastOf } from "./direct.ts";
import type { DirectReader } from "./direct.ts";
import type { Pipeline } from "./pipeline.ts";
import type { StreamWatch } from "./stream.ts";
import { parseParts, partsFilterBeside, partsIdTime, partsPrefix, wireHeaders } from "./wire.ts";
import type { PartsReference } from "./wire.ts";

/** What a publisher works with. */
export interface PublisherContext extends DirectReader {
  readonly watch: StreamWatch;
  readonly pipeline: Pipeline;
  /** The stream's subjects are those below this one. */
  readonly root: string;
  readonly log: Logger;
  /** How long tombstones are kept, in milliseconds. */
  readonly tombstoneTtlMs: number;
}

/** How long the tombstone of a part stays: nobody needs to see it. */
const partTombstoneTtl = "60s";

/** How often a source's parts are swept, and how old parts without an entry must be, in milliseconds. */
const sweepEveryMs = 10 * 60_000;

/** Removes the parts of replaced entries: at once those of this process, by a sweep what a crash left behind. */
export class PartsKeeper {
  readonly #context: PublisherContext;
  readonly #current = new Map<string, PartsReference>();
  readonly #sweptAtMs = new Map<string, number>();

  constructor(context: PublisherContext) {
    this.#context = context;
  }

  /** Takes note that an entry was stored, in these parts or in none, and removes those that it had before. */
  onStored(subject: string, parts: PartsReference | undefined): void {
    const old = this.#current.get(subject);
    if (parts === undefined) this.#current.delete(subject);
    else this.#current.set(subject, parts);
    if (old !== undefined) this.remove(subject, old);
    if (this.#context.root === subjectRoot) this.#sweepInTime(subject);
  }

  /** Replaces parts by tombstones, in the background: whether that succeeds matters to nobody but the disk. */
  remove(subject: string, { id, count }: PartsReference): void {
    const prefix = partsPrefix(subject, id);
    if (prefix === undefined) return;
    for (let index = 0; index < count; index++) this.#removePart(`${prefix}.${index}`);
  }

  #removePart(subject: string): void {
    const headers = createHeaders();
    headers.set(wireHeaders.id, randomUUID());
    headers.set(wireHeaders.operation, "delete");
    const { watch, pipeline, link, log } = this.#context;
    if (watch.facts?.allowsTtl !== false) headers.set(wireHeaders.ttl, partTombstoneTtl);
    pipeline.send({ subject, headers, data: new Uint8Array(), barrier: false }, link.signal).catch(
      (error: unknown) => {
        log.debug({ err: error, subject }, "removing a part failed");
      },
    );
  }

  #sweepInTime(subject: string): void {
    const filter = partsFilterBeside(subject);
    const now = performance.now();
    if (now - (this.#sweptAtMs.get(filter) ?? Number.NEGATIVE_INFINITY) < sweepEveryMs) return;
    this.#sweptAtMs.set(filter, now);
    this.#sweep(filter).catch((error: unknown) => {
      this.#context.log.debug({ err: error, filter }, `sweeping parts failed: ${errorText(error)}`);
    });
  }

  /** A crash between parts and entry, or a publisher that never knew of the parts, leaves parts without an entry. */
  async #sweep(filter: string): Promise<void> {
    const { link, watch, stream, log } = this.#context;
    const connection = await link.ready(link.signal);
    const api = await watch.manager(connection);
    const { state } = await api.streams.info(stream, { subjects_filter: filter });
    const sets = new Map<string, string[]>();
    for (const part of Object.keys(state.subjects ?? {})) {
      const prefix = part.slice(0, part.lastIndexOf("."));
      sets.set(prefix, [...(sets.get(prefix) ?? []), part]);
    }
    for (const [prefix, subjects] of sets) {
      const id = prefix.slice(prefix.lastIndexOf(".") + 1);
      if (Date.now() - partsIdTime(id) < sweepEveryMs) continue;
      const part = await lastOf(this.#context, connection, subjects[0] ?? "");
      const entrySubject = part?.headers?.get(wireHeaders.partOf) ?? "";
      // A tombstone names no entry: it goes by itself.
      if (entrySubject === "") continue;
      const entry = await lastOf(this.#context, connection, entrySubject);
      if (parseParts(entry?.headers?.get(wireHeaders.parts) ?? "")?.id === id) continue;
      log.info({ entry: entrySubject, parts: subjects.length }, "removing parts that no entry refers to");
      for (const subject of subjects) this.#removePart(subject);
    }
  }
}
