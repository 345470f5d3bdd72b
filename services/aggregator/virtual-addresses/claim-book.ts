import type { AddressRange } from "./address-range.ts";
import type { Claim } from "./claim.ts";

/** What is known of one address that is taken. */
export interface KnownClaim {
  readonly claim: Claim;
  /** The place of the subject's last message in the bucket, for compare-and-set; 0 if it has none that we know. */
  readonly sequence: number;
  /** Whether the bucket has the claim. */
  readonly stored: boolean;
  /** Whether the address may be served: once it is stored, or as long as the bucket can't be asked. */
  readonly usable: boolean;
}

/**
 * Who has which address, as this replica knows it: a mirror of the bucket, and claims that are not in it (yet). Pure
 * state: what to write and when is the keeper's part.
 *
 * An address has one claim, so no two hosts share one. A host that has several claims in one range (two replicas chose
 * at the same moment, or a lost bucket was filled again) has the address that was claimed first, on every replica.
 */
export class ClaimBook {
  readonly #ranges: readonly AddressRange[];
  readonly #claims = new Map<string, KnownClaim>();
  /** The index of each claimed address's range: to look into the ranges would cost more than all the rest. */
  readonly #rangeByAddress = new Map<string, number | undefined>();
  readonly #unstored = new Set<string>();
  readonly #addressesByHost = new Map<string, readonly string[]>();
  /** Places of deletions in the bucket, for compare-and-set, by address. */
  readonly #deletions = new Map<string, number>();
  /** Claims in each range. */
  readonly #counts: number[];
  /** Hosts that found a range full. */
  readonly #denied = new Set<string>();

  /** A host has one address in each of the ranges. */
  constructor(ranges: readonly AddressRange[]) {
    this.#ranges = ranges;
    this.#counts = ranges.map(() => 0);
  }

  /** All claims by address. */
  get claims(): ReadonlyMap<string, KnownClaim> {
    return this.#claims;
  }

  /** The addresses whose claims are not in the bucket. */
  get unstored(): ReadonlySet<string> {
    return this.#unstored;
  }

  /** Hosts that go without an address in a range, because it is full. */
  get denied(): ReadonlySet<string> {
    return this.#denied;
  }

  /** The host's addresses, those of the first range first; undefined as long as it has to wait for one. */
  addressesOf(host: string): readonly string[] | undefined {
    const addresses: string[] = [];
    for (let range = 0; range < this.#ranges.length; range++) {
      const address = this.#chosen(host, range);
      if (address === undefined) {
        if (!this.#denied.has(host)) return undefined;
      } else if (this.#claims.get(address)?.usable !== true) return undefined;
      else addresses.push(address);
    }
    return addresses;
  }

  /** True if the address is the one that its host has, not a surplus one or one of a former range. */
  isChosen(address: string): boolean {
    const host = this.#claims.get(address)?.claim.host;
    const range = this.#rangeByAddress.get(address);
    return host !== undefined && range !== undefined && this.#chosen(host, range) === address;
  }

  /**
   * Claims an address for the host in each range where it has none: the first that is free. Answers those addresses;
   * they are not usable before they are stored.
   */
  reserve(host: string, claimedAt: string): readonly string[] {
    const reserved: string[] = [];
    for (const [index, range] of this.#ranges.entries()) {
      if (this.#chosen(host, index) !== undefined) continue;
      const address = this.#free(host, range, index);
      if (address === undefined) {
        this.#denied.add(host);
        continue;
      }
      const sequence = this.#deletions.get(address) ?? 0;
      this.#set(address, { claim: { host, claimedAt }, sequence, stored: false, usable: false });
      reserved.push(address);
    }
    return reserved;
  }

  /** Forgets who found a range full, so that they may try again. */
  retryDenied(): readonly string[] {
    const hosts = [...this.#denied];
    this.#denied.clear();
    return hosts;
  }

  /** Takes over what the bucket has. Answers the hosts whose addresses may have changed by it. */
  put(address: string, sequence: number, claim: Claim): readonly string[] {
    const before = this.#claims.get(address);
    if (before?.stored === true && sequence <= before.sequence) return [];
    this.#deletions.delete(address);
    this.#set(address, { claim, sequence, stored: true, usable: true });
    this.#dropSurplus(claim.host);
    return before === undefined || before.claim.host === claim.host
      ? [claim.host]
      : [before.claim.host, claim.host];
  }

  /**
   * Takes note that the bucket has no claim to the address any more. With `keep`, ours stays, to be written again.
   * Answers the hosts whose addresses may have changed by it.
   */
  deleted(address: string, sequence: number, keep: boolean): readonly string[] {
    this.#deletions.set(address, sequence);
    const before = this.#claims.get(address);
    if (before === undefined || (before.stored && sequence <= before.sequence)) return [];
    if (!before.stored || keep) {
      this.#set(address, { ...before, sequence, stored: false });
      return [];
    }
    this.drop(address);
    return [before.claim.host];
  }

  /** Writes a claim without the bucket: from a state on disk, or a new expectation about the bucket. */
  set(address: string, known: KnownClaim): void {
    this.#set(address, known);
  }

  /** Forgets a claim. */
  drop(address: string): void {
    const known = this.#claims.get(address);
    if (known === undefined) return;
    this.#claims.delete(address);
    this.#unstored.delete(address);
    this.#count(address, -1);
    this.#rangeByAddress.delete(address);
    const { host } = known.claim;
    const others = (this.#addressesByHost.get(host) ?? []).filter((other) => other !== address);
    if (others.length === 0) this.#addressesByHost.delete(host);
    else this.#addressesByHost.set(host, others);
  }

  /** The bucket is read anew, and may be another one: what it had is only remembered. */
  reset(): void {
    this.#deletions.clear();
    for (const [address, known] of this.#claims) {
      this.#claims.set(address, { ...known, sequence: 0, stored: false });
      this.#unstored.add(address);
    }
  }

  /** Lets everything that waits be served as it is. Answers the hosts. */
  allowAll(): readonly string[] {
    const hosts: string[] = [];
    for (const address of this.#unstored) {
      const known = this.#claims.get(address);
      if (known === undefined || known.usable) continue;
      this.#claims.set(address, { ...known, usable: true });
      hosts.push(known.claim.host);
    }
    return hosts;
  }

  /** Forgets a deletion: its message goes from the bucket in time, and nothing is expected of the subject then. */
  forgetDeletion(address: string): void {
    this.#deletions.delete(address);
  }

  /** Frees a host's claims that aren't stored and that it no longer needs. */
  #dropSurplus(host: string): void {
    const addresses = this.#addressesByHost.get(host) ?? [];
    if (addresses.length <= 1) return;
    for (const address of addresses) {
      if (this.#unstored.has(address) && !this.isChosen(address)) this.drop(address);
    }
  }

  #chosen(host: string, range: number): string | undefined {
    const addresses = this.#addressesByHost.get(host);
    if (addresses === undefined) return undefined;
    let chosen: string | undefined;
    for (const address of addresses) {
      if (this.#rangeByAddress.get(address) !== range) continue;
      if (chosen === undefined || this.#isOlder(address, chosen)) chosen = address;
    }
    return chosen;
  }

  #isOlder(address: string, other: string): boolean {
    const a = this.#claims.get(address)?.claim.claimedAt ?? "";
    const b = this.#claims.get(other)?.claim.claimedAt ?? "";
    return a === b ? address < other : a < b;
  }

  #free(host: string, range: AddressRange, index: number): string | undefined {
    if ((this.#counts[index] ?? 0) >= range.size) return undefined;
    for (const address of range.candidates(host)) {
      if (!this.#claims.has(address)) return address;
    }
    return undefined;
  }

  #set(address: string, known: KnownClaim): void {
    const before = this.#claims.get(address);
    if (before?.claim.host !== known.claim.host) {
      this.drop(address);
      const { host } = known.claim;
      this.#addressesByHost.set(host, [...this.#addressesByHost.get(host) ?? [], address]);
      const range = this.#ranges.findIndex((each) => each.includes(address));
      this.#rangeByAddress.set(address, range === -1 ? undefined : range);
      this.#count(address, 1);
    }
    this.#claims.set(address, known);
    if (known.stored) this.#unstored.delete(address);
    else this.#unstored.add(address);
  }

  #count(address: string, change: 1 | -1): void {
    const range = this.#rangeByAddress.get(address);
    if (range !== undefined) this.#counts[range] = (this.#counts[range] ?? 0) + change;
  }
}
