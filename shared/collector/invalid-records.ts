import type { Logger } from "../runtime/log.ts";

/** A record of the registry that can't be used: where it stands there, and why. */
export interface InvalidRecord {
  readonly path: string;
  readonly reason: string;
}

/** Maximum number of records that the debug API shows, and that are remembered as logged. */
const maxShown = 1000;

/** Maximum number that is logged one by one between two beginnings of a stage. */
const maxLogged = 20;

/**
 * Records of the registry that can't be used: counted, logged once, and shown until their stage begins anew. A stage
 * is where a record was found to be unusable (when it was read, or converted), and begins anew when all of its records
 * are looked at again.
 */
export class InvalidRecords {
  readonly #registry: string;
  readonly #counter: { inc(value?: number): void };
  readonly #log: Logger;
  readonly #stages = new Map<string, Map<string, string>>();
  readonly #known = new Map<string, string>();
  #logged = 0;

  /** `registry` is the name for people. */
  constructor(registry: string, counter: { inc(value?: number): void }, log: Logger) {
    this.#registry = registry;
    this.#counter = counter;
    this.#log = log;
  }

  /** Reasons by place, as far as they are shown. */
  get shown(): ReadonlyMap<string, string> {
    return new Map([...this.#stages.values()].flatMap((shown) => [...shown]));
  }

  /** The function to hand to the code that finds such records at a stage. */
  reporter(stage: string): (record: InvalidRecord) => void {
    const shown = this.#stage(stage);
    return (record) => this.#report(shown, record);
  }

  /** The stage begins anew: what is still wrong will be reported again. */
  forget(stage: string): void {
    // What wasn't reported since the stage began last is news when it comes back.
    const { shown } = this;
    for (const path of this.#known.keys()) if (!shown.has(path)) this.#known.delete(path);
    this.#stage(stage).clear();
    this.#logged = 0;
  }

  /** The stage has exactly these records that can't be used, by place with the reason. Costs nothing if there are none. */
  replace(stage: string, found: ReadonlyMap<string, string>): void {
    const before = this.#stages.get(stage);
    if (before === undefined && found.size === 0) return;
    for (const path of before?.keys() ?? []) if (!found.has(path)) this.solved(stage, path);
    if (found.size === 0) {
      this.#stages.delete(stage);
      return;
    }
    const report = this.reporter(stage);
    for (const [path, reason] of found) report({ path, reason });
  }

  /** The record at that place can be used now, or is gone. */
  solved(stage: string, path: string): void {
    if (this.#stage(stage).delete(path)) this.#known.delete(path);
  }

  #stage(name: string): Map<string, string> {
    let shown = this.#stages.get(name);
    if (shown === undefined) this.#stages.set(name, shown = new Map());
    return shown;
  }

  #report(shown: Map<string, string>, { path, reason }: InvalidRecord): void {
    if (shown.size < maxShown) shown.set(path, reason);
    if (this.#known.get(path) === reason) return;
    this.#counter.inc();
    if (this.#known.size < maxShown) this.#known.set(path, reason);
    this.#logged++;
    if (this.#logged <= maxLogged) {
      this.#log.warn(
        { record: path, reason },
        `${this.#registry} has a record that can't be used as it is: what can't be used is left out; its neighbours are published`,
      );
    } else if (this.#logged === maxLogged + 1) {
      this.#log.warn("more such records are not logged: the collector's debug API shows them");
    }
  }
}
