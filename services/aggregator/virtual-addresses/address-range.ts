import { hash } from "node:crypto";
import { BlockList, isIP } from "node:net";

/**
 * At most so many bits of an address tell hosts apart: plenty, and numbers stay exact. Of a larger IPv6 range only its
 * first 2^48 addresses are used.
 */
const mostHostBits = 48;

/**
 * A range that virtual addresses are taken from, and the order in which a host tries its addresses: the first by a hash
 * of the host, the next ones in steps that depend on the host, too. So replicas that know nothing of each other mostly
 * choose alike, and one that finds an address taken goes on as any other would.
 */
export class AddressRange {
  readonly #first: bigint;
  readonly #family: 4 | 6;
  /** All addresses, as a power of two. */
  readonly #count: number;
  readonly #block = new BlockList();

  /** `cidr` is an IPv4 or IPv6 range such as `241.0.0.0/8`. @throws RangeError if it isn't. */
  constructor(cidr: string) {
    const [address = "", bits = ""] = cidr.split("/");
    const family = isIP(address);
    const length = family === 4 ? 32 : 128;
    if ((family !== 4 && family !== 6) || !/^\d{1,3}$/.test(bits) || Number(bits) > length) {
      throw new RangeError(`"${cidr}" is no range of addresses`);
    }
    const hostBits = BigInt(length - Number(bits));
    this.#family = family;
    this.#first = ((family === 4 ? ipv4Number(address) : ipv6Number(address)) >> hostBits) << hostBits;
    this.#count = 2 ** Math.min(Number(hostBits), mostHostBits);
    // From the first address: Node misjudges ranges whose bits are not whole bytes when others are given (v24).
    this.#block.addSubnet(this.#text(0), Number(bits), family === 4 ? "ipv4" : "ipv6");
  }

  /** How many hosts the range has addresses for. */
  get size(): number {
    return this.#count - this.#reserved.size;
  }

  /** True for an address of the range, in whatever form it is written. */
  includes(address: string): boolean {
    const family = isIP(address);
    return family === this.#family && this.#block.check(address, family === 4 ? "ipv4" : "ipv6");
  }

  /** Every address of the range once, in the order in which the host tries them. */
  *candidates(host: string): Generator<string, void, undefined> {
    const bytes = hash("sha256", host, "buffer");
    const start = bytes.readUIntBE(0, 6) % this.#count;
    // An odd step meets all of a power of two. (`| 1` would cut it to 32 bits.)
    const drawn = bytes.readUIntBE(6, 6) % this.#count;
    const step = drawn % 2 === 0 ? drawn + 1 : drawn;
    const reserved = this.#reserved;
    let offset = start;
    do {
      if (!reserved.has(offset)) yield this.#text(offset);
      offset = (offset + step) % this.#count;
    } while (offset !== start);
  }

  /** The network's own address and IPv4's broadcast address, which nobody expects a host to have. */
  get #reserved(): ReadonlySet<number> {
    if (this.#count <= 2) return new Set();
    return new Set(this.#family === 4 ? [0, this.#count - 1] : [0]);
  }

  #text(offset: number): string {
    const value = this.#first + BigInt(offset);
    return this.#family === 4 ? ipv4Text(value) : ipv6Text(value);
  }
}

function ipv4Number(text: string): bigint {
  return text.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n);
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
}

function ipv6Number(text: string): bigint {
  const [head = "", tail] = canonicalIpv6(text).split("::");
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((value, part) => value * 65_536n + BigInt(`0x${part}`), 0n);
}

function groups(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

function ipv6Text(value: bigint): string {
  const hex = value.toString(16).padStart(32, "0");
  return canonicalIpv6(hex.match(/.{4}/g)?.join(":") ?? "");
}

/** The form of RFC 5952, with all numbers in hexadecimal: URLs know how. */
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}
