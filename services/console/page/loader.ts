import { ask, NoAnswer } from "./api.ts";
import { changed, known } from "./store.ts";

/** What a view has asked for. */
export interface Loaded<Answer> {
  readonly answer: Answer | undefined;
  readonly error: string | undefined;
  readonly isLoading: boolean;
}

interface Entry<Answer> {
  answer: Answer | undefined;
  error: string | undefined;
  isLoading: boolean;
  /** The revision of what was known when it was asked last; -1: never. */
  revision: number;
  askedAt: number;
  timer: number | undefined;
}

/** How long a view rests between two questions while things change, in milliseconds. */
const usualRestMs = 1_000;

/** How questions of one form are asked. */
export interface AnswersOptions<Answer> {
  /** False for questions that are asked once. */
  readonly isLive?: boolean;
  /** How an answer is read, if not as JSON. */
  readonly read?: (path: string) => Promise<Answer>;
  /** How long to rest between two questions while things change, in milliseconds: longer for costly ones. */
  readonly restMs?: number;
  /** After so long (milliseconds) it is asked again also if no event has come, for what changes without one. */
  readonly everyMs?: number;
}

/** Maximum number of answers of one form that are kept. */
const maxEntries = 20;

/**
 * Answers of one form: at once what is known, and later what has changed. While something changes a question is asked
 * again, which costs 304 if its answer is the same.
 */
export class Answers<Answer> {
  readonly #options: Required<AnswersOptions<Answer>>;
  readonly #entries = new Map<string, Entry<Answer>>();

  constructor(options: AnswersOptions<Answer> = {}) {
    this.#options = { isLive: true, read: ask, restMs: usualRestMs, everyMs: Infinity, ...options };
  }

  /** What is known of a question now. */
  load(path: string): Loaded<Answer> {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = {
        answer: undefined,
        error: undefined,
        isLoading: false,
        revision: -1,
        askedAt: 0,
        timer: undefined,
      };
      this.#entries.set(path, entry);
      for (const old of this.#entries.keys()) if (this.#entries.size > maxEntries) this.#entries.delete(old);
    }
    if (entry.isLoading) return entry;
    clearTimeout(entry.timer);
    const isOld = entry.revision !== known.revision;
    const { isLive, restMs, everyMs } = this.#options;
    const waitMs = entry.askedAt + (isOld ? restMs : everyMs) - performance.now();
    if (entry.revision === -1 || (isLive && waitMs <= 0)) void this.#fetchInto(path, entry);
    else if (isLive && waitMs < Infinity) entry.timer = window.setTimeout(changed, waitMs);
    return entry;
  }

  /** Has a question asked anew. */
  forget(path: string): void {
    this.#entries.delete(path);
  }

  async #fetchInto(path: string, entry: Entry<Answer>): Promise<void> {
    entry.isLoading = true;
    entry.askedAt = performance.now();
    entry.revision = known.revision;
    try {
      entry.answer = await this.#options.read(path);
      entry.error = undefined;
    } catch (error) {
      entry.error = error instanceof Error ? error.message : String(error);
      if (error instanceof NoAnswer && error.status === 404) entry.answer = undefined;
    }
    entry.isLoading = false;
    changed();
  }
}
