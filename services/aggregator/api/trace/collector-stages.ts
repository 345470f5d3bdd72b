import type { CollectorAnswer, TraceQuestion } from "../../../../shared/model/trace-question.ts";
import type { SourceName } from "../../ingest/doubts.ts";
import { sourceKey } from "../../ingest/sync-gate.ts";
import type { ApiOptions } from "../api-options.ts";
import { placed } from "./placed.ts";
import type { PlacedFinding } from "./placed.ts";

/** What the collectors of all sources say, source by source. */
export async function askCollectors(
  question: TraceQuestion,
  { overview, collectors }: Pick<ApiOptions, "overview" | "collectors">,
): Promise<PlacedFinding[]> {
  const answers = await Promise.all(overview.names.map(async (source) => {
    const isAlive = collectors.of(source).some(({ status }) => status === "live");
    return sourceFindings(source, isAlive, await collectors.ask(source, question));
  }));
  return answers.flat();
}

/** The findings of one source, from what its replicas answered. Pure. */
export function sourceFindings(
  { registry, source }: SourceName,
  isAlive: boolean,
  answers: readonly CollectorAnswer[],
): PlacedFinding[] {
  const key = sourceKey(registry, source);
  // The replica that publishes the record knows most of it; else one that has found something.
  const answer = answers.find(({ owns }) => owns) ??
    answers.find(({ findings }) => findings.some(({ code }) => code === "MR1101")) ?? answers[0];
  if (answer !== undefined) return answer.findings.map((finding) => ({ ...finding, source: key }));
  return [
    isAlive
      ? placed("registry", "MR1104", key, `The collector of ${key} doesn't answer.`)
      : placed("registry", "MR1105", key, `No collector of ${key} is alive.`),
  ];
}
