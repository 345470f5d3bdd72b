import { z } from "zod";
import type { MomentPlace } from "../../../shared/api/moments.ts";
import { ResourceKindName } from "../../../shared/api/moments.ts";
import { Refusal } from "../api/operation.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { Instant, RecordedChange, RecordedState } from "./history-book.ts";
import type { HistoryOptions } from "./history-options.ts";
import { isAfter } from "./moment.ts";
import type { Moment } from "./moment.ts";

/** The text of a moment in a query. */
export const momentText = (description: string) => z.string().min(1).max(64).meta({ description });

/** What changes and records are chosen by. */
export const filters = {
  kind: ResourceKindName.optional(),
  source: z.string().max(253).optional().meta({ description: "<registry>, or <registry>/<source>" }),
  namespace: z.string().max(253).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
};

/** What a moment may be, for descriptions. */
export const moments =
  "a duration such as 10m (so long ago), a time (RFC 3339), or a position in the entry log";

/** What is chosen. */
export interface Filters {
  readonly kind?: RecordedChange["kind"] | undefined;
  readonly source?: string | undefined;
  readonly namespace?: string | undefined;
}

/** What a record is chosen by. */
export type Traits = Pick<RecordedChange, "kind" | "registry" | "source" | "name">;

/**
 * The last change that a moment has.
 * @throws Refusal if the moment is before what is kept
 */
export function placeOf(moment: Moment, options: HistoryOptions): MomentPlace {
  let last: Instant = refuseTooEarly(moment, options);
  for (const change of options.history.all) {
    // What an operator retired has no place in the log.
    if (change.position !== "" && !isAfter(change, moment)) last = change;
  }
  return shownPlace(last);
}

/** A place as answers have it. */
export function shownPlace({ atMs, position }: Instant): MomentPlace {
  return { at: new Date(atMs).toISOString(), position };
}

/** What a subject had at a moment; "unknown": changes that happened since aren't kept. */
export function stateAt(
  kind: RecordedChange["kind"],
  subject: string,
  moment: Moment,
  { cache, history }: HistoryOptions,
): RecordedState | undefined | "unknown" {
  const forgotten = history.forgotten(subject);
  if (forgotten !== undefined && isAfter(forgotten, moment)) return "unknown";
  const next = history.of(subject).find((change) => isAfter(change, moment));
  return next === undefined ? cache.stored(kind, subject) : next.before;
}

/** The subjects of which any change is known, kept or not. */
export function touchedSubjects({ history }: HistoryOptions): ReadonlyMap<string, Traits> {
  const touched = new Map<string, Traits>();
  for (const changes of [history.allForgotten, history.all]) {
    for (const change of changes) touched.set(change.subject, change);
  }
  return touched;
}

/** From when on changes are kept, unless the moment is before it. */
function refuseTooEarly(moment: Moment, { history }: HistoryOptions): Instant {
  const { floor } = history;
  if (history.limits.versions === 0) {
    throw new Refusal(404, "changes are not kept: history.versions is 0 in the aggregator's configuration");
  }
  if (floor !== undefined && !isAfter(floor, moment)) return floor;
  throw new Refusal(
    404,
    floor === undefined
      ? "no change is kept yet: the aggregator waits for its sources"
      : `that is before ${
        new Date(floor.atMs).toISOString()
      } (${floor.position}), from when on this aggregator keeps changes`,
  );
}

/** From when on all changes are kept. */
export function completeSince({ history: { floor } }: HistoryOptions): string | null {
  return floor === undefined ? null : new Date(floor.atMs).toISOString();
}

/** True if the record is one of the chosen. */
export function isWanted({ kind, registry, source, name }: Traits, filter: Filters): boolean {
  return (filter.kind === undefined || filter.kind === kind) &&
    (filter.source === undefined || filter.source === sourceKey(registry, source)) &&
    (filter.namespace === undefined || name.startsWith(`${filter.namespace}/`));
}
