import type { Bucket } from "../../entry-log/open-entry-log.ts";
import { answerSubject, askFilter, questionTtlMs, readQuestion } from "../../model/trace-question.ts";
import type {
  AskedQuestion,
  CollectorAnswer,
  HeldQuestion,
  TraceQuestion,
} from "../../model/trace-question.ts";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";
import type { DryRun } from "../dry-run/dry-run.ts";

/** What a desk needs. */
export interface QuestionDeskOptions {
  readonly registry: string;
  readonly source: string;
  readonly member: string;
  readonly bucket: Bucket;
  readonly answer: (question: TraceQuestion | HeldQuestion) => Findings;
  /** Absent: the registry has no dry runs. */
  readonly dryRun?: DryRun | undefined;
  readonly log: Logger;
}

type Findings = Pick<CollectorAnswer, "owns" | "findings">;

/** Serves questions about a source until the signal aborts. What can't be answered costs the collector nothing else. */
export async function answerQuestions(options: QuestionDeskOptions, signal: AbortSignal): Promise<void> {
  const { registry, source, bucket } = options;
  let isLive = false;
  // A dry run takes seconds, and other questions wait for an answer meanwhile.
  const beingAnswered = new Set<Promise<void>>();
  for await (const event of bucket.bucket.follow(askFilter(bucket.root, registry, source), signal)) {
    if (event.type === "caught-up") isLive = true;
    // What was asked before this replica began has got its answer.
    if (event.type !== "put" || !isLive) continue;
    const asked = readQuestion(event.data);
    if (asked === undefined) continue;
    const answering = serve(asked, options, signal).finally(() => beingAnswered.delete(answering));
    beingAnswered.add(answering);
  }
  await Promise.all(beingAnswered);
}

async function serve(
  asked: AskedQuestion,
  options: QuestionDeskOptions,
  signal: AbortSignal,
): Promise<void> {
  const { registry, source, member, bucket, log } = options;
  try {
    const answered = await answerOf(asked, options, signal);
    if (answered === undefined) return;
    const given: CollectorAnswer = { id: asked.id, member, ...answered };
    const subject = answerSubject(bucket.root, { registry, source }, asked.id, member);
    const publish = async (answer: CollectorAnswer) => {
      const record = { subject, data: Buffer.from(JSON.stringify(answer)), ttlMs: questionTtlMs };
      const patience = AbortSignal.any([signal, AbortSignal.timeout(questionTtlMs)]);
      const [result] = await bucket.bucket.publish([record], patience);
      return result?.status;
    };
    if (await publish(given) === "rejected" && given.dryRun !== undefined) {
      const text =
        "the result is too large for a message; give a part of the answer, or use meshctl convert --diff";
      await publish({ ...given, dryRun: { failure: { why: "cost", text } } });
    }
  } catch (error) {
    if (!signal.aborted) {
      log.debug({ reason: errorText(error) }, "a question about this source wasn't answered");
    }
  }
}

/** Undefined if another replica is asked. */
async function answerOf(
  { question }: AskedQuestion,
  { member, answer, dryRun, registry }: QuestionDeskOptions,
  signal: AbortSignal,
): Promise<Omit<CollectorAnswer, "id" | "member"> | undefined> {
  if (question.by !== "dry-run") return answer(question);
  if (question.member !== member) return undefined;
  const nothing = { owns: false, findings: [] };
  if (dryRun !== undefined) return { ...nothing, dryRun: await dryRun(question, signal) };
  return { ...nothing, dryRun: { failure: { why: "input", text: `there is no dry run of ${registry}` } } };
}
