import type { Manifest } from "../model/manifest.ts";
import type { Logger } from "../runtime/log.ts";
import type { PreparedOffer } from "./offers.ts";
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

/** Which losses wait for the registry: see `isUnsettled` (all) and `isYoung` (large) of `RegistryView`. */
export type WaitingLosses = "none" | "large" | "all";

/**
 * The losses that the mass-deletion guard holds, and those that wait until the registry has settled, with the content of
 * each resource when that began: what is offered of it meanwhile is published together with that.
 */
export class HeldLosses {
  readonly #options: HeldLossesOptions;
  readonly #guard: ShrinkGuard;
  /** As it lay on the stream: reading all of a large registry takes seconds, and most are never asked for. */
  readonly #contents = new Map<string, Uint8Array>();
  /** Resources of which the last comparison found less than is published, at a registry that hadn't settled. */
  #unsettled: ReadonlySet<string> = new Set();
  /** How many were held after the last review. */
  #heldBefore = 0;

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

  /**
   * Compares what is published with a complete read (`offers`, by subject): afterwards {@link subjects} are what is held.
   * `waiting`: until the next comparison no resource with such a loss loses an endpoint that is missing now.
   */
  review(
    comparisons: Iterable<Comparison>,
    isMassLoss: boolean,
    waiting: WaitingLosses,
    offers: ReadonlyMap<string, PreparedOffer>,
  ): void {
    const shrinking = new Set<string>();
    const { held, expired } = this.#guard.review(
      waiting === "none" ? comparisons : this.#noteShrinking(comparisons, waiting, offers, shrinking),
      performance.now(),
      isMassLoss,
    );
    this.#unsettled = shrinking;
    this.#keepContents(held);
    this.#reportExpired(expired);
  }

  /** True if the resource keeps endpoints that the registry doesn't show. */
  keeps(subject: string): boolean {
    return this.subjects.has(subject) || this.#unsettled.has(subject);
  }

  /** What is to be published of a resource: as it is offered, unless a part of it is held. */
  complete(subject: string, offered: Manifest): Manifest {
    const held = this.contentOf(subject);
    return held === undefined ? offered : mergeHeld(held, offered);
  }

  /** The content of a resource when its losses began; undefined if it {@link keeps} none. */
  contentOf(subject: string): Manifest | undefined {
    const data = this.#contents.get(subject);
    return data && readManifest(data);
  }

  /** Hands on what it gets, and notes the subjects of which the registry lacks something that is published. */
  *#noteShrinking(
    comparisons: Iterable<Comparison>,
    losses: "large" | "all",
    offers: ReadonlyMap<string, PreparedOffer>,
    shrinking: Set<string>,
  ): Iterable<Comparison> {
    for (const comparison of comparisons) {
      const { subject, publishedEndpoints, readEndpoints } = comparison;
      const isNumber = typeof readEndpoints === "number";
      const isLarge = isNumber && readEndpoints < publishedEndpoints &&
        readEndpoints * 2 <= publishedEndpoints;
      const isLess = losses === "all" &&
        ((isNumber && readEndpoints < publishedEndpoints) || this.#lacks(subject, offers.get(subject)));
      if (isLarge || isLess) shrinking.add(subject);
      yield comparison;
    }
  }

  /** True if an endpoint that is published isn't offered, however many others are. */
  #lacks(subject: string, offer: PreparedOffer | undefined): boolean {
    const entry = this.#options.state.entries.get(subject);
    // Other replicas' units have no hash here.
    if (offer?.hash === undefined || entry === undefined || offer.hash === entry.contentHash) return false;
    const published = readManifest(entry.data);
    return published !== undefined && mergeHeld(published, offer.manifest) !== offer.manifest;
  }

  #keepContents(held: ReadonlyMap<string, number>): void {
    const { state, log } = this.#options;
    const before = this.#heldBefore;
    this.#heldBefore = held.size;
    for (const subject of this.#contents.keys()) if (!this.keeps(subject)) this.#contents.delete(subject);
    for (const subject of [...held.keys(), ...this.#unsettled]) {
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
