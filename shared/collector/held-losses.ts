import type { Manifest } from "../model/manifest.ts";
import type { Logger } from "../runtime/log.ts";
import { mergeHeld } from "./merge-held.ts";
import { readManifest } from "./published-entry.ts";
import type { PublishedState } from "./published-state.ts";
import { ShrinkGuard } from "./shrink-guard.ts";
import type { Comparison, ShrinkPolicy } from "./shrink-guard.ts";

/** Whose losses these are, and how they are said. */
export interface HeldLossesOptions {
  readonly registry: string;
  readonly source: string;
  readonly state: PublishedState;
  readonly guard: ShrinkPolicy;
  /** Where this process serves HTTP, for the hints in its log. */
  readonly httpUrl: () => string | undefined;
  readonly log: Logger;
}

/**
 * The losses that the mass-deletion guard holds, with the content of each resource when its hold began: what is offered
 * of it meanwhile is published together with that.
 */
export class HeldLosses {
  readonly #options: HeldLossesOptions;
  readonly #guard: ShrinkGuard;
  /** As it lay on the stream: reading all of a large registry takes seconds, and most are never asked for. */
  readonly #contents = new Map<string, Uint8Array>();

  constructor(options: HeldLossesOptions) {
    this.#options = options;
    this.#guard = new ShrinkGuard(options.guard);
  }

  /** The subjects that are held and since when, in milliseconds of `performance.now()`. */
  get subjects(): ReadonlyMap<string, number> {
    return this.#guard.held;
  }

  /** Lets everything through at the next {@link review}. Returns how many there were. */
  release(): number {
    return this.#guard.release();
  }

  /** Compares what is published with a complete read: afterwards {@link subjects} are what is held. */
  review(comparisons: Iterable<Comparison>, isMassLoss: boolean): void {
    const { held, expired } = this.#guard.review(comparisons, performance.now(), isMassLoss);
    this.#keepContents(held);
    this.#reportExpired(expired);
  }

  /** What is to be published of a resource: as it is offered, unless a part of it is held. */
  complete(subject: string, offered: Manifest): Manifest {
    const held = this.contentOf(subject);
    return held === undefined ? offered : mergeHeld(held, offered);
  }

  /** The content of a resource when its hold began; undefined if it isn't held. */
  contentOf(subject: string): Manifest | undefined {
    const data = this.#contents.get(subject);
    return data && readManifest(data);
  }

  #keepContents(held: ReadonlyMap<string, number>): void {
    const { state, log } = this.#options;
    const before = this.#contents.size;
    for (const subject of this.#contents.keys()) if (!held.has(subject)) this.#contents.delete(subject);
    for (const subject of held.keys()) {
      const entry = state.entries.get(subject);
      if (entry !== undefined && !this.#contents.has(subject)) this.#contents.set(subject, entry.data);
    }
    if (held.size <= before) return;
    log.warn(
      { held: held.size, examples: [...held.keys()].slice(0, 5) },
      "the registry lost more than the guard lets through at once: the old endpoints stay until they return, the " +
        `hold time is over, or this lets them go: curl -X POST ${this.#releaseUrl}`,
    );
  }

  get #releaseUrl(): string {
    const { registry, source, httpUrl } = this.#options;
    const path = source === "default" ? registry : `${registry}/${source}`;
    return `${httpUrl() ?? ""}/meshregistry/collectors/${path}/held/release`;
  }

  #reportExpired(expired: readonly string[]): void {
    if (expired.length === 0) return;
    const { log, guard: { holdTimeMs } } = this.#options;
    log.warn(
      { expired: expired.length, holdTimeMs, examples: expired.slice(0, 5) },
      "the hold time of lost endpoints is over, and the registry hasn't shown them again: they are removed now",
    );
  }
}
