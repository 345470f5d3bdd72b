import type { Bucket } from "../../entry-log/open-entry-log.ts";
import { answerSubject, askFilter, questionTtlMs, readQuestion } from "../../model/trace-question.ts";
import type { CollectorAnswer, CollectorQuestion } from "../../model/trace-question.ts";
import { errorText } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/log.ts";

/** What a desk needs. */
export interface QuestionDeskOptions {
  readonly registry: string;
  readonly source: string;
  readonly member: string;
  readonly bucket: Bucket;
  readonly answer: (question: CollectorQuestion) => Pick<CollectorAnswer, "owns" | "findings">;
  readonly log: Logger;
}

/** Serves questions about a source until the signal aborts. What can't be answered costs the collector nothing else. */
export async function answerQuestions(options: QuestionDeskOptions, signal: AbortSignal): Promise<void> {
  const { registry, source, member, bucket, answer, log } = options;
  let isLive = false;
  for await (const event of bucket.bucket.follow(askFilter(bucket.root, registry, source), signal)) {
    if (event.type === "caught-up") isLive = true;
    // What was asked before this replica began has got its answer.
    if (event.type !== "put" || !isLive) continue;
    const asked = readQuestion(event.data);
    if (asked === undefined) continue;
    try {
      const given: CollectorAnswer = { id: asked.id, member, ...answer(asked.question) };
      const subject = answerSubject(bucket.root, { registry, source }, asked.id, member);
      const record = { subject, data: Buffer.from(JSON.stringify(given)), ttlMs: questionTtlMs };
      await bucket.bucket.publish([record], AbortSignal.any([signal, AbortSignal.timeout(questionTtlMs)]));
    } catch (error) {
      if (!signal.aborted) {
        log.debug({ reason: errorText(error) }, "a question about this source wasn't answered");
      }
    }
  }
}
