import type { EurekaSource } from "../../../shared/config/mod.ts";
import { MeshError } from "../../../shared/runtime/errors.ts";
import { unlessAborted } from "../../../shared/runtime/waiting.ts";
import { WorkSignal } from "../../../shared/collector/work-signal.ts";
import type { ClusterUpdate, EurekaCluster } from "./cluster.ts";

/** Between two rounds, so that a period of 0 doesn't spin, in milliseconds. */
const minPauseMs = 20;

/** Reads one cluster in a loop. A cluster that doesn't answer holds up no other. */
export class ClusterFollower {
  readonly #cluster: EurekaCluster;
  readonly #source: EurekaSource;
  readonly #onUpdate: (update: ClusterUpdate, seconds: number) => void;
  readonly #sleep = new WorkSignal();
  /** Resolved by the next round that begins from now on and succeeds. */
  #refreshing: PromiseWithResolvers<void> | undefined;

  constructor(
    cluster: EurekaCluster,
    source: EurekaSource,
    onUpdate: (update: ClusterUpdate, seconds: number) => void,
  ) {
    this.#cluster = cluster;
    this.#source = source;
    this.#onUpdate = onUpdate;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let completeAtMs = 0;
    while (!signal.aborted) {
      const startMs = performance.now();
      const complete = startMs >= completeAtMs;
      const refreshing = this.#refreshing;
      const update = await this.#cluster.update(complete, signal);
      if (signal.aborted) return;
      if (complete && update.succeeded) completeAtMs = performance.now() + this.#source.refreshPeriod;
      this.#onUpdate(update, (performance.now() - startMs) / 1000);
      if (update.succeeded && refreshing !== undefined) {
        refreshing.resolve();
        if (this.#refreshing === refreshing) this.#refreshing = undefined;
      }
      const untilComplete = completeAtMs - performance.now();
      const untilNext = untilComplete > 0
        ? Math.min(this.#source.deltaPeriod, untilComplete)
        : this.#source.deltaPeriod;
      await this.#sleep.wait(jittered(Math.max(untilNext, minPauseMs)), signal);
    }
  }

  /**
   * Settles when a round that began after this call has succeeded.
   * @throws MeshError `registry-unavailable` when the signal aborts.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    // A round that is under way may have asked too early: the one after it counts.
    const refreshing = Promise.withResolvers<void>();
    const before = this.#refreshing;
    this.#refreshing = refreshing;
    if (before !== undefined) void refreshing.promise.then(before.resolve);
    this.#sleep.call();
    if (signal.aborted) throw new MeshError("registry-unavailable", "Stopped");
    await unlessAborted(refreshing.promise, signal, "registry-unavailable", "Reading Eureka again");
  }
}

/** Spreads the polls of many collectors: up to a tenth earlier or later. */
function jittered(periodMs: number): number {
  return periodMs * (0.9 + Math.random() * 0.2);
}
