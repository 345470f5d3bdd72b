import { z } from "zod";
import type { MomentRecord, RecordPage } from "../../../shared/api/moments.ts";
import type { ResourceKind } from "../../../shared/model/manifest.ts";
import { Turns } from "../../../shared/runtime/turns.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import type { HistoryOptions } from "./history-options.ts";
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
import { parseMoment } from "./moment.ts";

/** So long a question keeps the event loop at a time, in milliseconds. */
const turnMs = 5;

/** The parameters of a question for the catalogue at a moment. */
export const RecordsQuery = z.object({
  at: momentText(`the moment: ${moments}`),
  q: z.string().min(1).max(253).optional().meta({ description: "part of a name" }),
  ...filters,
  cursor: z.string().max(1000).optional().meta({ description: "next of the page before" }),
});

/**
 * A page of what the sources published at a moment.
 * @throws Refusal if the moment is before what is kept
 */
export async function recordsAt(
  query: z.output<typeof RecordsQuery>,
  options: HistoryOptions,
): Promise<RecordPage> {
  const at = parseMoment(query.at, Date.now());
  const moment = placeOf(at, options);
  const { cache } = options;
  const kind: ResourceKind = query.kind ?? "ServiceEntry";
  const after = query.cursor === undefined ? "" : Buffer.from(query.cursor, "base64url").toString();
  const part = query.q?.toLowerCase() ?? "";
  const traits = new Map<string, Traits>();
  for (const [subject, each] of touchedSubjects(options)) if (each.kind === kind) traits.set(subject, each);
  for (const resource of cache.allStored(kind)) traits.set(resource.subject, { kind, ...resource });
  const subjects = [...traits.keys()].filter((subject) => subject > after).sort();
  const records: MomentRecord[] = [];
  const turns = new Turns(turnMs);
  for (const subject of subjects) {
    if (turns.isOver) await turns.next();
    const each = traits.get(subject);
    if (each === undefined || !isWanted(each, query) || !each.name.toLowerCase().includes(part)) continue;
    const then = stateAt(kind, subject, at, options);
    if (then === undefined || then === "unknown") continue;
    if (records.length === query.limit) {
      const next = Buffer.from(records.at(-1)?.subject ?? "").toString("base64url");
      return { completeSince: completeSince(options), moment, records, next };
    }
    const { name, registry, source } = each;
    const now = cache.stored(kind, subject);
    records.push({
      kind,
      name,
      source: sourceKey(registry, source),
      subject,
      endpoints: then.endpoints,
      since: now === undefined ? "removed" : now.version === then.version ? "same" : "changed",
    });
  }
  return { completeSince: completeSince(options), moment, records, next: null };
}
