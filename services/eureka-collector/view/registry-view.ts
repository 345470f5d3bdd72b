import type { EurekaApplication, EurekaInstance } from "../client/decode.ts";

/**
 * The collector's view of one Eureka cluster: a copy of its registry that complete reads replace and deltas change. Pure
 * state, no I/O. Rules: Eureka's own clients (a delta is «what changed in about the last three minutes», the same
 * entries repeat, applying is idempotent; the hash counts instances per status; names of applications that differ in
 * case are one, which a complete answer and a delta may spell differently).
 */
export class RegistryView {
  #applications = new Map<string, Map<string, EurekaInstance>>();
  /** By name in capitals: the first spelling, which is the key above. */
  readonly #spellings = new Map<string, string>();
  /**
   * Counts for the expected hash. An instance that a complete answer lists twice is counted twice, as its server does, which
   * must have told them apart: one odd application would cost all others their deltas otherwise.
   */
  readonly #statusCounts = new Map<string, number>();

  /** All applications by name, with their instances by id. */
  get applications(): ReadonlyMap<string, ReadonlyMap<string, EurekaInstance>> {
    return this.#applications;
  }

  /**
   * The reconcile hash of this copy: `NAME_COUNT_` per status, sorted by name; "" for an empty registry. It sees counts
   * only: a changed address, or one instance swapped for another, never shows in it.
   */
  hash(): string {
    return statusHash(this.#statusCounts);
  }

  /** Replaces everything with a complete read. Returns the names of the applications that differ now. */
  replace(applications: Iterable<EurekaApplication>): Set<string> {
    const before = this.#applications;
    const changed = new Set<string>();
    this.#applications = new Map();
    this.#spellings.clear();
    this.#statusCounts.clear();
    for (const { name: given, instances } of applications) {
      const name = this.#spellingOf(given);
      const known = before.get(name);
      for (const instance of instances) {
        const repeated = this.#applications.get(name)?.get(instance.id);
        if (repeated !== undefined) this.#count(repeated.status, 1);
        this.#put(name, keepIfSame(known?.get(instance.id), instance));
      }
    }
    for (const [name, instances] of this.#applications) {
      if (!sameInstances(before.get(name), instances)) changed.add(name);
    }
    for (const name of before.keys()) if (!this.#applications.has(name)) changed.add(name);
    return changed;
  }

  /** Applies a delta. Returns the names of the applications that differ now. */
  apply(delta: Iterable<EurekaApplication>): Set<string> {
    const changed = new Set<string>();
    for (const { name: given, instances } of delta) {
      const name = this.#spellingOf(given);
      for (const instance of instances) if (this.#applyInstance(name, instance)) changed.add(name);
    }
    return changed;
  }

  #spellingOf(name: string): string {
    const capitals = name.toUpperCase();
    const known = this.#spellings.get(capitals);
    if (known === undefined) this.#spellings.set(capitals, name);
    return known ?? name;
  }

  /** True if the copy changed in a way that matters. */
  #applyInstance(name: string, instance: EurekaInstance): boolean {
    const known = this.#applications.get(name)?.get(instance.id);
    if (known !== undefined && isOlder(instance, known)) return false;
    if (instance.action === "DELETED") return known !== undefined && this.#remove(name, known);
    this.#put(name, instance);
    return known === undefined || !isSame(known, instance);
  }

  #put(name: string, instance: EurekaInstance): void {
    let instances = this.#applications.get(name);
    if (instances === undefined) this.#applications.set(name, instances = new Map());
    const replaced = instances.get(instance.id);
    if (replaced !== undefined) this.#count(replaced.status, -1);
    this.#count(instance.status, 1);
    instances.set(instance.id, instance);
  }

  #remove(name: string, { id, status }: EurekaInstance): true {
    const instances = this.#applications.get(name);
    instances?.delete(id);
    if (instances?.size === 0) this.#applications.delete(name);
    this.#count(status, -1);
    return true;
  }

  #count(status: string, by: 1 | -1): void {
    this.#statusCounts.set(status, (this.#statusCounts.get(status) ?? 0) + by);
  }
}

/** The hash that a server ought to send with these applications, see {@link RegistryView.hash}. */
export function hashOf(applications: Iterable<EurekaApplication>): string {
  const counts = new Map<string, number>();
  for (const { instances } of applications) {
    for (const { status } of instances) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return statusHash(counts);
}

function statusHash(counts: ReadonlyMap<string, number>): string {
  return [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, count]) => `${status}_${count}_`).join("");
}

/** A delta may be older than the complete read before it: the server caches the two apart. 0 is no time. */
function isOlder(a: EurekaInstance, b: EurekaInstance): boolean {
  return a.lastUpdatedMs !== 0 && a.lastUpdatedMs < b.lastUpdatedMs;
}

/** The known object in place of an equal new one: a complete read then leaves no second copy of the registry behind. */
function keepIfSame(known: EurekaInstance | undefined, instance: EurekaInstance): EurekaInstance {
  return known !== undefined && known.lastUpdatedMs === instance.lastUpdatedMs && isSame(known, instance)
    ? known
    : instance;
}

/** Equal as far as conversion can see. */
function isSame(a: EurekaInstance, b: EurekaInstance): boolean {
  if (a === b) return true;
  return a.status === b.status && a.address === b.address && a.port === b.port && a.defect === b.defect &&
    a.isPortOn === b.isPortOn && a.securePort === b.securePort && a.zone === b.zone &&
    a.lastDirtyMs === b.lastDirtyMs && sameMetadata(a.metadata, b.metadata);
}

function sameMetadata(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  let keys = 0;
  for (const key in a) {
    keys++;
    if (a[key] !== b[key]) return false;
  }
  for (const _key in b) keys--;
  return keys === 0;
}

function sameInstances(
  a: ReadonlyMap<string, EurekaInstance> | undefined,
  b: ReadonlyMap<string, EurekaInstance>,
): boolean {
  if (a === undefined || a.size !== b.size) return false;
  for (const [id, instance] of b) {
    const known = a.get(id);
    if (known === undefined || !isSame(known, instance)) return false;
  }
  return true;
}
