import { z } from "zod";
import { reasons } from "./reasons.ts";
import type { ReasonCode } from "./reasons.ts";

/** The answer of `/api/v1/trace`: what each stage between a registry and istiod says of one instance or service. */

/** The stages, in the order of the way. */
export const stageNames = [
  "registry",
  "selection",
  "name",
  "conversion",
  "rules",
  "publishing",
  "stream",
  "check",
  "doubt",
  "conflicts",
  "address",
  "push",
  "acknowledgement",
  "istiod",
] as const;
export const StageName = z.enum(stageNames);
export type StageName = z.infer<typeof StageName>;

const codes = new Set<string>(Object.keys(reasons));

/** A code of `docs/reasons.md`. */
export const Code = z.custom<ReasonCode>((value) => typeof value === "string" && codes.has(value)).meta({
  type: "string",
  pattern: "^MR[0-9]{4}$",
  description: "a code of docs/reasons.md; it never changes its meaning",
});

/** One finding of a stage, as a collector or the aggregator makes it. */
export const Finding = z.object({
  stage: StageName,
  code: Code,
  text: z.string().meta({ description: "one sentence" }),
  details: z.record(z.string(), z.string()),
});
export type Finding = z.infer<typeof Finding>;

const VerdictWord = z.enum(["ok", "note", "problem", "unknown"]);

/** A finding with where it comes from and where its explanation is. */
export const TraceVerdict = Finding.omit({ stage: true }).extend({
  verdict: VerdictWord,
  source: z.string().nullable().meta({ description: "the source that it is about; null: no certain one" }),
  link: z.string(),
});
export type TraceVerdict = z.infer<typeof TraceVerdict>;

/** A stage: its verdict is the worst of what was found. `skipped`: the way ended before it. */
export const TraceStage = z.object({
  stage: StageName,
  verdict: z.enum(["ok", "note", "problem", "unknown", "skipped"]),
  verdicts: z.array(TraceVerdict),
});
export type TraceStage = z.infer<typeof TraceStage>;

/** The whole way. */
export const Trace = z.object({
  asked: z.object({ by: z.string(), text: z.string() }),
  verdict: VerdictWord.meta({ description: "ok: every client that is to have it has it" }),
  summary: z.string(),
  services: z.array(z.string()).meta({ description: "what is served of it: <namespace>/<name>" }),
  stages: z.array(TraceStage),
});
export type Trace = z.infer<typeof Trace>;

/** All reasons with what they mean and how to mend them. */
export const ReasonList = z.object({
  reasons: z.array(
    z.object({ code: Code, verdict: VerdictWord, title: z.string(), help: z.string(), link: z.string() }),
  ),
});
