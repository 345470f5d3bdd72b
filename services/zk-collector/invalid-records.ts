import type { CollectorMetrics } from "../../shared/collector/collector-metrics.ts";
import type { Logger } from "../../shared/runtime/log.ts";
import type { InvalidRecord } from "./conversion/registry-records.ts";

/** So many are shown in the debug API, and remembered as logged. */
const maxShown = 1000;

/** So many are logged one by one between two complete readings. */
const maxLogged = 20;

/** Records of the registry that can't be used: counted, logged once and shown, until a complete reading begins. */
export class InvalidRecords {
  readonly #metrics: CollectorMetrics;
  readonly #log: Logger;
  readonly #shown = new Map<string, string>();
  readonly #known = new Map<string, string>();
  #logged = 0;

  constructor(metrics: CollectorMetrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** Reasons by place, as far as they are shown. */
  get shown(): ReadonlyMap<string, string> {
    return this.#shown;
  }

  /** Takes note of one; to be handed to whoever finds them. */
  readonly report = ({ path, reason }: InvalidRecord): void => {
    if (this.#shown.size < maxShown) this.#shown.set(path, reason);
    if (this.#known.get(path) === reason) return;
    this.#metrics.invalidRecords.inc();
    if (this.#known.size < maxShown) this.#known.set(path, reason);
    this.#logged++;
    if (this.#logged <= maxLogged) {
      this.#log.warn({ record: path, reason }, "ZooKeeper has a record that can't be used, it is left out");
    } else if (this.#logged === maxLogged + 1) {
      this.#log.warn("and more such records: see the collector's debug API");
    }
  };

  /** Everything is converted again: what is still wrong will be reported again. */
  forget(): void {
    for (const path of this.#known.keys()) if (!this.#shown.has(path)) this.#known.delete(path);
    this.#shown.clear();
    this.#logged = 0;
  }
}
