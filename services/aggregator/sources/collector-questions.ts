import { randomUUID } from "node:crypto";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import { askSubject, questionTtlMs, readAnswer } from "../../../shared/model/trace-question.ts";
import type { CollectorAnswer, CollectorQuestion } from "../../../shared/model/trace-question.ts";
import type { SourceName } from "../ingest/doubts.ts";

/** So long collectors have for their answer, in milliseconds. */
const patienceMs = 1_000;

interface Waiting {
  readonly answers: CollectorAnswer[];
  readonly expected: number;
  readonly done: () => void;
}

/** Questions to collectors that are on their way, and who waits for the answers. */
export class CollectorQuestions {
  readonly #collectors: Bucket;
  readonly #waiting = new Map<string, Waiting>();

  constructor(collectors: Bucket) {
    this.#collectors = collectors;
  }

  /** The answers that came in time; none if the question couldn't be put. `expected`: how many to wait for. */
  async ask(
    { registry, source }: SourceName,
    question: CollectorQuestion,
    expected: number,
  ): Promise<readonly CollectorAnswer[]> {
    if (expected === 0) return [];
    const { bucket, root } = this.#collectors;
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { answers: [], expected, done: resolve };
    this.#waiting.set(id, waiting);
    const timer = setTimeout(resolve, patienceMs);
    try {
      const subject = askSubject(root, registry, source, id);
      const data = Buffer.from(JSON.stringify({ id, question }));
      await bucket.publish([{ subject, data, ttlMs: questionTtlMs }], AbortSignal.timeout(patienceMs));
      await promise;
    } catch {
      // Without the bucket nobody can be asked, which the missing answers tell.
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
    return waiting.answers;
  }

  /** Takes in a message among questions and answers. */
  take(data: Uint8Array): void {
    if (this.#waiting.size === 0) return;
    const answer = readAnswer(data);
    const waiting = answer && this.#waiting.get(answer.id);
    if (answer === undefined || waiting === undefined) return;
    waiting.answers.push(answer);
    if (waiting.answers.length >= waiting.expected) waiting.done();
  }
}
