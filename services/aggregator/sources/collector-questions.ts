import { randomUUID } from "node:crypto";
import type { Bucket } from "../../../shared/entry-log/open-entry-log.ts";
import type { DryRunQuestion, DryRunResult } from "../../../shared/model/dry-run.ts";
import { askSubject, questionTtlMs, readAnswer } from "../../../shared/model/trace-question.ts";
import type { CollectorAnswer, CollectorQuestion } from "../../../shared/model/trace-question.ts";
import type { SourceName } from "../ingest/doubts.ts";

/** So long collectors have for their answer, in milliseconds. */
const patienceMs = 1_000;

/** The same for a dry run, which a collector ends after 20 s. */
const dryRunPatienceMs = 22_000;

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
    source: SourceName,
    question: CollectorQuestion,
    expected: number,
  ): Promise<readonly CollectorAnswer[]> {
    if (expected === 0) return [];
    return (await this.#put(source, question, expected, patienceMs)).answers;
  }

  /** What a collector made of a dry run. `failed` says why it was asked in vain. */
  async askDryRun(
    source: SourceName,
    question: DryRunQuestion,
  ): Promise<DryRunResult | { readonly failed: "too-large" | "no-answer" }> {
    const { answers, isTooLarge } = await this.#put(source, question, 1, dryRunPatienceMs);
    return answers[0]?.dryRun ?? { failed: isTooLarge ? "too-large" : "no-answer" };
  }

  async #put(
    { registry, source }: SourceName,
    question: CollectorQuestion,
    expected: number,
    patienceMs: number,
  ): Promise<{ readonly answers: readonly CollectorAnswer[]; readonly isTooLarge: boolean }> {
    const { bucket, root } = this.#collectors;
    let isTooLarge = false;
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { answers: [], expected, done: resolve };
    this.#waiting.set(id, waiting);
    const timer = setTimeout(resolve, patienceMs);
    try {
      const subject = askSubject(root, registry, source, id);
      const data = Buffer.from(JSON.stringify({ id, question }));
      const patience = AbortSignal.timeout(patienceMs);
      const [result] = await bucket.publish([{ subject, data, ttlMs: questionTtlMs }], patience);
      isTooLarge = result?.status === "rejected";
      if (result?.status === "stored") await promise;
    } catch {
      // Without the bucket nobody can be asked, which the missing answers tell.
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
    return { answers: waiting.answers, isTooLarge };
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
