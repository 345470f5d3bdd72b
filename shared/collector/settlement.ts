import type { Logger } from "../runtime/log.ts";
import { pause } from "../runtime/waiting.ts";

/** Publishing a share takes seconds; a replica that needs longer than this, in milliseconds, is worth a line. */
const patienceMs = 30_000;

/** How often it is looked at whether all replicas have published their shares, in milliseconds. */
const lookMs = 1_000;

/** What there is to say about replicas that haven't published their shares. Times are milliseconds. */
export type SettlementNews =
  | { readonly type: "stuck"; readonly members: readonly string[]; readonly forMs: number }
  | { readonly type: "settled"; readonly afterMs: number };

/**
 * Notices that a replica doesn't publish its share: as long as one hasn't, the source has no new sync marker. Terms may
 * follow each other meanwhile, for the marker that makes no difference. The clock is passed in, in milliseconds of a
 * monotonic clock.
 */
export class Settlement {
  #sinceMs: number | undefined;
  #isTold = false;
  #stuck: readonly string[] = [];

  /** The replicas that others wait for, once they need too long. */
  get stuck(): readonly string[] {
    return this.#stuck;
  }

  /** Takes in which replicas haven't published their shares now. Returns what there is to say. */
  see(unsettled: readonly string[], nowMs: number): SettlementNews | undefined {
    if (unsettled.length === 0) {
      const sinceMs = this.#sinceMs;
      const wasTold = this.#isTold;
      this.#sinceMs = undefined;
      this.#isTold = false;
      this.#stuck = [];
      return wasTold && sinceMs !== undefined ? { type: "settled", afterMs: nowMs - sinceMs } : undefined;
    }
    this.#sinceMs ??= nowMs;
    const forMs = nowMs - this.#sinceMs;
    if (forMs < patienceMs) return undefined;
    this.#stuck = unsettled;
    if (this.#isTold) return undefined;
    this.#isTold = true;
    return { type: "stuck", members: unsettled, forMs };
  }

  /** A remark for the operator; undefined while all is well. */
  get remark(): string | undefined {
    return this.#stuck.length === 0
      ? undefined
      : `no sync marker: ${this.#stuck.join(", ")} hasn't published its share of the source`;
  }

  /** Logs which replicas don't publish their shares, and when they have; until the signal aborts. */
  async run(unsettled: () => readonly string[], log: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const news = this.see(unsettled(), performance.now());
      if (news?.type === "stuck") {
        log.error(
          { members: news.members, forSeconds: Math.round(news.forMs / 1000) },
          "a replica doesn't publish its share: the source gets no sync marker, and new aggregators wait for it; " +
            "see that replica's log, or restart it",
        );
      } else if (news?.type === "settled") {
        log.info(
          { afterSeconds: Math.round(news.afterMs / 1000) },
          "all replicas have published their shares",
        );
      }
      await pause(lookMs, signal);
    }
  }
}
