import type { TraceQuestion } from "../../../../shared/model/trace-question.ts";
import type { CachedResource } from "../../catalogue/cached-resource.ts";
import { sourceKey } from "../../ingest/sync-gate.ts";
import type { ApiOptions } from "../api-options.ts";
import { conflictsIn } from "../conflict-answers.ts";
import { holdersOf } from "../holders.ts";
import { groupOf, hostsOf, specOf } from "../service-rows.ts";
import type { FoundEntry } from "./find-entries.ts";
import { placed } from "./placed.ts";
import type { PlacedFinding } from "./placed.ts";

/** What the stream says of a question as a whole: that it can't be read, or that nothing fits. */
export function streamFindings(
  question: TraceQuestion,
  entries: readonly FoundEntry[],
  ofCollectors: readonly PlacedFinding[],
  { entryLog, ingest, cache }: Pick<ApiOptions, "entryLog" | "ingest" | "cache">,
): PlacedFinding[] {
  const findings: PlacedFinding[] = [];
  const { connected, detail } = entryLog.status();
  if (!connected) {
    findings.push(placed("stream", "MR2003", null, `The entry log can't be reached: ${detail}.`));
  } else if (!ingest.hasRead) {
    findings.push(placed("stream", "MR2004", null, "The entry log isn't read to its end yet."));
  }
  if (entries.length > 0) return findings;
  // What the collectors would make of it is there, without the instance that was asked for.
  const without = ofCollectors.find(({ details }) =>
    cache.get("ServiceEntry", details["service"] ?? "") !== undefined
  );
  if (without === undefined) {
    findings.push(placed("stream", "MR2002", null, `No entry on the stream has ${question.text}.`));
  } else {
    const { source, details: { service = "" } } = without;
    const text = `${service} is on the stream, without ${question.text}.`;
    findings.push(placed("stream", "MR2005", source, text, { service }));
  }
  return findings;
}

/** True for an entry that nothing can be reached through: its service has no instance, or none that may be used. */
export function isEmptied({ stored }: FoundEntry): boolean {
  return stored?.claim?.isEmpty === true;
}

/** The stages of the aggregator for one entry. */
export function servingFindings(entry: FoundEntry, options: ApiOptions): PlacedFinding[] {
  const { subject, id, stored, served, isWaiting } = entry;
  const source = sourceKey(id.registry, id.source);
  const details = {
    subject,
    ...(stored === undefined ? {} : { position: stored.cursor, version: stored.version }),
  };
  const name = `${id.namespace}/${id.name}`;
  const findings = [
    isEmptied(entry)
      ? placed("stream", "MR2006", source, `${name} is on the stream, without any endpoint.`, details)
      : placed("stream", "MR2001", source, `${name} is on the stream.`, details),
  ];
  findings.push(checkFinding(entry, source, options));
  if (isWaiting) {
    findings.push(
      placed("address", "MR2403", source, "It is held back until its host has a virtual address."),
    );
  }
  if (stored === undefined) return findings;
  findings.push(doubtFinding(entry, source, options));
  const conflict = conflictFinding(stored, source, options);
  findings.push(conflict);
  if (served === undefined || conflict.code === "MR2303" || conflict.code === "MR2304") return findings;
  findings.push(addressFinding(served, source, options), ...clientFindings(served, options));
  return findings;
}

function checkFinding({ subject }: FoundEntry, source: string, { ingest }: ApiOptions): PlacedFinding {
  const rejection = ingest.rejections.get(subject);
  if (rejection === undefined) return placed("check", "MR2101", source, "The message is served as it is.");
  const { violations, serving, until } = rejection;
  const [first] = violations;
  const why = first === undefined
    ? "it breaks a rule"
    : `${first.rule} at ${first.path || "the message"}: ${first.message}`;
  const code = serving === "the last good version"
    ? "MR2103"
    : serving === "it all the same"
    ? "MR2104"
    : "MR2102";
  return placed("check", code, source, `Clients get ${serving}: ${why}.`, {
    rules: violations.map(({ rule }) => rule).join(", "),
    ...(until === undefined ? {} : { until }),
  });
}

function doubtFinding({ subject, id }: FoundEntry, source: string, { ingest }: ApiOptions): PlacedFinding {
  const doubt = ingest.doubtsOf(id).get(subject);
  if (doubt === undefined) return placed("doubt", "MR2201", source, "The entry is certain.");
  return doubt.why === "held"
    ? placed(
      "doubt",
      "MR2203",
      source,
      "Its source came back without it; the aggregator holds the loss back.",
    )
    : placed("doubt", "MR2202", source, "The entry log hasn't shown it again since it was reset.");
}

function conflictFinding(stored: CachedResource, source: string, options: ApiOptions): PlacedFinding {
  const group = groupOf(stored, options);
  const conflicts = group === undefined ? [] : conflictsIn(group, options);
  const conflict = conflicts.find(({ host }) => hostsOf(stored).includes(host));
  if (conflict === undefined) {
    return placed("conflicts", "MR2301", source, "No other source claims its host.");
  }
  const { outcome, why, host, claimedBy } = conflict;
  const others = claimedBy.map((claim) => claim.source).filter((each) => each !== source).join(", ");
  const details = { host, others, outcome };
  const leftOut = claimedBy.find((claim) => claim.source === source && claim.name === stored.name)?.leftOut ??
    null;
  if (leftOut !== null) {
    const code = outcome === "preferred" ? "MR2304" : "MR2303";
    return placed("conflicts", code, source, `Clients don't get it: it ${leftOut}.`, details);
  }
  return outcome === "separate"
    ? placed("conflicts", "MR2305", source, `${host} is claimed by ${others}, too: ${why}.`, details)
    : placed("conflicts", "MR2302", source, `${host} is claimed by ${others}, too: ${why}.`, details);
}

function addressFinding(served: CachedResource, source: string, { ingest }: ApiOptions): PlacedFinding {
  const isFull = ingest.rejections.get(served.subject)?.violations[0]?.rule === "S5";
  if (isFull) return placed("address", "MR2404", source, "No virtual address is left for its host.");
  if (!ingest.isVirtual(served.subject)) {
    return placed("address", "MR2401", source, "It needs no virtual address.");
  }
  const addresses = (specOf(served).addresses ?? []).join(", ");
  return placed("address", "MR2402", source, `Its virtual address is ${addresses}.`, { addresses });
}

/** Push and acknowledgement, client by client. */
function clientFindings(served: CachedResource, options: ApiOptions): PlacedFinding[] {
  if (!options.gate.open) {
    return [placed("push", "MR2504", null, "Clients aren't served yet: sources are waited for.")];
  }
  const holders = holdersOf(served, options);
  if (holders.length === 0) return [placed("push", "MR2501", null, "No client is connected.")];
  return holders.flatMap(({ client, address, has, version, detail }): PlacedFinding[] => {
    const details = { client, address, service: served.name, ...(version === null ? {} : { version }) };
    const sent = placed("push", "MR2502", null, `${client} was sent ${served.name}.`, details);
    switch (has) {
      case "current":
        return [sent, placed("acknowledgement", "MR2601", null, `${client} has acknowledged it.`, details)];
      case "refused":
        return [sent, placed("acknowledgement", "MR2602", null, `${client} refuses it: ${detail}.`, details)];
      case "not shown":
        return [placed("push", "MR2503", null, `${client} isn't to have it: ${detail}.`, details)];
      case "behind":
        return detail.startsWith("sent")
          ? [
            sent,
            placed(
              "acknowledgement",
              "MR2603",
              null,
              `${client} hasn't acknowledged it: ${detail}.`,
              details,
            ),
          ]
          : [placed("push", "MR2505", null, `${client} wasn't sent it yet: ${detail}.`, details)];
      case "unknown":
        return detail.startsWith("it polls")
          ? [placed("acknowledgement", "MR2604", null, `${client} polls.`, details)]
          : [placed("push", "MR2506", null, `${client}: ${detail}.`, details)];
    }
  });
}
