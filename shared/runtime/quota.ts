/** Why something isn't taken: there are too many in all, or too many of one address. */
export type Shortage = "total" | "address";

/**
 * Counts what is in use, in all and by address. What one address may have leaves room for others: a client that opens
 * as much as it can doesn't lock them out.
 */
export class Quota {
  readonly #total: number;
  readonly #perAddress: number;
  readonly #byAddress = new Map<string, number>();
  #used = 0;

  constructor(total: number, perAddress: number) {
    this.#total = total;
    this.#perAddress = perAddress;
  }

  /** Counts one in; returns why not, if there are too many. */
  take(address: string): Shortage | undefined {
    const used = this.#byAddress.get(address) ?? 0;
    if (this.#used >= this.#total) return "total";
    if (used >= this.#perAddress) return "address";
    this.#used++;
    this.#byAddress.set(address, used + 1);
    return undefined;
  }

  /** Counts one out that was taken for the address. */
  release(address: string): void {
    this.#used--;
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
