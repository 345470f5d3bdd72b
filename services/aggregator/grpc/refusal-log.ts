import type { Logger } from "../../../shared/runtime/log.ts";

/** Refusals for one reason are logged once in this time, with the number of those in between: they may be floods. */
const pauseMs = 60_000;

/** Reasons for which a connection or a stream isn't served; values of a metric's label. */
export type RefusalReason =
  | "too-many-connections"
  | "too-many-streams"
  | "silent"
  | "slow-request"
  | "too-many-views";

/** Counts refusals, and logs them in bounded number. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #count: (reason: RefusalReason) => void;
  readonly #last = new Map<RefusalReason, { readonly atMs: number; unlogged: number }>();

  /** `count` is called for each refusal. */
  constructor(log: Logger, count: (reason: RefusalReason) => void) {
    this.#log = log;
    this.#count = count;
  }

  /** Notes a refusal of a client. `message` says what happened, what follows and what to do. */
  add(reason: RefusalReason, address: string, message: string): void {
    this.#count(reason);
    const nowMs = performance.now();
    const last = this.#last.get(reason);
    if (last !== undefined && nowMs - last.atMs < pauseMs) {
      last.unlogged++;
      return;
    }
    this.#last.set(reason, { atMs: nowMs, unlogged: 0 });
    const unlogged = last?.unlogged ?? 0;
    this.#log.warn({ address, reason, ...(unlogged > 0 && { alikeSinceLastLine: unlogged }) }, message);
  }
}
