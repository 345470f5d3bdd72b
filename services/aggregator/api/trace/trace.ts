import { z } from "zod";
import { reasonLink, reasons, worstOf } from "../../../../shared/api/reasons.ts";
import type { Verdict } from "../../../../shared/api/reasons.ts";
import { stageNames } from "../../../../shared/api/trace.ts";
import type { StageName, Trace, TraceStage, TraceVerdict } from "../../../../shared/api/trace.ts";
import { askedBy } from "../../../../shared/model/trace-question.ts";
import type { TraceQuestion } from "../../../../shared/model/trace-question.ts";
import { sourceKey } from "../../ingest/sync-gate.ts";
import type { ApiOptions } from "../api-options.ts";
import { Refusal } from "../operation.ts";
import { askCollectors } from "./collector-stages.ts";
import type { IstiodReader } from "../../istiod/stored-entries.ts";
import { findEntries } from "./find-entries.ts";
import { istiodFindings } from "./istiod-stage.ts";
import type { PlacedFinding } from "./placed.ts";
import { isEmptied, servingFindings, streamFindings } from "./serving-stages.ts";

const text = () => z.string().min(1).max(253).optional();

/** What may be traced: one of the four. */
export const TraceQuery = z.object({
  instance: text().meta({ description: "address:port, or an address" }),
  host: text().meta({ description: "a host, or the beginning of one" }),
  service: text().meta({ description: "a name or an interface, with or without a namespace before it" }),
  application: text(),
});

/** The question in a query. */
export function questionIn(query: z.output<typeof TraceQuery>): TraceQuestion {
  const given = askedBy.flatMap((by) => {
    const value = query[by];
    return value === undefined ? [] : [{ by, text: value.trim() }];
  });
  const [question, ...others] = given;
  if (question === undefined || others.length > 0) {
    throw new Refusal(400, `ask for one of ${askedBy.join(", ")}`);
  }
  return question;
}

/**
 * Follows an instance or a service from its registry to istiod. Collectors and istiods that don't answer leave the rest
 * as it is.
 */
export async function trace(
  question: TraceQuestion,
  options: ApiOptions,
  istiods: IstiodReader,
): Promise<Trace> {
  const entries = await findEntries(question, options);
  const served = new Map(
    entries.flatMap((each) => each.served === undefined ? [] : [[each.served.name, each.served]]),
  );
  const [ofCollectors, ofIstiods] = await Promise.all([
    askCollectors(question, options),
    istiodFindings([...served.values()], istiods),
  ]);
  const findings = [
    ...ofCollectors,
    ...streamFindings(question, entries, ofCollectors, options),
    ...entries.flatMap((entry) => servingFindings(entry, options)),
    ...ofIstiods,
  ];
  const emptied = new Set(
    entries.filter(isEmptied).map(({ id }) => sourceKey(id.registry, id.source)),
  );
  // Without an address there is no such station on the way.
  const stages = stageNames.filter((stage) => stage !== "istiod" || istiods.addresses.length > 0);
  return traceOf(question, relevant(findings, emptied), [...served.keys()], stages);
}

/**
 * Sources that have nothing of what one source has are no problem: the question is where it is, not where it isn't. But
 * of a source whose entry is without endpoints it is the answer.
 */
function relevant(findings: readonly PlacedFinding[], emptied: ReadonlySet<string>): PlacedFinding[] {
  const isThere = findings.some(({ code }) => code === "MR1101" || code === "MR2001" || code === "MR2006");
  if (!isThere) return [...findings];
  return findings.filter(({ code, source }) => code !== "MR1102" || (source !== null && emptied.has(source)));
}

/** The answer, made of findings. Pure. */
function traceOf(
  { by, text }: TraceQuestion,
  findings: readonly PlacedFinding[],
  services: readonly string[],
  names: readonly StageName[],
): Trace {
  const stages = names.map((stage): TraceStage => {
    const verdicts = findings.filter((finding) => finding.stage === stage).map(verdictOf);
    return {
      stage,
      verdict: verdicts.length === 0 ? "skipped" : worstOf(verdicts.map((each) => each.verdict)),
      verdicts,
    };
  });
  const all = stages.flatMap(({ verdicts }) => verdicts);
  const verdict: Verdict = all.length === 0 ? "unknown" : worstOf(all.map((each) => each.verdict));
  return {
    asked: { by, text },
    verdict,
    summary: summaryOf(all, verdict, services),
    services: [...services],
    stages,
  };
}

function verdictOf({ code, text, details, source }: PlacedFinding): TraceVerdict {
  return { code, text, details, source, verdict: reasons[code].verdict, link: reasonLink(code) };
}

/** The first reason that isn't fine, or that all is well. */
function summaryOf(verdicts: readonly TraceVerdict[], verdict: Verdict, services: readonly string[]): string {
  const decisive = verdicts.find((each) => each.verdict === verdict);
  if (verdict === "ok" || decisive === undefined) {
    return `It is in the mesh${services.length === 0 ? "" : `, as ${services.join(", ")}`}.`;
  }
  const where = decisive.source === null ? "" : ` (${decisive.source})`;
  return `${decisive.code}${where}: ${decisive.text}`;
}
