import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";

/** How much is kept. */
export interface HistoryLimits {
  /** Changes of one subject; 0: none are kept. */
  readonly versions: number;
  /** Bytes of encoded resources of all changes together. */
  readonly maxBytes: number;
}

/** One change of what a source publishes under a subject. */
export interface RecordedChange {
  readonly kind: ResourceKind;
  readonly subject: string;
  readonly registry: string;
  readonly source: string;
  /** `<namespace>/<name>`. */
  readonly name: string;
  /** When this aggregator learned of it, in milliseconds since 1970. */
  readonly atMs: number;
  /** Place in the entry log. */
  readonly position: string;
  /** The encoded resource, field 2 of a DiscoveryResponse; undefined: there was none. */
  readonly before: Uint8Array | undefined;
  /** Undefined: it was deleted. */
  readonly after: Uint8Array | undefined;
}

/**
 * The last changes of each resource, as this process saw them. The bytes are those that the cache had anyway, so a
 * change costs no copy; what is replaced merely stays in memory. Too many bytes push out the oldest changes, whosever
 * they are.
 */
export class HistoryBook {
  readonly limits: HistoryLimits;
  /** Oldest first. */
  readonly #all = new Set<RecordedChange>();
  /** By subject, oldest first. */
  readonly #bySubject = new Map<string, RecordedChange[]>();
  #bytes = 0;

  constructor(limits: HistoryLimits) {
    this.limits = limits;
  }

  /** Bytes of encoded resources that are kept: those that two changes share count twice. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Remembers what became of a subject, unless its content is the same. `position`: where that happened in the log. */
  record(
    kind: ResourceKind,
    before: CachedResource | undefined,
    after: CachedResource | undefined,
    position: string,
    atMs: number,
  ): void {
    const one = after ?? before;
    if (one === undefined || this.limits.versions === 0 || before?.version === after?.version) return;
    const { subject, registry, source, name } = one;
    const change: RecordedChange = {
      kind,
      subject,
      registry,
      source,
      name,
      atMs,
      position,
      before: before?.framed,
      after: after?.framed,
    };
    const changes = this.#bySubject.get(subject) ?? [];
    this.#bySubject.set(subject, changes);
    changes.push(change);
    this.#all.add(change);
    this.#bytes += bytesOf(change);
    if (changes.length > this.limits.versions) this.#forget(changes[0]);
    while (this.#bytes > this.limits.maxBytes) this.#forget(this.#all.values().next().value);
  }

  /** The changes of a subject that are kept, oldest first. */
  of(subject: string): readonly RecordedChange[] {
    return this.#bySubject.get(subject) ?? [];
  }

  /** The subjects under which a resource of that name was changed. Looks at all that is kept. */
  subjectsOf(kind: ResourceKind, name: string): readonly string[] {
    const found = new Set<string>();
    for (const change of this.#all) {
      if (change.name === name && change.kind === kind) found.add(change.subject);
    }
    return [...found];
  }

  /** Always the oldest one of its subject. */
  #forget(change: RecordedChange | undefined): void {
    if (change === undefined) return;
    this.#all.delete(change);
    this.#bytes -= bytesOf(change);
    const changes = this.#bySubject.get(change.subject);
    changes?.shift();
    if (changes?.length === 0) this.#bySubject.delete(change.subject);
  }
}

function bytesOf({ before, after }: RecordedChange): number {
  return (before?.length ?? 0) + (after?.length ?? 0);
}
