import { isIP } from "node:net";

/**
 * A host's claim to an address, as it stands in the bucket: the key is the address, the value this, in JSON. Hosts are
 * in lower case, times in RFC 3339.
 */
export interface Claim {
  readonly host: string;
  /** When the host was given the address. Of several claims of one host, the oldest counts. */
  readonly claimedAt: string;
  /** When the host was found to be gone. The address stays reserved for a while, should it come back. */
  readonly releasedAt?: string;
}

/** The subject of an address below the bucket's root. A key can't hold colons, so an IPv6 address has hyphens. */
export function claimSubject(root: string, address: string): string {
  return `${root}.${address.replaceAll(":", "-")}`;
}

/** The address of a subject, or undefined if it names none. */
export function claimedAddress(root: string, subject: string): string | undefined {
  if (!subject.startsWith(`${root}.`)) return undefined;
  const key = subject.slice(root.length + 1).replaceAll("-", ":");
  return isIP(key) === 0 ? undefined : key;
}

/** The claim in a message; undefined for what isn't one (such as the empty value that `nats kv del` leaves). */
export function readClaim(data: Uint8Array): Claim | undefined {
  try {
    return claimOf(JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8")));
  } catch {
    return undefined;
  }
}

/** The claim that a value from outside is. By hand: all claims are read at each start. */
export function claimOf(value: unknown): Claim | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!("host" in value) || typeof value.host !== "string" || value.host === "") return undefined;
  if (!("claimedAt" in value) || !isTime(value.claimedAt)) return undefined;
  const { host, claimedAt } = value;
  if (!("releasedAt" in value)) return { host, claimedAt };
  return isTime(value.releasedAt) ? { host, claimedAt, releasedAt: value.releasedAt } : undefined;
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && Number.isFinite(Date.parse(value));
}

/** The value to store. */
export function writeClaim(claim: Claim): Uint8Array {
  return Buffer.from(JSON.stringify(claim));
}
