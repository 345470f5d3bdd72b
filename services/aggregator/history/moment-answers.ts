import { z } from "zod";
import type { ChangePage, MomentDiff, MomentRow, ServiceMoment } from "../../../shared/api/moments.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { subjectsNamed } from "./history-answers.ts";
import type { RecordedChange, RecordedState } from "./history-book.ts";
import type { HistoryOptions } from "./history-options.ts";
import { manifestIn } from "./manifest-in.ts";
import {
  completeSince,
  filters,
  isWanted,
  moments,
  momentText,
  placeOf,
  stateAt,
  touchedSubjects,
} from "./kept-moments.ts";
import type { Traits } from "./kept-moments.ts";
import { isAfter, parseMoment } from "./moment.ts";

/** The parameters of a question for what happened. */
export const ChangesQuery = z.object({
  since: momentText(`only what happened after it: ${moments}`).optional(),
  until: momentText("only what happened up to it, in the same forms").optional(),
  ...filters,
});

/** The parameters of a question for a moment. */
export const MomentQuery = z.object({
  at: momentText(`the moment: ${moments}`),
  to: momentText("what it is compared with, in the same forms; default: now").optional(),
  ...filters,
});

/** The parameters of a question for a service at a moment. */
export const ServiceMomentQuery = z.object({ at: momentText(`the moment: ${moments}`) });

/** The changes that are kept of all resources, the newest first. */
export function changesOf(query: z.output<typeof ChangesQuery>, options: HistoryOptions): ChangePage {
  const nowMs = Date.now();
  const since = query.since === undefined ? undefined : parseMoment(query.since, nowMs);
  const until = query.until === undefined ? undefined : parseMoment(query.until, nowMs);
  const { history } = options;
  const fits = (change: RecordedChange) =>
    isWanted(change, query) && (since === undefined || isAfter(change, since)) &&
    (until === undefined || !isAfter(change, until));
  const found = [...history.all].filter(fits).toReversed();
  return {
    completeSince: completeSince(options),
    changes: found.slice(0, query.limit).map((change) => ({
      at: new Date(change.atMs).toISOString(),
      position: change.position,
      ...rowOf(change, change.before, change.after),
    })),
    left: Math.max(found.length - query.limit, 0),
  };
}

/**
 * What sources published at a moment and don't any more, or otherwise.
 * @throws Refusal if the moment is before what is kept
 */
export function momentDiff(query: z.output<typeof MomentQuery>, options: HistoryOptions): MomentDiff {
  const nowMs = Date.now();
  const at = parseMoment(query.at, nowMs);
  const to = query.to === undefined ? undefined : parseMoment(query.to, nowMs);
  const moment = placeOf(at, options);
  if (to !== undefined) placeOf(to, options);
  const rows: MomentRow[] = [];
  let unknown = 0;
  for (const [subject, traits] of touchedSubjects(options)) {
    if (!isWanted(traits, query)) continue;
    const before = stateAt(traits.kind, subject, at, options);
    const after = to === undefined
      ? options.cache.stored(traits.kind, subject)
      : stateAt(traits.kind, subject, to, options);
    if (before === "unknown" || after === "unknown") unknown++;
    else if (before?.version !== after?.version) rows.push(rowOf({ ...traits, subject }, before, after));
  }
  rows.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.subject < b.subject ? -1 : 1);
  const count = (change: MomentRow["change"]) => rows.filter((row) => row.change === change).length;
  return {
    completeSince: completeSince(options),
    moment,
    counts: { added: count("added"), changed: count("changed"), removed: count("removed"), unknown },
    rows: rows.slice(0, query.limit),
    left: Math.max(rows.length - query.limit, 0),
  };
}

/**
 * A service as each source published it at a moment; undefined if nothing of that name is known.
 * @throws Refusal if the moment is before what is kept
 */
export function serviceMoment(
  name: string,
  text: string,
  options: HistoryOptions,
): ServiceMoment | undefined {
  const at = parseMoment(text, Date.now());
  placeOf(at, options);
  const subjects = subjectsNamed(name, options);
  if (subjects.length === 0) return undefined;
  const records = subjects.map((subject) => {
    const state = stateAt("ServiceEntry", subject, at, options);
    if (state === "unknown") {
      return { subject, state: "unknown" as const, manifest: null };
    }
    return state === undefined
      ? { subject, state: "absent" as const, manifest: null }
      : { subject, state: "published" as const, manifest: manifestIn("ServiceEntry", state.framed) };
  });
  return { name, completeSince: completeSince(options), records };
}

function rowOf(
  { kind, registry, source, name, subject }: Traits & { readonly subject: string },
  before: RecordedState | undefined,
  after: RecordedState | undefined,
): MomentRow {
  return {
    kind,
    name,
    source: sourceKey(registry, source),
    subject,
    change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
    endpointsBefore: before?.endpoints ?? 0,
    endpointsAfter: after?.endpoints ?? 0,
  };
}
