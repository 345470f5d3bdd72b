import type { Manifest } from "../model/manifest.ts";
import type { Change } from "./publish-change.ts";

/** The effects of one publish, for logs and metrics. The figures count ServiceEntries; Sidecars have their own. */
export interface PublishSummary {
  readonly created: number;
  readonly updated: number;
  readonly emptied: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly held: number;
  /** Sidecars; undefined if none changed. */
  readonly sidecars?: SidecarSummary;
}

/** The effects of one publish on Sidecars. They have no endpoints, so they are never emptied. */
export interface SidecarSummary {
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
}

/** Adds up what a publish does. */
export class SummaryCounts {
  readonly #serviceEntries = { created: 0, updated: 0, emptied: 0, deleted: 0 };
  readonly #sidecars = { created: 0, updated: 0, emptied: 0, deleted: 0 };

  /** Counts a change that was stored. */
  add({ kind, what }: Change): void {
    (kind === "ServiceEntry" ? this.#serviceEntries : this.#sidecars)[what]++;
  }

  /** The sums. `offered` is how many ServiceEntries were to be published, `held` what the guard holds. */
  summary(offered: number, held: number): PublishSummary {
    const { created, updated, deleted } = this.#sidecars;
    const unchanged = Math.max(0, offered - this.#serviceEntries.created - this.#serviceEntries.updated);
    return {
      ...this.#serviceEntries,
      unchanged,
      held,
      ...(created + updated + deleted > 0 ? { sidecars: { created, updated, deleted } } : {}),
    };
  }
}

/** How many of the offers are ServiceEntries: what {@link SummaryCounts.summary} takes as offered. */
export function countServiceEntries(offers: Iterable<{ readonly manifest: Manifest }>): number {
  let count = 0;
  for (const { manifest } of offers) if (manifest.kind === "ServiceEntry") count++;
  return count;
}
