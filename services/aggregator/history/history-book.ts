import type { ResourceKind } from "../../../shared/model/manifest.ts";
import type { CachedResource } from "../catalogue/cached-resource.ts";

/** How much is kept. */
export interface HistoryLimits {
  /** Changes of one subject; 0: none are kept. */
  readonly versions: number;
  /** Bytes of encoded resources of all changes together. */
  readonly maxBytes: number;
}

/** What a source published under a subject at some time. */
export interface RecordedState {
  /** Content hash: equal for equal content. */
  readonly version: string;
  readonly endpoints: number;
  /** The encoded resource, field 2 of a DiscoveryResponse. */
  readonly framed: Uint8Array;
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
  /** Undefined: there was none. */
  readonly before: RecordedState | undefined;
  /** Undefined: it was deleted. */
  readonly after: RecordedState | undefined;
}

/** When something happened: by this process's clock, and in the entry log. */
export type Instant = Pick<RecordedChange, "atMs" | "position">;

/** What is left of a change that isn't kept any more. */
export type ForgottenChange = Omit<RecordedChange, "before" | "after">;

/** So many subjects of which changes were forgotten are remembered one by one. */
const maxForgotten = 10_000;

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
  /** The newest change of a subject that is not kept any more. */
  readonly #forgotten = new Map<string, ForgottenChange>();
  /** Before it, changes of any subject may be missing. */
  #floor: Instant | undefined;
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
      before: stateOf(before),
      after: stateOf(after),
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

  /** All changes that are kept, in the order in which they happened. */
  get all(): ReadonlySet<RecordedChange> {
    return this.#all;
  }

  /** The last change of a subject that is not kept any more, or a later one of another subject; undefined: all are kept. */
  forgotten(subject: string): Instant | undefined {
    return this.#forgotten.get(subject) ?? this.#floor;
  }

  /** Of each subject of which changes are not kept any more the last of those, as far as they are known. */
  get allForgotten(): Iterable<ForgottenChange> {
    return this.#forgotten.values();
  }

  /** From when on the changes of all subjects are kept, but for {@link allForgotten}; undefined: nobody said. */
  get floor(): Instant | undefined {
    return this.#floor;
  }

  /** Says that changes are recorded from now on. */
  begin(now: Instant): void {
    this.#floor = now;
  }

  /** Always the oldest one of its subject. */
  #forget(change: RecordedChange | undefined): void {
    if (change === undefined) return;
    this.#all.delete(change);
    this.#forgotten.delete(change.subject);
    const { before: _before, after: _after, ...left } = change;
    this.#forgotten.set(change.subject, left);
    const [oldest] = this.#forgotten;
    if (oldest !== undefined && this.#forgotten.size > maxForgotten) {
      this.#forgotten.delete(oldest[0]);
      this.begin(oldest[1]);
    }
    this.#bytes -= bytesOf(change);
    const changes = this.#bySubject.get(change.subject);
    changes?.shift();
    if (changes?.length === 0) this.#bySubject.delete(change.subject);
  }
}

function bytesOf({ before, after }: RecordedChange): number {
  return (before?.framed.length ?? 0) + (after?.framed.length ?? 0);
}

function stateOf(resource: CachedResource | undefined): RecordedState | undefined {
  if (resource === undefined) return undefined;
  const { version, endpoints, framed } = resource;
  return { version, endpoints, framed };
}
