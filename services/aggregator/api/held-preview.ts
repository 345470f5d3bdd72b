import type { HeldEntry, HeldPreview } from "../../../shared/api/actions.ts";
import type { Finding } from "../../../shared/api/trace.ts";
import { decodeSubject } from "../../../shared/model/subject.ts";
import type { SourceName } from "../ingest/doubts.ts";
import { sourceKey } from "../ingest/sync-gate.ts";
import { holdingCollectors } from "../sources/release.ts";
import type { ApiOptions } from "./api-options.ts";
import { Refusal } from "./operation.ts";

/** The source of that key. @throws Refusal if there is none */
export function sourceNamed(key: string, { overview }: Pick<ApiOptions, "overview">): SourceName {
  const found = overview.names.find(({ registry, source }) =>
    sourceKey(registry, source) === key || `${registry}/${source}` === key
  );
  if (found !== undefined) return found;
  throw new Refusal(404, `there is no source ${key}; sources lists all`);
}

/** What releasing the held losses of a source would do. Asks its collectors, and waits for them a second at most. */
export async function heldPreview(source: SourceName, options: ApiOptions): Promise<HeldPreview> {
  const { ingest, collectors } = options;
  const entries: HeldEntry[] = [];
  const nowMs = performance.now();
  for (const [subject, doubt] of ingest.doubtsOf(source)) {
    if (doubt.why !== "held") continue;
    entries.push({
      subject,
      name: nameIn(subject),
      heldBy: "aggregator",
      heldMs: Math.round(nowMs - doubt.sinceMs),
      outcome: "deleted",
      endpoints: ingest.endpointsOf(subject),
      left: 0,
      going: [],
    });
  }
  const holding = holdingCollectors([source], collectors).filter(({ held }) => held > 0);
  const answers = holding.length === 0 ? [] : await collectors.ask(source, { by: "held" });
  let named = 0;
  for (const { member, findings } of answers) {
    for (const finding of findings) {
      named++;
      const entry = entryOf(member, finding);
      // Where a share goes from one replica to another, both hold the same for a moment.
      if (!entries.some(({ subject }) => subject === entry.subject)) entries.push(entry);
    }
  }
  return {
    source: sourceKey(source.registry, source.source),
    entries,
    unnamed: Math.max(0, holding.reduce((sum, { held }) => sum + held, 0) - named),
    clients: [...options.clients()].length + [...options.polls?.() ?? []].length,
  };
}

function entryOf(member: string, { details }: Finding): HeldEntry {
  const { subject = "", going = "" } = details;
  const left = numberIn(details["left"]);
  return {
    subject,
    name: nameIn(subject),
    heldBy: member,
    heldMs: numberIn(details["heldMs"]),
    outcome: left === 0 ? "emptied" : "shrunk",
    endpoints: numberIn(details["endpoints"]),
    left,
    going: going === "" ? [] : going.split(","),
  };
}

/** What another process says is a number. */
function numberIn(text: string | undefined): number {
  const number = Math.round(Number(text ?? 0));
  return Number.isSafeInteger(number) ? Math.max(0, number) : 0;
}

function nameIn(subject: string): string {
  const id = decodeSubject(subject);
  return id === undefined ? subject : `${id.namespace}/${id.name}`;
}
