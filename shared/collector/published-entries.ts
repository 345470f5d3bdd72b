import type { Manifest } from "../model/manifest.ts";
import { emptySinceAnnotation, endpointCount } from "./published-entry.ts";
import type { PublishedEntry } from "./published-entry.ts";
import type { Comparison } from "./shrink-guard.ts";

/** What a publisher remembers of all that it published, by subject. */
export class PublishedEntries {
  readonly #entries = new Map<string, PublishedEntry>();

  /** Published resources. */
  get size(): number {
    return this.#entries.size;
  }

  /** Subjects of all published resources. */
  subjects(): Iterable<string> {
    return this.#entries.keys();
  }

  /** What is remembered of a subject; undefined if nothing is published there. */
  get(subject: string): PublishedEntry | undefined {
    return this.#entries.get(subject);
  }

  /** Takes note of what was stored under a subject. `contentHash` is the manifest's `manifestHash`. */
  remember(subject: string, sequence: number, manifest: Manifest, contentHash: string): PublishedEntry {
    const { creationTimestamp, annotations } = manifest.metadata;
    const entry: PublishedEntry = {
      sequence,
      contentHash,
      endpoints: endpointCount(manifest),
      creationTimestamp: creationTimestamp ?? new Date().toISOString(),
      emptySince: annotations?.[emptySinceAnnotation],
    };
    this.#entries.set(subject, entry);
    return entry;
  }

  /** Forgets a subject. */
  delete(subject: string): void {
    this.#entries.delete(subject);
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  /** Each published resource beside what a complete read has of it. */
  *compare(read: ReadonlyMap<string, Manifest>): Iterable<Comparison> {
    for (const [subject, { endpoints }] of this.#entries) {
      const manifest = read.get(subject);
      yield {
        subject,
        publishedEndpoints: endpoints,
        readEndpoints: manifest === undefined ? 0 : endpointCount(manifest),
      };
    }
  }
}
