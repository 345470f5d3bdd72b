import type { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { InvalidRecord } from "./conversion/registry-records.ts";

/** So many are shown in the debug API, and remembered as logged. */
const maxShown = 1000;

/** So many are logged one by one between two complete readings. */
const maxLogged = 20;

/**
 * Where a record was found to be unusable: when it was read, when it was converted, or when it was found out what an
 * application offers, which is done once for each.
 */
export type RecordStage = "reading" | "conversion" | "applications";

/** Records of the registry that can't be used: counted, logged once, and shown until their stage begins anew. */
export class InvalidRecords {
  readonly #metrics: CollectorMetrics;
  readonly #log: Logger;
  readonly #shown: Readonly<Record<RecordStage, Map<string, string>>> = {
    reading: new Map(),
    conversion: new Map(),
    applications: new Map(),
  };
  readonly #known = new Map<string, string>();
  #logged = 0;

  constructor(metrics: CollectorMetrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Reasons by place, as far as they are shown. */
  get shown(): ReadonlyMap<string, string> {
    return new Map(Object.values(this.#shown).flatMap((shown) => [...shown]));
  }

  /** The function to hand to whoever finds such records at a stage. */
  reporter(stage: RecordStage): (record: InvalidRecord) => void {
    return (record) => this.#report(stage, record);
  }

  #report(stage: RecordStage, { path, reason }: InvalidRecord): void {
    const shown = this.#shown[stage];
    if (shown.size < maxShown) shown.set(path, reason);
    if (this.#known.get(path) === reason) return;
    this.#metrics.invalidRecords.inc();
    if (this.#known.size < maxShown) this.#known.set(path, reason);
    this.#logged++;
    if (this.#logged <= maxLogged) {
      this.#log.warn({ record: path, reason }, "ZooKeeper has a record that can't be used, it is left out");
    } else if (this.#logged === maxLogged + 1) {
      this.#log.warn("and more such records: see the collector's debug API");
    }
  }

  /** The stage begins anew: what is still wrong will be reported again. */
  forget(stage: RecordStage): void {
    // What wasn't reported since the stage began last is news when it comes back.
    const shown = this.shown;
    for (const path of this.#known.keys()) if (!shown.has(path)) this.#known.delete(path);
    this.#shown[stage].clear();
    this.#logged = 0;
  }

  /** What was wrong with a record of an application isn't any more, or the record is gone. */
  solved(path: string): void {
    if (this.#shown.applications.delete(path)) this.#known.delete(path);
  }
}
