import { isTooMuch } from "../../../shared/collector/shrink-guard.ts";
import type { Loss, ShrinkPolicy } from "../../../shared/collector/shrink-guard.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";

/**
 * Why a served resource is in doubt, although no message says that it is gone:
 *
 * - `unread`: a state of earlier times has it, and the log hasn't been read to its end yet;
 * - `unconfirmed`: the log was reset and hasn't shown it again; a new sync marker of its source decides;
 * - `held`: its source was read completely without it, and lost more than the guard lets through at once.
 */
export type Doubt =
  | { readonly why: "unread" }
  | { readonly why: "unconfirmed" }
  /** `sinceMs` is a time of the clock that is handed in. */
  | { readonly why: "held"; readonly sinceMs: number };

/** A source of resources. */
export interface SourceName {
  readonly registry: string;
  readonly source: string;
}

/** A resource as it is served. */
export interface ServedResource {
  readonly subject: string;
  readonly endpoints: number;
}

/** What a complete read of a source decided about its resources in doubt. */
export interface Verdict {
  /** The loss stays within the limits: these go. */
  readonly dropped: readonly string[];
  /** The loss is too large: these stay served. */
  readonly held: readonly string[];
  readonly loss: Loss;
}

interface SourceDoubts extends SourceName {
  readonly doubts: Map<string, Doubt>;
  /** What the source had when the doubt began, in endpoints: the guard's baseline. */
  readonly before: Map<string, number>;
}

const nothing: Verdict = { dropped: [], held: [], loss: { published: 0, read: 0, lost: 0 } };

/**
 * The served resources that are in doubt, by source. A resource leaves this book in three ways only: the log shows it
 * or deletes it; a complete read of its source lacks it, within the guard's limits; a hold ends. The time is handed in.
 */
export class Doubts {
  readonly #policy: ShrinkPolicy;
  readonly #sources = new Map<string, SourceDoubts>();

  constructor(policy: ShrinkPolicy) {
    this.#policy = policy;
  }

  /** How many resources are in doubt. */
  get size(): number {
    let size = 0;
    for (const { doubts } of this.#sources.values()) size += doubts.size;
    return size;
  }

  /** The sources that have resources in doubt. */
  get sources(): readonly SourceName[] {
    return [...this.#sources.values()].filter(({ doubts }) => doubts.size > 0);
  }

  /** The resources of a source that are in doubt, by subject. */
  of({ registry, source }: SourceName): ReadonlyMap<string, Doubt> {
    return this.#sources.get(keyOf(registry, source))?.doubts ?? new Map();
  }

  /** Why a resource is in doubt; undefined if it isn't. */
  get(subject: string): Doubt | undefined {
    return this.#sourceOf(subject)?.doubts.get(subject);
  }

  /** The log has to show these again. What is in doubt for another reason already stays so. */
  begin(resources: Iterable<ServedResource>, doubt: Doubt): void {
    for (const { subject, endpoints } of resources) {
      const source = this.#sourceOf(subject, true);
      if (source === undefined) continue;
      if (!source.before.has(subject)) source.before.set(subject, endpoints);
      if (!source.doubts.has(subject)) source.doubts.set(subject, doubt);
    }
  }

  /** A resource that is not in doubt was known before, too: it counts in the baseline of its source. */
  knew({ subject, endpoints }: ServedResource): void {
    const before = this.#sourceOf(subject, true)?.before;
    if (before?.has(subject) === false) before.set(subject, endpoints);
  }

  /** Forgets the baselines of sources that have nothing in doubt. */
  forgetCertain(): void {
    for (const source of this.#sources.values()) this.#forgetIfCertain(source);
  }

  /** The log has shown the resource. Returns true if it was in doubt. */
  confirm(subject: string): boolean {
    const source = this.#sourceOf(subject);
    if (source?.doubts.delete(subject) !== true) return false;
    this.#forgetIfCertain(source);
    return true;
  }

  /** The log has deleted the resource: a loss that is no loss. */
  deleted(subject: string): void {
    const source = this.#sourceOf(subject);
    if (source === undefined) return;
    source.before.delete(subject);
    source.doubts.delete(subject);
    this.#forgetIfCertain(source);
  }

  /** The log isn't the one of the state: what it hasn't shown waits for its source. */
  keepUnread(): void {
    for (const { doubts } of this.#sources.values()) {
      for (const [subject, { why }] of doubts) {
        if (why === "unread") doubts.set(subject, { why: "unconfirmed" });
      }
    }
  }

  /**
   * The source was read completely: decides about what is in doubt for these reasons. `isStored` are the subjects that
   * the log is known to hold though they haven't been delivered yet; `endpointsOf` tells what is served of a subject.
   */
  review(
    { registry, source: name }: SourceName,
    reasons: readonly Doubt["why"][],
    isStored: ReadonlySet<string>,
    endpointsOf: (subject: string) => number,
    nowMs: number,
  ): Verdict {
    const source = this.#sources.get(keyOf(registry, name));
    if (source === undefined) return nothing;
    const { doubts, before } = source;
    const missing: string[] = [];
    for (const [subject, { why }] of doubts) {
      if (reasons.includes(why) && !isStored.has(subject)) missing.push(subject);
    }
    if (missing.length === 0) return nothing;
    const loss = lossOf(source, new Set(missing), endpointsOf);
    // Entries without endpoints, and Sidecars, count nothing; they go and stay with the others of their source.
    const nothingIsLeft = missing.length === before.size && this.#policy.maxShrinkPercent < 100;
    if (isTooMuch(this.#policy, loss) || nothingIsLeft) {
      for (const subject of missing) doubts.set(subject, { why: "held", sinceMs: nowMs });
      return { dropped: [], held: missing, loss };
    }
    this.#drop(source, missing);
    return { dropped: missing, held: [], loss };
  }

  /** Ends the holds whose time is over. Returns what has to go, by source. */
  expire(nowMs: number): readonly (SourceName & { readonly dropped: readonly string[] })[] {
    const { holdTimeMs } = this.#policy;
    if (holdTimeMs === 0) return [];
    return this.#take((doubt) => doubt.why === "held" && nowMs - doubt.sinceMs >= holdTimeMs);
  }

  /** Ends the holds of a source. Returns what has to go. */
  release(name: SourceName): readonly string[] {
    const released = this.#take((doubt) => doubt.why === "held", name);
    return released.flatMap(({ dropped }) => dropped);
  }

  #take(
    isMeant: (doubt: Doubt) => boolean,
    only?: SourceName,
  ): (SourceName & { readonly dropped: readonly string[] })[] {
    const taken = [];
    for (const source of this.#sources.values()) {
      const { registry, source: name, doubts } = source;
      if (only !== undefined && (only.registry !== registry || only.source !== name)) continue;
      const dropped = [...doubts].filter(([, doubt]) => isMeant(doubt)).map(([subject]) => subject);
      if (dropped.length === 0) continue;
      this.#drop(source, dropped);
      taken.push({ registry, source: name, dropped });
    }
    return taken;
  }

  #drop(source: SourceDoubts, subjects: readonly string[]): void {
    for (const subject of subjects) {
      source.doubts.delete(subject);
      source.before.delete(subject);
    }
    this.#forgetIfCertain(source);
  }

  /** The next doubt has a baseline of its own. */
  #forgetIfCertain({ registry, source, doubts }: SourceDoubts): void {
    if (doubts.size === 0) this.#sources.delete(keyOf(registry, source));
  }

  #sourceOf(subject: string, create = false): SourceDoubts | undefined {
    if (this.#sources.size === 0 && !create) return undefined;
    const id = decodeSubject(subject);
    if (id === undefined) return undefined;
    const { registry, source } = id;
    const key = keyOf(registry, source);
    let known = this.#sources.get(key);
    if (known === undefined && create) {
      known = { registry, source, doubts: new Map(), before: new Map() };
      this.#sources.set(key, known);
    }
    return known;
  }
}

/** What a source loses with the missing resources: theirs, and what others of it have fewer endpoints than before. */
function lossOf(
  { before, doubts }: SourceDoubts,
  missing: ReadonlySet<string>,
  endpointsOf: (subject: string) => number,
): Loss {
  let published = 0;
  let read = 0;
  let lost = 0;
  for (const [subject, endpoints] of before) {
    published += endpoints;
    const isHeld = doubts.get(subject)?.why === "held";
    const now = missing.has(subject) || isHeld ? 0 : endpointsOf(subject);
    read += now;
    if (now < endpoints && !isHeld) lost += endpoints - now;
  }
  return { published, read, lost };
}

function keyOf(registry: string, source: string): string {
  return `${registry}\0${source}`;
}
