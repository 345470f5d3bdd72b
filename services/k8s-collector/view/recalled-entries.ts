import type { Unit } from "../../../shared/collector/unit.ts";
import { withoutBookkeeping } from "../../../shared/model/annotations.ts";
import type { ServiceEntryManifest } from "../../../shared/model/manifest.ts";

/** What was published before this process started, as long as some cluster hasn't been read. */
export class RecalledEntries {
  /** By unit, then by name. */
  readonly #entries = new Map<Unit, Map<string, ServiceEntryManifest>>();

  add(manifest: ServiceEntryManifest): void {
    const { creationTimestamp: _created, ...metadata } = withoutBookkeeping(manifest).metadata;
    // Names of Services have no dot; that of a cluster may follow.
    const unit = `${metadata.namespace}/${metadata.name.split(".", 1)[0]}`;
    const entries = this.#entries.get(unit) ?? new Map<string, ServiceEntryManifest>();
    this.#entries.set(unit, entries.set(metadata.name, { ...manifest, metadata }));
  }

  units(): Iterable<Unit> {
    return this.#entries.keys();
  }

  of(unit: Unit): readonly ServiceEntryManifest[] {
    return [...this.#entries.get(unit)?.values() ?? []];
  }

  clear(): void {
    this.#entries.clear();
  }
}
