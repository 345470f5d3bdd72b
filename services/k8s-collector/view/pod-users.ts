/**
 * Which Services have an endpoint at which pod, and how many slices say so: a pod that moves from one slice to another is
 * in both for a moment. Nearly every pod is in one slice of one Service, which costs no list.
 */
export class PodUsers {
  readonly #units = new Map<string, string | string[]>();

  add(pod: string, unit: string): void {
    const known = this.#units.get(pod);
    if (known === undefined) this.#units.set(pod, unit);
    else if (typeof known === "string") this.#units.set(pod, [known, unit]);
    else known.push(unit);
  }

  /** True if no slice names the pod any more. */
  remove(pod: string, unit: string): boolean {
    const known = this.#units.get(pod);
    if (known === undefined) return true;
    if (typeof known === "string") return this.#units.delete(pod);
    const index = known.indexOf(unit);
    if (index !== -1) known.splice(index, 1);
    if (known.length === 0) return this.#units.delete(pod);
    return false;
  }

  /** Units with an endpoint at the pod, some of them more than once. */
  of(pod: string): readonly string[] {
    const known = this.#units.get(pod);
    return known === undefined ? [] : typeof known === "string" ? [known] : known;
  }

  has(pod: string): boolean {
    return this.#units.has(pod);
  }
}
