import { decodeSubject } from "../../shared/model/subject.ts";

/** Markers that are remembered, to tell old ones from new ones after a rollback. */
const rememberedMarkers = 10_000;

/** A source, and the id of its sync marker. */
export interface ReadMarker {
  readonly registry: string;
  readonly source: string;
  readonly id: string;
}

/**
 * What is served but was not seen in the log as it is now, and what allows to let it go: a sync marker of its source
 * that was never seen before. A log that was rolled back shows old markers again.
 */
export class Confirmations {
  readonly #unconfirmed = new Set<string>();
  readonly #seen = new Set<string>();
  #read = new Map<string, ReadMarker>();

  /** How many subjects wait to be seen again. */
  get size(): number {
    return this.#unconfirmed.size;
  }

  /** Ids of all markers seen, oldest first. */
  get seen(): readonly string[] {
    return [...this.#seen];
  }

  /** The last marker of each source in the log as it is now. */
  get read(): Iterable<ReadMarker> {
    return this.#read.values();
  }

  /** True if the source's last marker in the log as it is now is none of these. */
  isNewer(registry: string, source: string, known: ReadonlySet<string>): boolean {
    const marker = this.#read.get(keyOf(registry, source));
    return marker !== undefined && !known.has(marker.id);
  }

  /** The log is read anew: what is served has to be seen again. */
  doubt(subjects: Iterable<string>): void {
    this.#read = new Map();
    for (const subject of subjects) this.#unconfirmed.add(subject);
  }

  /** One more subject that was not seen. */
  add(subject: string): void {
    this.#unconfirmed.add(subject);
  }

  /** The log has the subject, or has said that it is gone. True if that was in doubt. */
  confirm(subject: string): boolean {
    return this.#unconfirmed.delete(subject);
  }

  /** Takes note of markers that were seen in earlier times. */
  remember(ids: Iterable<string>): void {
    for (const id of ids) this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= rememberedMarkers) break;
      this.#seen.delete(oldest);
    }
  }

  /** Takes note of a marker in the log. True if it was never seen before. */
  marker(marker: ReadMarker): boolean {
    this.#read.set(keyOf(marker.registry, marker.source), marker);
    if (this.#seen.has(marker.id)) return false;
    this.remember([marker.id]);
    return true;
  }

  /** The subjects of the source that are in doubt; they are not any more. */
  release(registry: string, source: string): readonly string[] {
    const released = [...this.#unconfirmed].filter((subject) => {
      const id = decodeSubject(subject);
      return id?.registry === registry && id.source === source;
    });
    for (const subject of released) this.#unconfirmed.delete(subject);
    return released;
  }
}

function keyOf(registry: string, source: string): string {
  return `${registry}\0${source}`;
}
