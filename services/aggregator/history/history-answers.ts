import { z } from "zod";
import type { History, HistoryChange, ServiceDiff } from "../../../shared/api/history.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { Refusal } from "../api/operation.ts";
import { membersOf } from "../api/service-rows.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { RecordedChange } from "./history-book.ts";
import type { HistoryOptions } from "./history-options.ts";
import { diffManifests } from "./manifest-diff.ts";
import { manifestIn } from "./manifest-in.ts";
import { moments, momentText, placeOf, stateAt } from "./kept-moments.ts";
import { parseMoment } from "./moment.ts";

/** The parameters of a question for a difference. */
export const DiffQuery = z.object({
  source: z.string().optional().meta({
    description:
      "<registry>, or <registry>/<source>: whose record; needed where several sources have the service",
  }),
  from: z.string().optional().meta({
    description:
      "a position of the history: the state before that change; without it the record is compared with what is served",
  }),
  at: momentText(`the state at a moment, compared with the state now: ${moments}`).optional(),
  to: z.string().optional().meta({
    description: "a position of the history: the state after that change; default: the state now",
  }),
});

const kind: ResourceKind = "ServiceEntry";

/** The history of a service; undefined if there is neither the service nor a change of it. */
export function historyOf(name: string, options: HistoryOptions): History | undefined {
  const { history, historySince } = options;
  const subjects = subjectsNamed(name, options);
  if (subjects.length === 0) return undefined;
  const changes = subjects.flatMap((subject) => history.of(subject));
  changes.sort((a, b) => b.atMs - a.atMs || (a.position < b.position ? 1 : -1));
  const since = historySince();
  return {
    name,
    keptSince: since === undefined ? null : new Date(since).toISOString(),
    versions: history.limits.versions,
    changes: changes.map(shown),
  };
}

/**
 * Two states of what a source publishes of a service, or its record and what is served.
 * @throws Refusal if there is no such service, source or position
 */
export function diffOf(
  name: string,
  query: z.output<typeof DiffQuery>,
  options: HistoryOptions,
): ServiceDiff {
  const { cache, history } = options;
  const { from, to } = query;
  const subject = theSubject(name, query.source, options);
  const changes = history.of(subject);
  const now = cache.stored(kind, subject)?.framed;
  const at = (position: string) => {
    const change = changes.find((each) => each.position === position);
    if (change !== undefined) return change;
    throw new Refusal(404, `no change of ${subject} at ${position} is kept; history lists those that are`);
  };
  if (query.at !== undefined) {
    const moment = parseMoment(query.at, Date.now());
    const { position } = placeOf(moment, options);
    const then = stateAt(kind, subject, moment, options);
    if (then === "unknown") {
      throw new Refusal(404, `${name} changed more often since then than is kept (history.versions)`);
    }
    return {
      name,
      before: `${subject} at ${position}`,
      after: "its record now",
      ...diffManifests(manifestIn(kind, then?.framed), manifestIn(kind, now)),
    };
  }
  if (from === undefined) {
    const before = to === undefined ? now : at(to).after?.framed;
    const record = to === undefined ? `the record of ${subject}` : `${subject} after ${to}`;
    return {
      name,
      before: record,
      after: "what is served",
      ...diffManifests(manifestIn(kind, before), manifestIn(kind, cache.get(kind, name)?.framed)),
    };
  }
  return {
    name,
    before: `${subject} before ${from}`,
    after: to === undefined ? "its record now" : `after ${to}`,
    ...diffManifests(
      manifestIn(kind, at(from).before?.framed),
      manifestIn(kind, to === undefined ? now : at(to).after?.framed),
    ),
  };
}

/** The subjects of which the service is made, and those of which it was. */
export function subjectsNamed(name: string, { cache, history }: HistoryOptions): readonly string[] {
  const served = cache.get(kind, name);
  const members = served === undefined ? [] : membersOf(served, { cache }).map(({ subject }) => subject);
  return [...new Set([...members, ...history.subjectsOf(kind, name)])];
}

function theSubject(name: string, source: string | undefined, options: HistoryOptions): string {
  const all = subjectsNamed(name, options);
  const keyOf = (subject: string) => {
    const one = options.cache.stored(kind, subject) ?? options.history.of(subject)[0];
    return one === undefined ? "" : sourceKey(one.registry, one.source);
  };
  const found = source === undefined ? all : all.filter((subject) => keyOf(subject) === source);
  const [subject, ...others] = found;
  if (subject === undefined) {
    const whose = source === undefined ? "" : ` of ${source}`;
    throw new Refusal(404, `no record${whose} is known of ${name}`);
  }
  if (others.length === 0) return subject;
  throw new Refusal(
    400,
    `several sources have ${name}: add source=, one of ${[...new Set(found.map(keyOf))].join(", ")}`,
  );
}

function shown(change: RecordedChange): HistoryChange {
  const { registry, source, subject, atMs, position, before, after } = change;
  return {
    at: new Date(atMs).toISOString(),
    change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
    source: sourceKey(registry, source),
    subject,
    position,
    // What is new or gone as a whole has nothing to be compared with.
    ...(before === undefined || after === undefined
      ? { differences: [], left: 0 }
      : diffManifests(manifestIn(kind, before.framed), manifestIn(kind, after.framed))),
  };
}
