import type { Overview } from "../../../shared/api/state.ts";

/** Counters of the aggregator at a time, in milliseconds of one monotonic clock. */
interface Sample {
  readonly atMs: number;
  readonly totals: Overview["totals"];
}

/** What happens each second, and how long a change took on average to be acknowledged. */
export interface Rates {
  readonly read: number;
  readonly changes: number;
  readonly pushes: number;
  /** In milliseconds; undefined: nothing was acknowledged of late. */
  readonly ackMs: number | undefined;
}

/** How far back rates look, in milliseconds. */
const windowMs = 10_000;

/** Rates over the last ten seconds, from counters that come whenever one has changed. */
export class RateMeter {
  #samples: Sample[] = [];

  /** Takes in the counters. Another process counts anew, and is compared with nothing. */
  push(totals: Overview["totals"], atMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && (totals.read < last.totals.read || totals.changes < last.totals.changes)) {
      this.#samples = [];
    }
    this.#samples.push({ atMs, totals });
    // The last one before the window stays: it is what the counters were when the window began.
    while (this.#samples[1] !== undefined && this.#samples[1].atMs <= atMs - windowMs) this.#samples.shift();
  }

  /** The rates now; undefined before there is something to compare. */
  at(nowMs: number): Rates | undefined {
    const last = this.#samples.at(-1);
    const first = this.#samples.findLast(({ atMs }) => atMs <= nowMs - windowMs) ?? this.#samples[0];
    if (last === undefined || first === undefined) return undefined;
    const seconds = Math.min(windowMs, nowMs - first.atMs) / 1000;
    if (seconds < 0.5) return undefined;
    const grown = (name: keyof Overview["totals"]) => last.totals[name] - first.totals[name];
    const acknowledged = grown("acknowledged");
    return {
      read: grown("read") / seconds,
      changes: grown("changes") / seconds,
      pushes: grown("pushes") / seconds,
      ackMs: acknowledged === 0 ? undefined : grown("acknowledgedMs") / acknowledged,
    };
  }
}
