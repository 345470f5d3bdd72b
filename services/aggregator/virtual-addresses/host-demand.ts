/**
 * Which hosts are in use, and which of them have no address yet. Pure state, three sets that have to agree: a host that
 * nobody uses is in none of them.
 */
export class HostDemand {
  /** How many entries use a host. */
  readonly #users = new Map<string, number>();
  /** Hosts in use without an address. */
  readonly #wanted = new Set<string>();
  /** Those that no claim has been chosen for yet. */
  readonly #unreserved = new Set<string>();

  /** Hosts in use without an address. */
  get wanted(): ReadonlySet<string> {
    return this.#wanted;
  }

  /** True as long as an entry uses the host. */
  isUsed(host: string): boolean {
    return this.#users.has(host);
  }

  /** One more entry uses the host. True if it is the first. */
  retain(host: string): boolean {
    const users = this.#users.get(host) ?? 0;
    this.#users.set(host, users + 1);
    return users === 0;
  }

  /** One entry less uses the host; with the last one it is forgotten. */
  release(host: string): void {
    const users = (this.#users.get(host) ?? 0) - 1;
    if (users > 0) {
      this.#users.set(host, users);
      return;
    }
    this.#users.delete(host);
    this.#wanted.delete(host);
    this.#unreserved.delete(host);
  }

  /** The host, which is in use, has no address and needs a claim. */
  want(host: string): void {
    this.#wanted.add(host);
    this.#unreserved.add(host);
  }

  /** A claim is to be tried once more for the host, if it is in use. It doesn't wait for that meanwhile. */
  retry(host: string): void {
    if (this.#users.has(host)) this.#unreserved.add(host);
  }

  /** The host has its addresses. */
  satisfy(host: string): void {
    this.#wanted.delete(host);
  }

  /** The hosts that claims have to be chosen for, each once: who takes them sees to it. */
  takeUnreserved(): readonly string[] {
    const hosts = [...this.#unreserved];
    this.#unreserved.clear();
    return hosts;
  }
}
