import type { Logger } from "../runtime/log.ts";
import { Reachability } from "../runtime/reachability.ts";
import { pause } from "../runtime/waiting.ts";
import type { RegistryView } from "./registry.ts";
import type { LeaseReport } from "./work-share.ts";

/** How often it is looked at whether the registry can be read, in milliseconds. */
const lookMs = 1_000;

/** What is asked of the view. */
type ReadState = Pick<
  RegistryView,
  "error" | "isComplete" | "lastReadMs" | "endpoints" | "emptyHint" | "shareReader" | "units"
>;

/** Whether a source's registry can be read, and what is said of it: in the log, by readiness, in the lease. */
export class RegistryHealth {
  readonly #title: string;
  readonly #view: ReadState;
  readonly #published: () => number;
  readonly #log: Logger;
  readonly #reachability = new Reachability();
  #wasComplete = false;

  /** `title`: the registry's name for people; `published`: how many entries of the source are on the stream. */
  constructor(title: string, view: ReadState, published: () => number, log: Logger) {
    this.#title = title;
    this.#view = view;
    this.#published = published;
    this.#log = log;
  }

  /** The reason why the source isn't ready; undefined once it has been read. */
  get notReady(): string | undefined {
    const { error, isComplete } = this.#view;
    if (isComplete) return undefined;
    return `${this.#title} not read yet${error === undefined ? "" : `: ${error}`}`;
  }

  /** A remark for the operator while the registry can't be read. */
  get unreadable(): string | undefined {
    const { error } = this.#view;
    return error === undefined ? undefined : `${this.#title} can't be read, ${this.#meanwhile}: ${error}`;
  }

  /** What clients have of the source while it can't be read. */
  get #meanwhile(): string {
    if (this.#view.isComplete) return "the last good state stays published";
    const published = this.#published();
    return published === 0
      ? "and nothing of it was read so far, so nothing of it is published"
      : `the ${published} entries that were published before stay`;
  }

  /** A remark for the operator while the registry has no service. */
  get empty(): string | undefined {
    const { emptyHint } = this.#view;
    return this.#isEmpty ? `${this.#title} has no service: ${emptyHint}` : undefined;
  }

  /** A view that reads only its share may have none of the registry's units. */
  get #isEmpty(): boolean {
    const { endpoints, shareReader } = this.#view;
    return endpoints === 0 &&
      (shareReader === undefined || Iterator.from(this.#view.units()).next().done === true);
  }

  /** What the lease tells other processes. */
  report(): Pick<LeaseReport, "state" | "lastReadAt" | "error" | "failingSince"> {
    const { isComplete, lastReadMs, error: viewError } = this.#view;
    const { failingSinceMs, isTold } = this.#reachability;
    // Connecting takes a moment: before anything was read, that is no failure that others have to hear of.
    const error = isComplete || isTold ? viewError : undefined;
    const nowMs = performance.now();
    return {
      state: isComplete ? (error === undefined ? "ready" : "stale") : "reading",
      lastReadAt: lastReadMs === undefined ? null : wallTime(lastReadMs, nowMs),
      error: error ?? null,
      failingSince: error === undefined || failingSinceMs === undefined
        ? null
        : wallTime(failingSinceMs, nowMs),
    };
  }

  /** The registry has been read. One that has nothing when it is read first is more often a mistake than the truth. */
  completed(): void {
    if (this.#wasComplete) return;
    this.#wasComplete = true;
    if (!this.#isEmpty) return;
    this.#log.warn(
      { reason: this.#view.emptyHint },
      `${this.#title} has no service: nothing is published for it, and what was published before is held`,
    );
  }

  /** Logs when the registry can't be read any more, while that lasts, and when it is over; until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const news = this.#reachability.see(this.#view.error, performance.now());
      switch (news?.type) {
        case "lost":
          this.#log.error(
            { reason: news.reason },
            `cannot read ${this.#title}, ${this.#meanwhile}; check that it runs, and its address`,
          );
          break;
        case "still-lost":
          this.#log.error(
            { reason: news.reason, forSeconds: Math.round(news.forMs / 1000) },
            `still cannot read ${this.#title}, ${this.#meanwhile}`,
          );
          break;
        case "back":
          this.#log.info(
            { afterSeconds: Math.round(news.afterMs / 1000) },
            `${this.#title} can be read again`,
          );
          break;
        case undefined:
          break;
      }
      await pause(lookMs, signal);
    }
  }
}

/** RFC 3339 of a moment of the monotonic clock. */
function wallTime(atMs: number, nowMs: number): string {
  return new Date(Date.now() - (nowMs - atMs)).toISOString();
}
