import { hash } from "node:crypto";

/**
 * A hash of a set of strings that is kept up to date in constant time per change: the exclusive-or of their hashes.
 * The order in which members came doesn't matter, so replicas agree.
 */
export class SetHash {
  readonly #sum = Buffer.alloc(16);

  /** Adds the member if it is absent, removes it if it is present. */
  toggle(member: string): void {
    const bytes = hash("sha256", member, "buffer");
    for (let index = 0; index < this.#sum.length; index++) {
      this.#sum[index] = (this.#sum[index] ?? 0) ^ (bytes[index] ?? 0);
    }
  }

  /** The hash of the present members: 22 characters. */
  digest(): string {
    return this.#sum.toString("base64url");
  }
}
