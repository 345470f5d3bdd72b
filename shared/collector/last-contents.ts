import type { EntryLog } from "../entry-log/entry-log.ts";
import type { Manifest } from "../model/manifest.ts";
import type { Logger } from "../runtime/log.ts";
import { manifestsOf } from "./published-entry.ts";

/**
 * The last content of resources that the registry no longer shows: held losses and services without endpoints. It
 * can't be converted again, so it comes from the stream, and is kept here in case the stream is lost.
 */
export class LastContents {
  readonly #entryLog: EntryLog;
  readonly #log: Logger;
  readonly #known = new Map<string, Manifest>();

  constructor(entryLog: EntryLog, log: Logger) {
    this.#entryLog = entryLog;
    this.#log = log;
  }

  /** What is kept, by subject. */
  get known(): ReadonlyMap<string, Manifest> {
    return this.#known;
  }

  /** Keeps the content of a subject. */
  set(subject: string, manifest: Manifest): void {
    this.#known.set(subject, manifest);
  }

  /** Forgets a subject: the registry shows it again, or it is deleted. */
  delete(subject: string): void {
    this.#known.delete(subject);
  }

  /** The last content of a subject, from here or from the stream; undefined if neither has it. */
  async of(subject: string, signal: AbortSignal): Promise<Manifest | undefined> {
    const known = this.#known.get(subject);
    if (known !== undefined) return known;
    const stored = manifestsOf(this.#entryLog.readBack(subject, signal), this.#log);
    for await (const { manifest } of stored) return manifest;
    return undefined;
  }

  /** Fetches and keeps what isn't kept yet. */
  async keep(subjects: Iterable<string>, signal: AbortSignal): Promise<void> {
    for (const subject of subjects) {
      const manifest = await this.of(subject, signal);
      if (manifest !== undefined) this.#known.set(subject, manifest);
    }
  }
}
