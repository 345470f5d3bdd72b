import type { Timeline } from "../../../shared/api/moments.ts";
import { sequenceIn, streamIdIn } from "../../../shared/model/cursor.ts";
import type { Instant } from "./history-book.ts";
import type { HistoryOptions } from "./history-options.ts";
import { shownPlace } from "./kept-moments.ts";

/** In how many parts the way from the first to the last moment is cut. */
const parts = 100;

/** Which moments can be asked for: of the log that is read now, from the first change that is kept. */
export function timelineOf({ history }: HistoryOptions): Timeline {
  const { floor, limits: { versions } } = history;
  const places: readonly Instant[] = floor === undefined ? [] : [floor, ...history.all];
  const newest = latest(places);
  const first = places.find(({ position }) =>
    newest !== undefined && streamIdIn(position) === streamIdIn(newest.position)
  );
  if (newest === undefined || first === undefined) {
    return { versions, first: null, last: null, changes: 0, parts: [] };
  }
  const from = sequenceIn(first.position);
  const length = sequenceIn(newest.position) - from;
  const counts = Array.from({ length: parts }, () => 0);
  for (const change of history.all) {
    if (streamIdIn(change.position) !== streamIdIn(newest.position)) continue;
    const part = length === 0 ? 0 : Math.floor((sequenceIn(change.position) - from) / length * parts);
    const index = Math.max(0, Math.min(parts - 1, part));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return {
    versions,
    first: shownPlace(first),
    last: shownPlace(newest),
    changes: history.all.size,
    parts: counts,
  };
}

/** What was removed by an operator has no place in the log, and is passed over. */
function latest(places: readonly Instant[]): Instant | undefined {
  let newest: Instant | undefined;
  for (const place of places) {
    if (place.position !== "" && (newest === undefined || place.position > newest.position)) newest = place;
  }
  return newest;
}
