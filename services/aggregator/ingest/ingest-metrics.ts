import type { LogEvent } from "../../../shared/entry-log/entry-log.ts";
import { resourceKinds } from "../../../shared/model/manifest.ts";
import { oncePerTurn } from "../../../shared/runtime/once-per-turn.ts";
import type { ResourceCache } from "../catalogue/cache.ts";
import type { Doubts, SourceName } from "./doubts.ts";
import type { AggregatorMetrics } from "../metrics.ts";

export interface IngestMetricsOptions {
  readonly cache: ResourceCache;
  readonly metrics: AggregatorMetrics;
  /** How many messages are not served as they are. */
  readonly rejected: () => number;
  readonly doubts: Doubts;
}

/**
 * Brings the metrics up to date once per turn of the event loop, for all its events together: a large snapshot has very
 * many, and one costs no more than a look into a small map here.
 */
export class IngestMetrics {
  readonly #options: IngestMetricsOptions;
  /** Sources that had resources in doubt: their series go back to 0. */
  readonly #doubted = new Map<string, SourceName>();
  /** Events by type that the metrics don't have yet. */
  readonly #uncounted = new Map<LogEvent["type"], number>();

  constructor(options: IngestMetricsOptions) {
    this.#options = options;
  }

  /** Has the metrics brought up to date at the end of this turn. */
  readonly changed = oncePerTurn(() => this.update());

  /** Counts an event of the entry log. */
  count(type: LogEvent["type"]): void {
    this.#options.metrics.totals.read++;
    this.#uncounted.set(type, (this.#uncounted.get(type) ?? 0) + 1);
    this.changed();
  }

  /** Brings the metrics up to date now. */
  update(): void {
    const { cache, metrics, rejected, doubts } = this.#options;
    for (const [type, count] of this.#uncounted) metrics.events.inc({ type }, count);
    this.#uncounted.clear();
    metrics.rejected.set(rejected());
    for (const source of doubts.sources) this.#doubted.set(`${source.registry}\0${source.source}`, source);
    for (const { registry, source } of this.#doubted.values()) {
      const counts = { unread: 0, unconfirmed: 0, held: 0 };
      for (const { why } of doubts.of({ registry, source }).values()) counts[why]++;
      metrics.unconfirmed.set({ registry, source }, counts.unread + counts.unconfirmed);
      metrics.held.set({ registry, source }, counts.held);
    }
    for (const kind of resourceKinds) metrics.resources.set({ kind }, cache.count(kind).resources);
    metrics.endpoints.set(cache.count("ServiceEntry").endpoints);
  }
}
