import { parseGoDuration } from "../../../shared/config/schema/duration.ts";
import { Refusal } from "../api/operation.ts";
import type { Instant } from "./history-book.ts";

/** A point in time: by this process's clock, in milliseconds since 1970, or a place in the entry log. */
export type Moment =
  | { readonly type: "time"; readonly atMs: number }
  | { readonly type: "position"; readonly position: string };

/** See {@link import("../../../shared/model/cursor.ts").cursorOf}. */
const positionPattern = /^\d{8}T\d{9}Z-\d{16}$/;

const timePattern = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a moment: `10m` (so long ago), `2026-11-30T03:00:00Z`, or a position of the entry log.
 * @throws Refusal if it is none of these, or in the future
 */
export function parseMoment(text: string, nowMs: number): Moment {
  if (positionPattern.test(text)) return { type: "position", position: text };
  const atMs = timePattern.test(text) ? Date.parse(text) : nowMs - durationIn(text);
  if (Number.isNaN(atMs)) {
    throw new Refusal(
      400,
      `${
        JSON.stringify(text)
      } is no moment: give a duration such as 10m, a time such as 2026-11-30T03:00:00Z, or a position`,
    );
  }
  if (atMs > nowMs) throw new Refusal(400, `${text} is in the future by this aggregator's clock`);
  return { type: "time", atMs };
}

/** NaN for what is no duration. */
function durationIn(text: string): number {
  try {
    return parseGoDuration(text);
  } catch {
    return NaN;
  }
}

/** True if something happened after the moment. */
export function isAfter(instant: Instant, moment: Moment): boolean {
  return moment.type === "time" ? instant.atMs > moment.atMs : instant.position > moment.position;
}
