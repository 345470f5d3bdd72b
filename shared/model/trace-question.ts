import { z } from "zod";
import { Finding } from "../api/trace.ts";
import { DryRunQuestion, DryRunResult } from "./dry-run.ts";
import { readJson } from "./read-json.ts";
import { encodeToken } from "./subject.ts";

/**
 * Questions to collectors, in the bucket of their leases (see `collector-lease.ts`):
 *
 *     ask.<registry>.<source>.<id>               an aggregator asks what a source knows of an instance or a service
 *     answer.<registry>.<source>.<id>.<member>   what one replica says
 *
 * The bucket is what both sides follow and may write anyway, embedded or in NATS, and all replicas see a question.
 */

/** How long questions and answers stay in the bucket, in milliseconds. */
export const questionTtlMs = 5_000;

/** What is asked for. */
export const askedBy = ["instance", "host", "service", "application"] as const;

/** A question about one instance, host, service or application. */
export const TraceQuestion = z.object({
  by: z.enum(askedBy),
  /** An address (with or without a port), a host, a name. */
  text: z.string().min(1).max(253),
});
export type TraceQuestion = z.infer<typeof TraceQuestion>;

/** The question what the guard of a source holds back. Collectors of earlier versions don't answer it. */
export const HeldQuestion = z.object({ by: z.literal("held") });
export type HeldQuestion = z.infer<typeof HeldQuestion>;

/** What may be asked. */
export const CollectorQuestion = z.discriminatedUnion("by", [TraceQuestion, HeldQuestion, DryRunQuestion]);
export type CollectorQuestion = z.infer<typeof CollectorQuestion>;

/** A question on its way. */
export const AskedQuestion = z.object({ id: z.string().min(1).max(64), question: CollectorQuestion });
export type AskedQuestion = z.infer<typeof AskedQuestion>;

/** What a replica of a collector says. */
export const CollectorAnswer = z.object({
  id: z.string(),
  member: z.string(),
  /** True if the replica publishes what was found: of several answers this one counts. */
  owns: z.boolean(),
  findings: z.array(Finding),
  /** Of a dry run. */
  dryRun: DryRunResult.optional(),
});
export type CollectorAnswer = z.infer<typeof CollectorAnswer>;

/** The subject of a question; `root` is that of the bucket. */
export function askSubject(root: string, registry: string, source: string, id: string): string {
  return `${root}.ask.${[registry, source, id].map(encodeToken).join(".")}`;
}

/** The filter that matches the questions to one source. */
export function askFilter(root: string, registry: string, source: string): string {
  return `${root}.ask.${encodeToken(registry)}.${encodeToken(source)}.*`;
}

/** The subject of a replica's answer. */
export function answerSubject(
  root: string,
  { registry, source }: { readonly registry: string; readonly source: string },
  id: string,
  member: string,
): string {
  return `${root}.answer.${[registry, source, id, member].map(encodeToken).join(".")}`;
}

/** True for subjects of questions and answers. */
export function isTraceSubject(root: string, subject: string): boolean {
  return subject.startsWith(`${root}.ask.`) || subject.startsWith(`${root}.answer.`);
}

/** The question in a message; undefined for what isn't one. */
export function readQuestion(data: Uint8Array): AskedQuestion | undefined {
  return AskedQuestion.safeParse(readJson(data)).data;
}

/** The answer in a message; undefined for what isn't one (a newer program's may have codes that aren't known here). */
export function readAnswer(data: Uint8Array): CollectorAnswer | undefined {
  return CollectorAnswer.safeParse(readJson(data)).data;
}

/** Address and port of `10.0.0.7:20880`, `10.0.0.7`, `[fd00::7]:80` or `fd00::7`; `port` is undefined if there is none. */
export function instanceIn(text: string): { readonly address: string; readonly port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed !== null) {
    return { address: (bracketed[1] ?? "").toLowerCase(), port: numberIn(bracketed[2]) };
  }
  const plain = /^([^:]*):(\d+)$/.exec(text);
  return plain === null
    ? { address: text.toLowerCase(), port: undefined }
    : { address: (plain[1] ?? "").toLowerCase(), port: numberIn(plain[2]) };
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
