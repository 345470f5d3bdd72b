import type { Unit } from "../../../shared/collector/unit.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";

/**
 * Which units make entries with the same host. Each unit has its own name, and so its own host, but for what metadata
 * ask for (`istio.hostname`) and what aliases say: then a proxy can't tell the entries apart.
 */
export class SharedHosts {
  readonly #hosts = new Map<Unit, ReadonlyMap<string, string>>();
  readonly #units = new Map<string, Set<Unit>>();

  /**
   * Records what a unit becomes now; no entries: nothing. Returns the units for which {@link faultsOf} may have
   * another answer.
   */
  set(unit: Unit, entries: readonly ServiceEntryManifest[]): ReadonlySet<Unit> {
    const touched = new Set<Unit>([unit]);
    const before = this.#hosts.get(unit) ?? new Map<string, string>();
    const now = new Map(
      entries.flatMap(({ metadata, spec }) => spec.hosts.map((host) => [host, metadata.name] as const)),
    );
    for (const host of before.keys()) if (!now.has(host)) this.#release(host, unit, touched);
    for (const host of now.keys()) this.#claim(host, unit, touched);
    if (now.size > 0) this.#hosts.set(unit, now);
    else this.#hosts.delete(unit);
    return touched;
  }

  /** Why, by entry, hosts of a unit are not its own. */
  faultsOf(unit: Unit): ReadonlyMap<string, string> {
    const faults = new Map<string, string>();
    for (const [host, entry] of this.#hosts.get(unit) ?? []) {
      const others = [...this.#units.get(host) ?? []].filter((other) => other !== unit).sort();
      if (others.length === 0) continue;
      faults.set(
        entry,
        `has the host ${host}, and so has ${others.join(", ")}: a proxy can't tell the entries apart; ` +
          "give one of the services another host",
      );
    }
    return faults;
  }

  #claim(host: string, unit: Unit, touched: Set<Unit>): void {
    const units = this.#units.get(host);
    if (units === undefined) {
      this.#units.set(host, new Set([unit]));
      return;
    }
    if (units.has(unit)) return;
    for (const other of units) touched.add(other);
    units.add(unit);
  }

  #release(host: string, unit: Unit, touched: Set<Unit>): void {
    const units = this.#units.get(host);
    units?.delete(unit);
    if (units?.size === 0) this.#units.delete(host);
    for (const other of units ?? []) touched.add(other);
  }
}
